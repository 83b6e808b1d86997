"""A daemon that is killed, cut off or stopped at every point of a job: nothing is lost, nothing comes twice unseen."""

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path

import pytest

from crash.events import Point
from crash.faults import FAULTS
from crash.page import promised
from crash.replay import replay
from crash.rig import Rig, open_rigs
from crash.run import Fault
from crash.scenarios import SCENARIOS, Scenario
from crash.zygote import Zygote
from support.databases import Databases

Rigs = AbstractAsyncContextManager[list[Rig]]

SMALL = {
    ("both fine", "the daemon is killed"),
    ("both fine", "the database is cut off"),
    ("both fine", "the provider is cut off"),
    ("both fine", "the daemon stands still"),
    ("retry", "the daemon is killed"),
    ("unknown", "the daemon is killed"),
    ("cancelled meanwhile", "the daemon is killed"),
}
"""What runs without `--crash`."""

SHARP = {"sql:intend", "http:POST", "smtp:message", "sql:record", "sql:prove"}
"""The events between which a message leaves and is written down."""

FEW = 8


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each scenario and fault, so that workers share them."""
    if "fault" in metafunc.fixturenames:
        whole = metafunc.config.getoption("crash")
        chosen = [(s, f) for s in SCENARIOS for f in FAULTS if whole or (s.name, f.name) in SMALL]
        metafunc.parametrize(("scenario", "fault"), chosen, ids=[f"{s.name}-{f.name}" for s, f in chosen])


@pytest.fixture
def whole(pytestconfig: pytest.Config) -> bool:
    """Tell whether every point is to be struck."""
    return bool(pytestconfig.getoption("crash"))


@pytest.fixture
def opening(databases: Databases, zygote: Zygote, tmp_path: Path) -> Rigs:
    """Give rigs that are put together by `async with`, in the test's own task."""
    return open_rigs(databases, zygote, tmp_path)


async def test_points(scenario: Scenario, fault: Fault, opening: Rigs, crash_results: Path, whole: bool) -> None:
    """Whatever breaks, at whatever point: the job comes to its end, and the customer gets what the page promises."""
    async with opening as rigs:
        tally = await replay(rigs, scenario, fault, iter if whole else _some)
    assert not tally.complaints, "\n".join(tally.complaints)
    name = f"{scenario.name}-{fault.name}.json".replace(" ", "-")
    (crash_results / name).write_text(json.dumps(asdict(tally), default=sorted))
    if not whole:
        promises = promised()
        for channel, seen in tally.outcomes.items():
            assert seen <= promises[scenario.name, fault.name, channel], f"{channel}: not in docs/guarantees.md"


def _some(points: Sequence[Point]) -> Iterable[Point]:
    """Choose every third of the sharp points, of each window some; where they are few, all."""
    sharp = [point for point in points if point.event.verb in SHARP]
    return sharp[1::3] if len(sharp) > FEW else sharp
