"""What may become of a job after an attempt: values, and nothing else."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """Every channel is settled and at least one was sent: `completed`.

    Attributes:
        note: Which channel failed or was skipped, and why; None where all went well.
        spent: Whether the attempt counts; one that only asked the provider does not.
    """

    note: str | None = None
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Defer:
    """Back to wait: `scheduled`.

    Attributes:
        delay: How long, by the database's clock.
        spent: Whether the attempt counts; a pause, a stop, an inquiry or a job whose time has not come spends none.
        reason: Why it waits.
        waits_for: The paused channels, comma-separated and in order, where they are all it waits for: it may go as soon
            as one of them is back.
    """

    delay: timedelta
    spent: bool
    reason: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Bury:
    """Given up, kept for the operator: `failed`.

    Attributes:
        spent: Whether the attempt counts; it does not where none was left to begin with.
    """

    reason: str
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """No longer worth sending: `cancelled`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not to be sent until a person has looked: `held`."""

    reason: str
    spent: bool = True


Verdict = Done | Defer | Bury | Cancel | Hold
