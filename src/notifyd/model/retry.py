"""How long to wait before the next attempt."""

from dataclasses import dataclass
from datetime import timedelta

_LARGEST_EXPONENT = 32  # 2 ** 32 half minutes are four thousand years: beyond any ceiling, and cheap to compute


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff between two bounds.

    Attributes:
        base: The delay after the first attempt, before jitter.
        ceiling: No delay of ours is longer than this; one that the provider asks for may be.
    """

    base: timedelta
    ceiling: timedelta


def backoff(attempt: int, policy: RetryPolicy, jitter: float) -> timedelta:
    """Return the delay after a failed attempt: doubled each time, half of it at random, so that a herd breaks up.

    Args:
        attempt: The attempt that failed; the first is 1. Any integer is survived.
        policy: The bounds.
        jitter: A random number in [0, 1).

    Returns:
        A delay between half of `policy.base` and `policy.ceiling`.
    """
    exponent = min(max(attempt - 1, 0), _LARGEST_EXPONENT)
    whole = min(policy.base.total_seconds() * 2**exponent, policy.ceiling.total_seconds())
    return timedelta(seconds=whole * (0.5 + jitter / 2))
