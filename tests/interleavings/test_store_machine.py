"""The store under arbitrary interleavings: what daemons, booking systems, operators and providers do, in any order."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from interleavings.attempt import EMAIL, SMS
from interleavings.daemons import DaemonRules
from interleavings.stage import Stage, set_stage
from interleavings.upkeep import DAEMON
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
                return
            self.clock(minutes=97)
            self.rescue()
            self.take_in()
            self.promote(back=(EMAIL, SMS))
            self.claim(daemon=0, heard=True)
            while self.attempts:
                self.go_on(pick=0, fate="accepted", twice=False)
        pytest.fail(f"it never ends: {self.seen}")


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
