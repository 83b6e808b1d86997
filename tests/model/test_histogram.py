"""Durations in buckets: nothing is lost but where in its bucket a duration lay."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.histogram import BOUNDS, Histogram


def filled(durations: list[float]) -> Histogram:
    """Return a histogram of these."""
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


DURATIONS = st.lists(st.floats(0, 60, allow_subnormal=False), min_size=1, max_size=200)


@given(DURATIONS)
def test_each_is_counted_once(durations: list[float]) -> None:
    """Under each end stands how many were at most as long; under the last, all."""
    histogram = filled(durations)
    assert {end: sum(one <= end for one in durations) for end in (*BOUNDS, inf)} == dict(histogram.cumulated())
    assert (len(durations), max(durations)) == (histogram.count, histogram.longest)
    assert sum(durations) == pytest.approx(histogram.total)


@given(DURATIONS, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_lies_in_its_bucket(durations: list[float], share: float) -> None:
    """The estimate is never outside the bucket of the true quantile, nor above the longest."""
    true = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    low = max((end for end in (0.0, *BOUNDS) if end < true), default=0.0)
    high = min(*(end for end in (*BOUNDS, inf) if end >= true), max(durations))
    estimate = filled(durations).quantile(share)
    assert estimate is not None
    assert low <= estimate <= high


def test_a_quantile_is_where_an_even_spread_would_have_it() -> None:
    """Half of four durations between 1 and 1.2 ms is taken for 1.1 ms; beyond the last end the longest bounds it."""
    assert 0.0011 == pytest.approx(filled([0.0012] * 4).quantile(0.5))
    assert 20.0 == pytest.approx(filled([25.0] * 4).quantile(0.5))


def test_of_nothing_there_is_no_quantile() -> None:
    """No duration is not a duration of zero."""
    assert Histogram().quantile(0.5) is None
    assert (0, 0.0, 0.0) == (Histogram().count, Histogram().total, Histogram().longest)
