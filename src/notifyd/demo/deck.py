"""Which story comes next: a shuffled deck, so that half a minute shows each of them, in no fixed order. Pure."""

from collections.abc import Iterator
from random import Random  # noqa: TID251 - the type alone: the dice are made in app.py

from notifyd.demo.bookings import Story

CARDS = {
    Story.PLAIN: 13,
    Story.LATER: 2,
    Story.EXPIRED: 1,
    Story.BAD_PHONE: 1,
    Story.UNDEFINED: 1,
    Story.NO_JSON: 1,
    Story.MAILBOX_GONE: 1,
    Story.NUMBER_REFUSED: 1,
    Story.SMTP_HICCUP: 1,
    Story.SMS_BUSY: 1,
}
"""How many of each a deck holds."""

_OPENING = 4  # ordinary visits on top of the first deck: whoever opens the page sees first what it is all about


def deal(dice: Random) -> Iterator[Story]:
    """Yield stories without end, deck after deck."""
    yield from [Story.PLAIN] * _OPENING
    while True:
        deck = [story for story, count in CARDS.items() for _ in range(count)]
        dice.shuffle(deck)
        yield from deck
