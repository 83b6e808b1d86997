"""The store under arbitrary interleavings: what daemons, booking systems, operators and providers do, in any order."""

import sys
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from interleavings.attempt import EMAIL, SMS
from interleavings.counting import differences, key
from interleavings.daemons import DaemonRules
from interleavings.stage import Stage, set_stage
from interleavings.upkeep import DAEMON
from notifyd.store.verify import MOST_SHOWN, verify
from store.shapes import TABLE
from support.databases import Databases

ASKED_FOR = settings().max_examples
EXAMPLES = ASKED_FOR if ASKED_FOR >= 10_000 else min(2 * ASKED_FOR, 250)
"""All of them with HYPOTHESIS_PROFILE=interleavings; an example takes as long as ten of other tests."""

STEPS = 25
"""Rules in one example."""

ROUNDS = 12
"""Rounds in which every job comes to its end."""

A_WEEK = 7 * 24 * 60
"""Minutes: more than the steps of one example can have put the clock back, with whatever falls due after it."""


class StoreMachine(DaemonRules):
    """Everybody at once."""

    @precondition(lambda self: self.seen.leases)
    @rule(daemon=DAEMON)
    def stand_still(self, daemon: int) -> None:
        """All daemons but one stand still for longer than a lease, and the one takes their jobs."""
        self.clock(minutes=97)
        self.rescue()
        self.claim(daemon, heard=True)

    def teardown(self) -> None:
        """Let everything come to its end: nothing is lost."""
        self.stage.run(self.stage.booking.execute("rollback"))
        if sys.exc_info()[0] is not None:  # a step has failed: its error is the one to be read
            return
        self.locked = None
        self.attempts.clear()  # whoever was at work is dead
        self.clock(minutes=A_WEEK)
        for _ in range(ROUNDS):
            if not self.having("pending", "processing", "scheduled") and not self.seen.leases:
                self.verify()
                return
            self.clock(minutes=97)
            self.rescue()
            self.take_in()
            self.promote(back=(EMAIL, SMS))
            self.claim(daemon=0, heard=True)
            while self.attempts:
                self.go_on(pick=0, fate="accepted", twice=False)
        pytest.fail(f"it never ends: {self.seen}")

    def verify(self) -> None:
        """The store's recount finds what others have done, to the row, and an adoption leaves nothing to be found."""
        found = self.stage.run(verify(self.stage.dsn, TABLE, adopt=True))
        expected = differences(self.seen)
        net: Counter[tuple[str, str]] = Counter()
        for (_, channel, outcome), n in expected.items():
            net[channel, outcome] += n
        assert net == Counter({(one.channel, one.outcome): one.more - one.fewer for one in found.totals})
        if len(found.largest) < MOST_SHOWN:
            told: Counter[tuple[str, str, str]] = Counter()
            for one in found.largest:  # by hours, which the clock of this play has moved
                salon = key(one.salon) if one.salon in self.recipients else UUID(one.salon).hex
                told[salon, one.channel, one.outcome] += one.found - one.counted
            assert expected == told
        assert 0 == found.torn
        assert self.stage.run(verify(self.stage.dsn, TABLE)).clean


@pytest.fixture(scope="module")
def stage(databases: Databases) -> Iterator[Stage]:
    """Give a stage."""
    with set_stage(databases) as made:
        yield made


def test_no_order_of_steps_breaks_a_law(stage: Stage) -> None:
    """Whatever is done in whatever order, every law of `judge` holds after every step, and every job ends."""

    class OnStage(StoreMachine):
        """The machine, on this stage."""

        def __init__(self) -> None:
            super().__init__(stage)

    run_state_machine_as_test(OnStage, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
