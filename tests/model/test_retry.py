"""Backoff: bounded, never shorter as attempts go up, never a surprise whatever the row holds."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.retry import RetryPolicy, backoff

POLICY = RetryPolicy(base=timedelta(seconds=30), ceiling=timedelta(hours=1))
ANY_ATTEMPT = st.integers() | st.sampled_from([-(2**31), -1, 0, 1, 31, 32, 33, 2**31 - 1, 2**31, 10**5_000])
JITTER = st.floats(0.0, 1.0, exclude_max=True)
SECONDS = st.floats(0.001, 10.0**7).map(lambda seconds: timedelta(seconds=seconds))
POLICIES = st.builds(lambda base, more: RetryPolicy(base, base + more), SECONDS, SECONDS)


@given(ANY_ATTEMPT, POLICIES, JITTER)
def test_bounded(attempt: int, policy: RetryPolicy, jitter: float) -> None:
    """For any integer the delay lies between half the base and the ceiling."""
    assert policy.base * 0.499 <= backoff(attempt, policy, jitter) <= policy.ceiling


@given(st.integers(-10, 100), POLICIES, JITTER)
def test_never_shorter(attempt: int, policy: RetryPolicy, jitter: float) -> None:
    """By the same dice a later attempt waits no less than an earlier one."""
    assert backoff(attempt, policy, jitter) <= backoff(attempt + 1, policy, jitter)


@given(ANY_ATTEMPT, POLICIES)
def test_half_of_it_is_random(attempt: int, policy: RetryPolicy) -> None:
    """The dice decide about half of the delay, so that a herd breaks up."""
    shortest, longest = backoff(attempt, policy, 0.0), backoff(attempt, policy, 1.0)
    assert abs(longest - 2 * shortest) <= timedelta(microseconds=2)


def test_it_doubles() -> None:
    """The delays without dice are those that the documentation shows."""
    seconds = [backoff(attempt, POLICY, 1.0).total_seconds() for attempt in range(1, 10)]
    assert [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] == seconds
