"""The lines a newcomer reads: what runs, where to look, how to ask the daemon, how to insert a row oneself. Pure."""

import json
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifyd.demo.people import SALONS

_INSERT = "insert into notification_jobs (salon_id, client_id, type, payload) values"


def lines(version: str, url: str, daemon: str, *, ask: Sequence[str], psql: Sequence[str], now: datetime) -> list[str]:
    """Return the lines.

    Args:
        version: PostgreSQL's.
        url: Where the page is.
        daemon: Where the daemon's own page is.
        ask: The command that asks how things stand.
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
        f"Daemon   {daemon}",
        f"Ask it   {shlex.join(ask)}",
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
