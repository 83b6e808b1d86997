"""Changes in per cent, exactly as JavaScript rounds them, and figures put together without a binary fraction."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.comparison import change, compare

FIGURES = st.integers(-(10**12), 10**12) | st.decimals(-(10**9), 10**9, places=2)


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [
        (0, 0, 0),
        (1, 0, 100),
        (-1, 0, 100),
        (0, 7, -100),
        (201, 200, 1),  # +0.5
        (199, 200, 0),  # -0.5
        (203, 200, 2),  # +1.5
        (197, 200, -1),  # -1.5
        (9, 8, 13),
        (7, 8, -12),
        (4, 3, 33),
        (5, 3, 67),
        (50, -100, -150),
        (Decimal("1.005"), Decimal(1), 1),  # 0.49999999999998934 in doubles
        (10**30 + 1, 10**30, 0),
        (None, 1, None),
        (1, None, None),
    ],
)
def test_changes(current: int | None, previous: int | None, expected: int | None) -> None:
    """Halves go up, also below zero; nothing is 100 per cent less than something."""
    assert expected == change(current, previous)


@given(FIGURES, FIGURES.filter(bool))
def test_the_nearest(current: int | Decimal, previous: int | Decimal) -> None:
    """No whole number is nearer, and of two that are as near it is the greater."""
    per_cent = change(current, previous)
    assert per_cent is not None
    exact = (Decimal(current) - Decimal(previous)) * 100
    off = (exact - per_cent * Decimal(previous)) * (1 if previous > 0 else -1)
    assert -abs(Decimal(previous)) <= 2 * off < abs(Decimal(previous))


def test_put_together() -> None:
    """Rests belong to their months, and not to the months so far."""
    assert {
        "current": 11,
        "previous": 3,
        "change": 267,
        "currentToDate": 4,
        "previousToDate": 1,
        "changeToDate": 300,
    } == compare([1, 2, 4, 7], 0)


def test_cents() -> None:
    """Sums of doubles lose their noise before they are rounded, halves away from nothing; what is no number is None."""
    assert Decimal("0.13") == compare([None, None, Decimal("0.12499999999999997"), 0], 2)["current"]
    assert Decimal("-0.13") == compare([0, 0, Decimal("-0.125"), None], 2)["current"]
    assert Decimal("0.10") == compare([0, 0, Decimal("0.1"), None], 2)["current"]
    odd = compare([1, "NaN", 1, 0], 2)
    assert (None, None, 1, 0) == (odd["previous"], odd["change"], odd["current"], odd["changeToDate"])
