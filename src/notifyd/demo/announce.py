"""The three lines a newcomer reads: what runs, where to look, how to insert a row oneself. Pure."""

import json
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifyd.demo.people import SALONS

_INSERT = "insert into notification_jobs (salon_id, client_id, type, payload) values"


def lines(version: str, url: str, psql: Sequence[str], now: datetime) -> list[str]:
    """Return the three lines.

    Args:
        version: PostgreSQL's.
        url: Where the page is.
        psql: The command that opens the database.
        now: The database's clock, with a zone.
    """
    what = (
        f"notifyd on PostgreSQL {version}, {len(SALONS)} salons that book visits, stand-ins for mail server and "
        "Twilio. Nothing leaves this machine. Ctrl-C ends it."
    )
    return [
        f"Running  {what}",
        f"Look at  {url}",
        f"Insert   {shlex.join([*psql, '-c', insert(now)])}",
    ]


def insert(now: datetime) -> str:
    """Return an INSERT of no more than a booking system has to give; it holds no single quote, for the shell's sake."""
    salon = SALONS[1]
    visit = (now.astimezone(ZoneInfo(salon.zone)) + timedelta(days=3)).replace(hour=15, minute=30)
    payload = {
        "clientName": "Ada Lovelace",
        "clientEmail": "ada@example.com",
        "clientPhone": "+442079460018",
        "serviceName": salon.services[0][0],
        "staffName": salon.staff[0],
        "salonName": salon.name,
        "salonTimezone": salon.zone,
        "startTime": visit.isoformat(timespec="minutes"),
    }
    return f"{_INSERT} ($${salon.id}$$, $$ada$$, $$booking_confirmation$$, $${json.dumps(payload)}$$)"
