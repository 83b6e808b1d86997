"""What a customer, and whoever reads the row, can have seen of one channel: the words of docs/guarantees.md."""

from collections.abc import Iterable
from enum import StrEnum

from crash.run import Seen


class Outcome(StrEnum):
    """From the best to the worst."""

    ONCE = "once"
    DOUBTED = "once (in doubt)"
    TWICE = "twice (the same mail, on record)"
    THRICE = "three times (the same mail, on record)"
    CALLED_OFF = "never (called off)"
    REFUSED = "never (the row says why)"
    UNSENT = "never (in doubt)"
    WRONG = "WRONG"


SEPARATOR = ", or "

_PLAIN = {
    (1, "sent"): Outcome.ONCE,
    (2, "sent"): Outcome.TWICE,
    (3, "sent"): Outcome.THRICE,
    (1, "unknown"): Outcome.DOUBTED,
    (0, "unknown"): Outcome.UNSENT,
    (0, "failed"): Outcome.REFUSED,
    (0, "suppressed"): Outcome.REFUSED,
}


def outcome(channel: str, seen: Seen) -> Outcome:
    """Name what came of one channel."""
    copies, state = copies_of(channel, seen), state_of(channel, seen)
    if state is not None and (found := _PLAIN.get((copies, state))) is not None:
        return found
    if copies or state not in {None, "retrying"}:
        return Outcome.WRONG
    if seen.row.error:
        return Outcome.REFUSED
    return Outcome.CALLED_OFF if seen.row.status == "cancelled" else Outcome.WRONG


def cell(outcomes: Iterable[Outcome]) -> str:
    """Write several outcomes into one cell, the best first."""
    seen = set(outcomes)
    return SEPARATOR.join(each.value for each in Outcome if each in seen)


def uncell(text: str) -> set[Outcome]:
    """Read a cell."""
    return {Outcome(each) for each in text.split(SEPARATOR)}


def copies_of(channel: str, seen: Seen) -> int:
    """Return how many messages the customer received."""
    return len(seen.mails) if channel == "email" else seen.texts


def state_of(channel: str, seen: Seen) -> str | None:
    """Return what the ledger says in the end."""
    return seen.history[channel][-1] if channel in seen.history else None
