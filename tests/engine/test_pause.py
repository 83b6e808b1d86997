"""The pause of a channel: whatever happens in whatever order, one probe at a time, and never too early."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from notifyd.engine.pause import LONGEST_PAUSE, LONGEST_STREAK, SHORTEST_PAUSE, Pause
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown

GOOD: list[Outcome] = [Sent("1"), Retryable("busy"), Permanent("bad number"), Suppress("no mailbox")]
SUSPICIOUS: list[Outcome] = [
    Retryable("refused", suspicious=True),
    Permanent("policy", suspicious=True),
    Unknown("cut off"),
]
PAUSED: list[Outcome] = [Paused("down"), Paused("429", retry_after=7.0), Paused("quota", retry_after=600.0)]


class Sending(RuleBasedStateMachine):
    """Messages are admitted, come to something, or are abandoned, while the clock goes on."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.pause = Pause()
        self.probes = 0
        self.not_before = 0.0
        self.row = 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 60.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.now += seconds

    @rule(target=under_way)
    def ask(self) -> bool | None:
        """A message asks to be sent. Returns whether it is a probe; None if it was refused."""
        paused = self.pause.reason is not None
        refused = self.pause.admit(self.now)
        if refused is None:
            assert not paused or self.now >= self.not_before
            self.probes += paused
            return paused
        assert paused
        assert refused.whole_channel
        assert refused.reason == self.pause.reason
        assert refused.retry_after is not None
        assert refused.retry_after >= max(self.pause.until - self.now, SHORTEST_PAUSE)
        return None

    @rule(probe=consumes(under_way), outcome=st.sampled_from(GOOD + SUSPICIOUS + PAUSED))
    def come_to(self, probe: bool | None, outcome: Outcome) -> None:
        """A message under way came to something."""
        if probe is None:
            return
        was_paused = self.pause.reason is not None
        changed = self.pause.observe(outcome, self.now, probe=probe)
        self.probes -= probe
        is_paused = self.pause.reason is not None
        self.row = 0 if outcome in GOOD or (was_paused and not is_paused) else self.row + (outcome in SUSPICIOUS)
        if isinstance(outcome, Paused) and (probe or not was_paused):
            assert is_paused
            assert changed
            self.not_before = max(self.not_before, self.now + (outcome.retry_after or SHORTEST_PAUSE))
        if was_paused and not is_paused:
            assert probe
            assert changed
        if is_paused and not was_paused:
            assert changed
            assert isinstance(outcome, Paused) or self.row >= LONGEST_STREAK
        if isinstance(outcome, Paused) and outcome.retry_after:
            assert self.pause.until >= self.now + outcome.retry_after

    @rule(probe=consumes(under_way))
    def give_up(self, probe: bool | None) -> None:
        """A message that was admitted is not sent after all."""
        if probe is not None:
            before = self.pause.reason
            self.pause.abandon(probe=probe)
            self.probes -= probe
            assert before == self.pause.reason

    @rule()
    def found(self) -> None:
        """An inquiry found that a message in doubt was accepted: what rests on suspicion is over, nothing else."""
        suspected = self.pause.suspected
        assert not suspected or self.pause.reason is not None
        assert suspected == self.pause.vindicate()
        assert (self.pause.reason is None) or not suspected
        self.row = 0

    @invariant()
    def one_probe_at_a_time(self) -> None:
        """Two probes are never under way at once, and one that is keeps others from being chosen."""
        assert self.probes <= 1
        if self.probes:
            assert not self.pause.may_probe(self.now)

    @precondition(lambda self: self.pause.reason is not None and not self.probes)
    @invariant()
    def never_for_ever(self) -> None:
        """A pause always ends in a probe: ours within a minute, the provider's when it said."""
        assert self.pause.until <= self.now + max(LONGEST_PAUSE, 600.0)
        assert self.pause.may_probe(max(self.pause.until, self.now))


TestSending = Sending.TestCase
TestSending.settings = settings(settings.get_profile("small"), stateful_step_count=60)


def paused(outcome: Outcome, now: float = 0.0) -> Pause:
    """Return a pause that this outcome has begun."""
    pause = Pause()
    assert pause.observe(outcome, now, probe=False)
    return pause


def test_open() -> None:
    """An open channel lets everybody through, and good news changes nothing."""
    pause = Pause()
    assert [None] * 3 == [pause.admit(0.0) for _ in range(3)]
    assert not any(pause.observe(outcome, 0.0, probe=False) for outcome in GOOD)
    assert not pause.may_probe(1e9)


def test_retry_after_is_honoured() -> None:
    """Until the provider's time has passed nobody is let through; then one, and no second one."""
    pause = paused(Paused("429", retry_after=30.0), 100.0)
    assert Paused("429", retry_after=30.0) == pause.admit(100.0)
    assert pause.admit(129.9) is not None
    assert pause.admit(130.0) is None
    assert Paused("429", retry_after=SHORTEST_PAUSE) == pause.admit(130.0)


def test_pauses_double() -> None:
    """Where the provider names no time, each failed probe doubles the pause, up to a minute; a good one starts over."""
    pause, now, lengths = paused(Paused("down")), 0.0, []
    for _ in range(8):
        lengths.append(pause.until - now)
        now = pause.until
        assert pause.admit(now) is None
        assert pause.observe(Paused("down"), now, probe=True)
    assert [1, 2, 4, 8, 16, 32, 60, 60] == lengths
    assert pause.admit(now + 60) is None
    assert pause.observe(Sent("1"), now + 60, probe=True)
    assert pause.reason is None
    assert pause.observe(Paused("down"), now + 60, probe=False)
    assert SHORTEST_PAUSE == pause.until - (now + 60)


@pytest.mark.parametrize("outcome", SUSPICIOUS)
def test_a_streak(outcome: Outcome) -> None:
    """So many suspicious outcomes in a row pause the channel; one good one in between starts the count again."""
    pause = Pause()
    for _ in range(LONGEST_STREAK - 1):
        assert not pause.observe(outcome, 0.0, probe=False)
    assert not pause.observe(Retryable("grey-listed"), 0.0, probe=False)
    for _ in range(LONGEST_STREAK - 1):
        assert not pause.observe(outcome, 0.0, probe=False)
    assert pause.observe(outcome, 0.0, probe=False)
    assert pause.reason is not None
    assert pause.reason.startswith(f"{LONGEST_STREAK} in a row: ")


def test_late_news_does_not_reopen() -> None:
    """A message that was under way when the pause began neither ends nor shortens it, but may prolong it."""
    pause = paused(Paused("429", retry_after=30.0))
    assert not pause.observe(Sent("1"), 1.0, probe=False)
    assert not pause.observe(Paused("429", retry_after=5.0), 1.0, probe=False)
    assert ("429", 30.0) == (pause.reason, pause.until)
    assert not pause.observe(Paused("429", retry_after=60.0), 1.0, probe=False)
    assert 61.0 == pause.until


def test_an_abandoned_probe_is_replaced() -> None:
    """A probe that was never sent makes room for the next at once."""
    pause = paused(Paused("down"))
    assert pause.admit(5.0) is None
    assert pause.admit(5.0) is not None
    pause.abandon(probe=True)
    assert pause.admit(5.0) is None


def test_an_abandoned_message_is_no_probe() -> None:
    """A message admitted before the pause and abandoned during it does not let a second probe through."""
    pause = paused(Paused("down"))
    assert pause.admit(5.0) is None
    pause.abandon(probe=False)
    assert pause.admit(5.0) is not None


@pytest.mark.parametrize("outcome", SUSPICIOUS)
def test_a_suspicious_probe_does_not_reopen(outcome: Outcome) -> None:
    """A probe that ends like the trouble before keeps the channel paused, for longer."""
    pause = paused(Paused("down"))
    assert pause.admit(5.0) is None
    assert pause.observe(outcome, 5.0, probe=True)
    assert pause.reason is not None
    assert 7.0 == pause.until


@pytest.mark.parametrize("asked", [1e9, float("inf"), float("nan")])
def test_a_nonsensical_retry_after(asked: float) -> None:
    """No provider can switch a channel off for years: a day is the most."""
    assert paused(Paused("429", retry_after=asked)).until <= 86_400


def test_inquiries_pass_a_suspicion_alone() -> None:
    """While outcomes in a row were suspicious, questions are let through; while the provider named a time, none is."""
    suspected = Pause()
    for _ in range(LONGEST_STREAK):
        suspected.observe(Unknown("cut off"), 0.0, probe=False)
    assert suspected.admit(0.0) is not None
    assert [None, None] == [suspected.admit(0.0, asking=True) for _ in range(2)]
    busy = paused(Paused("429", retry_after=30.0))
    assert busy.admit(0.0, asking=True) is not None
    assert busy.admit(30.0, asking=True) is None, "the probe"
    assert busy.admit(30.0, asking=True) is not None


def test_a_message_that_was_found_ends_a_suspicion() -> None:
    """The provider takes messages, only its answers get lost: the channel is open again, from the first pause on."""
    suspected = Pause()
    for _ in range(LONGEST_STREAK):
        suspected.observe(Unknown("cut off"), 0.0, probe=False)
    assert suspected.vindicate()
    assert suspected.admit(0.0) is None
    busy = paused(Paused("429", retry_after=30.0))
    assert not busy.vindicate()
    assert busy.admit(0.0) is not None


def test_the_providers_word_outweighs_a_suspicion() -> None:
    """A 429 that comes in while the channel is under suspicion is obeyed by inquiries too."""
    pause = Pause()
    for _ in range(LONGEST_STREAK):
        pause.observe(Unknown("cut off"), 0.0, probe=False)
    pause.observe(Paused("429", retry_after=30.0), 0.0, probe=False)
    assert pause.admit(10.0, asking=True) is not None
    assert not pause.vindicate()
