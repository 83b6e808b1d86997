"""A day at the salons: visits are booked at an uneven pace, and now and then a provider has a bad moment."""

from random import Random  # noqa: TID251 - the type alone: the dice are made in app.py
from typing import Protocol

import anyio
import asyncpg

from notifyd.demo.booking_system import book, clock
from notifyd.demo.bookings import Story, invent
from notifyd.demo.deck import deal

PAUSE = 0.7
"""Seconds between two bookings, on average."""


class Providers(Protocol):
    """Who can have a bad moment."""

    def mail_stumbles(self) -> None:
        """Let the mail server fail once."""

    def sms_busy(self) -> None:
        """Let the SMS provider ask once to be left alone for a moment."""


async def simulate(pool: asyncpg.Pool, providers: Providers, dice: Random, pause: float = PAUSE) -> None:
    """Book visits until cancelled.

    Args:
        pool: The booking system's database.
        providers: Told of a bad moment just before the row that shall meet it.
        dice: Where chance comes from.
        pause: Seconds between two bookings, on average.
    """
    for story in deal(dice):
        if story is Story.SMTP_HICCUP:
            providers.mail_stumbles()
        elif story is Story.SMS_BUSY:
            providers.sms_busy()
        with anyio.CancelScope(shield=True):  # a booking is one short transaction: made, or not begun
            await book(pool, invent(dice, story, await clock(pool)))
        await anyio.sleep(pause * (0.4 + 1.2 * dice.random()))
