"""The model of what a customer may have received: judges a run by what the sinks, the ledger and the row say."""

from collections.abc import Iterator
from itertools import pairwise

from crash.outcomes import Outcome, copies_of, outcome, state_of
from crash.run import Seen
from crash.scenarios import CHANNELS, Expected, Scenario

STEPS = {
    None: {"intended", "suppressed"},
    "intended": {"sent", "failed", "suppressed", "retrying", "unknown"},
    "retrying": {"intended", "suppressed", "failed"},
    "unknown": {"intended", "sent", "retrying", "failed", "suppressed"},
}
"""How a delivery may go on; from any other state it may not."""


def complaints(scenario: Scenario, seen: Seen) -> list[str]:
    """Return what is wrong with a run, in words; nothing is the verdict to hope for."""
    found = [*seen.broken, *_row(scenario, seen)]
    for channel in CHANNELS:
        found += [f"{channel}: {words}" for words in _channel(scenario, channel, seen)]
    return found


def _row(scenario: Scenario, seen: Seen) -> Iterator[str]:
    row = seen.row
    if not row.is_settled:
        yield f"lost: {row}"
    if row.status == "held":
        yield "held, though the provider can be asked"
    if row.attempts > row.max_attempts:
        yield f"attempt {row.attempts} of {row.max_attempts}"
    if scenario.cancelled_at is not None and row.status != "cancelled":
        yield f"{row.status}, though the booking system has cancelled it"


def _channel(scenario: Scenario, channel: str, seen: Seen) -> Iterator[str]:
    copies, state, expected = copies_of(channel, seen), state_of(channel, seen), scenario.expected[channel]
    yield from _history(channel, seen)
    if state == "sent" and not copies:
        yield "lost: the ledger says sent, and nothing was received"
    if expected is Expected.ARRIVES and not copies and not _is_used_up(channel, seen):
        yield f"lost: never received; {seen.row}"
    if expected is Expected.NEVER and copies:
        yield f"received {copies} times, and should not be"
    can_be_asked = channel == "sms" or not _is_used_up(channel, seen)
    if state == "unknown" and can_be_asked and expected is not Expected.PERHAPS:
        yield "still in doubt at the end"
    yield from _copies(channel, seen)
    if outcome(channel, seen) is Outcome.WRONG:
        yield f"received {copies} times, the ledger says {state}, the row {seen.row}"


def _copies(channel: str, seen: Seen) -> Iterator[str]:
    """Check that no message came twice, but for e-mails that were on record as in doubt before they were sent again."""
    copies, again = copies_of(channel, seen), _sent_again(seen.history.get(channel, []))
    if channel == "sms" and copies > 1:
        yield f"duplicate: {copies} SMS"
    if channel == "email" and copies > 1 + again:
        yield f"duplicate: {copies} e-mails, {again} on record as in doubt"
    if channel == "email" and len(set(seen.mails)) > 1:
        yield f"{len(set(seen.mails))} Message-IDs"


def _sent_again(states: list[str]) -> int:
    """Count how often a message in doubt was about to be sent again."""
    return sum(step == ("unknown", "intended") for step in pairwise(states))


def _history(channel: str, seen: Seen) -> Iterator[str]:
    for before, after in pairwise([None, *seen.history.get(channel, [])]):
        if after not in STEPS.get(before, set()):
            yield f"the ledger went from {before} to {after}"


def _is_used_up(channel: str, seen: Seen) -> bool:
    """Tell whether the last attempt was spent by the fault, and the row says what that means for a channel."""
    row = seen.row
    return row.attempts >= row.max_attempts and ("attempts used up" in row.error or f"{channel}: " in row.error)
