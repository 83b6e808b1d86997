"""A figure of this month beside the month before, and by how many per cent it has changed. Pure, and exact.

No binary fractions: a change of exactly a half must be seen as one.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from math import floor

Figure = int | Decimal

SPANS = ("previous_to_date", "previous_rest", "current_to_date", "current_rest")
"""The pieces of two months, in their order; the rests lie behind the moment that the month has come to."""

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_NOISE = Decimal("0.000001")
"""No amount is smaller, and no sum of doubles that anybody pays strays further."""

_HALF = Fraction(1, 2)


def compare(pieces: list[object], decimals: int) -> dict[str, Figure | None]:
    """Put the figures of two months together, and reckon the changes.

    Whole months stand beside each other, and the month so far beside as much of the month before.

    Args:
        pieces: The figure of each of `SPANS`, which must add up: a count or a sum. None counts as 0; what is no number
            (PostgreSQL has an infinity) makes what it is part of None.
        decimals: What figures are rounded to, halves away from zero, before they are compared.
    """
    previous_to_date, previous_rest, current_to_date, current_rest = pieces
    current, previous = _sum(decimals, current_to_date, current_rest), _sum(decimals, previous_to_date, previous_rest)
    so_far, as_much = _sum(decimals, current_to_date), _sum(decimals, previous_to_date)
    return {
        "current": current,
        "previous": previous,
        "change": change(current, previous),
        "currentToDate": so_far,
        "previousToDate": as_much,
        "changeToDate": change(so_far, as_much),
    }


def change(current: Figure | None, previous: Figure | None) -> int | None:
    """Return the change in whole per cent, rounded as JavaScript's `Math.round` does: halves go up, also below zero.

    From nothing to something is 100, and from nothing to nothing 0. A negative `previous` (more refunds than payments)
    is divided by as it is, so that the sign then says the opposite: from -100 to 50 is -150.

    https://tc39.es/ecma262/#sec-math.round
    """
    if current is None or previous is None:
        return None
    if previous == 0:
        return 0 if current == 0 else 100
    then = Fraction(previous)
    return floor((Fraction(current) - then) / then * 100 + _HALF)


def _sum(decimals: int, *pieces: object) -> Figure | None:
    total = Decimal(0)
    for piece in pieces:
        if piece is not None and not isinstance(piece, int | Decimal):
            return None
        total = _EXACT.add(total, Decimal(piece or 0))
    rounded = total.quantize(_NOISE, context=_EXACT).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    return rounded if decimals else int(rounded)
