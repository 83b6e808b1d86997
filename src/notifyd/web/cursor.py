"""A place in a list as text, and back. Opaque to whoever pages: it carries no more than where the last page ended.

It is not signed, because a forged one asks for nothing that could not be asked for without it. It is checked, and what
passes here and is still no place is refused by PostgreSQL, which reads the time in it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from notifyd.store.listing import Place

LONGEST = 100
"""Characters; a real one has less than seventy."""

_FORM = re.compile(r"1 (-?\d{1,19}) (-?infinity|\d{4,6}-\d\d-\d\dT[\d:.]{8,15}(?:[+-]\d\d:\d\d(?::\d\d)?)?(?: BC)?)")


class CursorUnreadable(Exception):  # noqa: N818 - what is the matter with it, in the words of the answer
    """It was not made here, or was cut."""


def write(place: Place) -> str:
    """Return the place as text that may stand in an address as it is."""
    return urlsafe_b64encode(f"1 {place.tie} {place.created_at}".encode()).decode().rstrip("=")


def read(text: str) -> Place:
    """Return the place.

    Raises:
        CursorUnreadable: It is none.
    """
    if len(text) > LONGEST:
        raise CursorUnreadable
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (Error, ValueError) as error:
        raise CursorUnreadable from error
    form = _FORM.fullmatch(plain)
    if form is None:
        raise CursorUnreadable
    return Place(created_at=form[2], tie=int(form[1]))
