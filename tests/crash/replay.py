"""Plays a scenario once undisturbed, then again for every point that it has, struck by a fault there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import anyio

from crash.events import Event, Point, Side
from crash.judge import complaints
from crash.outcomes import Outcome, outcome
from crash.rig import Rig
from crash.run import Fault, Seen, play
from crash.scenarios import CHANNELS, Scenario

TRIES = 3
"""How often a point is tried to reach: statements may share a round in one run, and not in the next."""

ENOUGH = 10
"""Complaints after which the rest need not be heard."""

Choice = Callable[[Sequence[Point]], Iterable[Point]]
"""Which points to replay."""


@dataclass
class Tally:
    """What all runs of one scenario and one fault came to.

    Attributes:
        points: Those that were struck, by name.
        unreached: Those that were not.
        outcomes: What was seen, by channel.
        undisturbed: What was seen before anything broke, by channel.
        complaints: What was wrong.
    """

    scenario: str
    fault: str
    points: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    outcomes: dict[str, set[Outcome]] = field(default_factory=lambda: {channel: set() for channel in CHANNELS})
    undisturbed: dict[str, Outcome] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


async def replay(rigs: Sequence[Rig], scenario: Scenario, fault: Fault, choose: Choice = iter) -> Tally:
    """Replay the points of a scenario, on several rigs at once.

    Args:
        rigs: Where to.
        scenario: What the world is like.
        fault: What breaks.
        choose: Which of the points.
    """
    tally = Tally(scenario.name, fault.name)
    calm = await play(rigs[0], scenario)
    tally.complaints += [f"undisturbed: {words}" for words in complaints(scenario, calm)]
    tally.undisturbed = {channel: outcome(channel, calm) for channel in CHANNELS}
    points = iter(choose([point for point in _points(calm.trace) if fault.can_strike(point)]))

    async def work(rig: Rig) -> None:
        for point in points:
            await _strike(rig, scenario, fault, point, tally)
            if len(tally.complaints) >= ENOUGH:
                return

    async with anyio.create_task_group() as lanes:
        for rig in rigs:
            lanes.start_soon(work, rig)
    return tally


def _points(trace: Iterable[Event]) -> Iterator[Point]:
    return (Point(event, side) for event in trace for side in Side)


async def _strike(rig: Rig, scenario: Scenario, fault: Fault, point: Point, tally: Tally) -> None:
    for _ in range(TRIES):
        seen = await play(rig, scenario, fault, point)
        _judge(scenario, seen, point, tally)
        if seen.reached:
            tally.points.append(str(point))
            return
    tally.unreached.append(str(point))


def _judge(scenario: Scenario, seen: Seen, point: Point, tally: Tally) -> None:
    """Hear the verdict on one run; one that its fault has missed has to be right as well."""
    tally.complaints += [f"{scenario.name}, {tally.fault} {point}: {words}" for words in complaints(scenario, seen)]
    for channel in CHANNELS:
        tally.outcomes[channel].add(outcome(channel, seen))
