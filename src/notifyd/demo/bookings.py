"""Invented visits, and the notification row that a booking system writes about each: good ones and bad ones.

Pure: throws the dice it is given, and knows the time only as it is told.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from random import Random  # noqa: TID251 - the type alone: the dice are made in app.py
from uuid import UUID
from zoneinfo import ZoneInfo

from notifyd.demo.people import SALONS, Client, Salon, somebody

TYPES = ("booking_confirmation", "reminder_24h", "reminder_2h", "cancellation")
CLOSED_MAILBOX = "moved.away@example.org"
"""The mail sink answers 550 5.1.1 for every address that begins so; what follows the + differs."""
LANDLINES = "+121255501"
"""The Twilio stand-in answers 21614 for every number that begins so."""

_OPENS, _QUARTERS = 9, 36  # visits begin between 9:00 and 17:45
_NOTICE = {"booking_confirmation": (2, 21), "cancellation": (1, 10), "reminder_24h": (1, 1), "reminder_2h": (0, 0)}


class Story(StrEnum):
    """What is special about a row."""

    PLAIN = "plain"
    BY_HAND = "booked on the page"
    LATER = "sendAt a few seconds ahead"
    EXPIRED = "expiresAt has passed"
    BAD_PHONE = "malformed phone number"
    UNDEFINED = "a name that is undefined undefined"
    NO_JSON = "payload that is no JSON"
    MAILBOX_GONE = "mailbox that does not exist"
    NUMBER_REFUSED = "number that takes no SMS"
    SMTP_HICCUP = "mail server stumbles"
    SMS_BUSY = "Twilio asks to slow down"


@dataclass(frozen=True, slots=True)
class Booking:
    """One visit, and the text of the payload that goes with it.

    Attributes:
        frugal: Leave `id`, `updated_at` and the like to the database, as raw SQL does; otherwise write every column,
            as Prisma does.
    """

    salon: Salon
    client: Client
    service: str
    staff: str
    starts_at: datetime
    ends_at: datetime
    type: str
    payload: str
    frugal: bool
    job_id: str
    client_id: str
    appointment_id: str


def invent(dice: Random, story: Story, now: datetime, job_type: str | None = None) -> Booking:
    """Invent a visit and its row.

    Args:
        dice: Where chance comes from.
        story: What is special about it.
        now: The database's clock, with a zone.
        job_type: Which of `TYPES`; None leaves it to the dice.
    """
    salon = dice.choice([s for s in SALONS if s.number] if story in _NEEDS_PHONE else SALONS)
    client = _cast(story, somebody(dice, salon), dice)
    job_type = job_type or dice.choices(TYPES, (6, 3, 2, 1))[0]
    service, minutes = dice.choice(salon.services)
    starts_at = _slot(dice, salon, now, job_type)
    visit = Booking(
        salon, client, service, dice.choice(salon.staff), starts_at, starts_at + timedelta(minutes=minutes), job_type,
        payload="", frugal=dice.random() < 1 / 2,
        job_id=_id(dice), client_id=_id(dice), appointment_id=_id(dice),
    )  # fmt: skip
    return replace(visit, payload=_payload(visit, story, now, nested=dice.random() < 1 / 2))


_NEEDS_PHONE = frozenset({Story.BY_HAND, Story.BAD_PHONE, Story.NUMBER_REFUSED, Story.SMS_BUSY})


def _id(dice: Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


def _cast(story: Story, client: Client, dice: Random) -> Client:
    match story:
        case Story.BAD_PHONE:
            return replace(client, phone="call the front desk")
        case Story.NUMBER_REFUSED:
            return replace(client, phone=f"{LANDLINES}{dice.randrange(100):02}")
        case Story.MAILBOX_GONE:
            local, domain = CLOSED_MAILBOX.split("@")
            return replace(client, email=f"{local}+{dice.getrandbits(32):08x}@{domain}")
        case _:
            return client


def _slot(dice: Random, salon: Salon, now: datetime, job_type: str) -> datetime:
    """Return when the visit begins: on a quarter of an hour, in the salon's zone, as far ahead as the type suggests."""
    zone = ZoneInfo(salon.zone)
    if job_type == "reminder_2h":
        soon = now.astimezone(zone) + timedelta(hours=2)
        return soon.replace(minute=soon.minute // 15 * 15, second=0, microsecond=0)
    day = (now.astimezone(zone) + timedelta(days=dice.randint(*_NOTICE[job_type]))).date()
    quarter = dice.randrange(_QUARTERS)
    return datetime.combine(day, time(_OPENS + quarter // 4, quarter % 4 * 15), zone)


def _payload(visit: Booking, story: Story, now: datetime, *, nested: bool) -> str:
    if story is Story.NO_JSON:
        return "[object Object]"
    data = facts(visit)
    extras: dict[str, str] = {}
    match story:
        case Story.UNDEFINED:
            data["staffName"] = "undefined undefined"
        case Story.LATER:
            extras["sendAt"] = (now + timedelta(seconds=4)).isoformat(timespec="seconds")
        case Story.EXPIRED:
            extras["expiresAt"] = (now - timedelta(minutes=5)).isoformat(timespec="seconds")
        case _:
            pass
    if not nested:
        return json.dumps(data | extras, ensure_ascii=False)
    channels = ["email", "sms"] if visit.client.phone else ["email"]
    return json.dumps({"type": visit.type, "channels": channels, "data": data} | extras, ensure_ascii=False)


def facts(visit: Booking) -> dict[str, str]:
    """Return the data object of a payload: what the booking system knows about the visit."""
    salon, client = visit.salon, visit.client
    data = {
        "clientName": client.name,
        "clientEmail": client.email,
        "clientPhone": client.phone,
        "serviceName": visit.service,
        "staffName": visit.staff,
        "salonName": salon.name,
        "salonAddress": salon.address,
        "salonEmail": salon.email,
        "salonTimezone": salon.zone,
        "startTime": visit.starts_at.isoformat(),
        "endTime": visit.ends_at.isoformat(),
    }
    return {key: value for key, value in data.items() if value is not None}
