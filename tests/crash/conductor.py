"""Watches everything that passes on all wires, names it, and stops the world at one point."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import anyio

from crash.events import Event, Frame, Point, Side

Hook = Callable[[], Awaitable[None]]


class Conductor:
    """What one run does on its wires.

    Attributes:
        trace: The events so far.
        reached: Set when the target was reached: from then on nothing passes any wire until `resume`.
        looks: How many claims found nothing.
    """

    def __init__(
        self,
        concerns: Callable[[str], Awaitable[bool]],
        target: Point | None = None,
        hooks: Mapping[str, Hook] | None = None,
        order: Mapping[str, str] | None = None,
    ) -> None:
        """Make one for a run.

        Args:
            concerns: Tells whether a command that is about to be sent concerns the job.
            target: Where to stop; None only watches.
            hooks: What is done when an event is about to pass for the first time, by its name.
            order: Which event has to wait for which moment, named as a point is: so that two channels take the same
                turns in every run. A fault ends that.
        """
        self.trace: list[Event] = []
        self.reached = anyio.Event()
        self.looks = 0
        self._concerns = concerns
        self._target = target
        self._hooks = dict(hooks or {})
        self._order = dict(order or {})
        self._turns = {awaited: anyio.Event() for awaited in self._order.values()}
        self._counts: Counter[tuple[str, bool]] = Counter()
        self._gate = anyio.Event()
        self._gate.set()

    async def admit(self, frame: Frame) -> Event | None:
        """Wait until a frame may pass. Returns its event, if it is one."""
        await self._gate.wait()
        if not await self._is_event(frame):
            return None
        event = self._event(frame)
        self._turn(Point(event, Side.BEFORE))
        if (awaited := self._order.get(str(event))) is not None:
            await self._turns[awaited].wait()
        if (hook := self._hooks.pop(str(event), None)) is not None:
            await hook()
        self.trace.append(event)
        await self._stop_at(Point(event, Side.BEFORE))
        return event

    async def passed(self, event: Event | None) -> None:
        """Take note that an event has passed."""
        if event is not None:
            await self._stop_at(Point(event, Side.AFTER))
            self._turn(Point(event, Side.AFTER))

    def resume(self) -> None:
        """Let everything pass again."""
        self._target = None
        self._order = {}
        for turn in self._turns.values():
            turn.set()
        self._gate.set()

    async def _is_event(self, frame: Frame) -> bool:
        if frame.idle:
            self.looks += frame.verb == "sql:claim"
        if frame.verb is None or frame.idle:
            return False
        return frame.half != "command" or await self._concerns(frame.verb)

    def _event(self, frame: Frame) -> Event:
        assert frame.verb is not None
        kind = frame.verb, frame.half == "command"
        self._counts[kind] += 1
        return Event(frame.verb, self._counts[kind], frame.half)

    def _turn(self, moment: Point) -> None:
        if (turn := self._turns.get(str(moment))) is not None:
            turn.set()

    async def _stop_at(self, point: Point) -> None:
        if point == self._target:
            self._gate = anyio.Event()
            self.reached.set()
        await self._gate.wait()
