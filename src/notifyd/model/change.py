"""By how many per cent a figure has changed. Pure, and exact: no binary fractions."""

from decimal import Decimal
from fractions import Fraction
from math import floor

Figure = int | Decimal

_HALF = Fraction(1, 2)


def change(current: Figure, previous: Figure) -> int:
    """Return the change in whole per cent, rounded as JavaScript's `Math.round` does: halves go up, also below zero.

    From nothing to something is 100, and from nothing to nothing 0. A negative `previous` (more refunds than payments)
    is divided by as it is, so that the sign then says the opposite: from -100 to 50 is -150.

    https://tc39.es/ecma262/#sec-math.round
    """
    if previous == 0:
        return 0 if current == 0 else 100
    then = Fraction(previous)
    return floor((Fraction(current) - then) / then * 100 + _HALF)
