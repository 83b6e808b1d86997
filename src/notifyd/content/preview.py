"""What a client would read: a type rendered from an invented booking, for `notifyd preview` and `notifyd check`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from notifyd.content.render import Renderer
from notifyd.content.sms import SmsSize, measure
from notifyd.model.fault import Fault
from notifyd.model.job import Channel, Job, JobId, LeaseId
from notifyd.model.message import Email, Sms
from notifyd.model.payload import parse

_SAMPLE = {
    "clientName": "Anna Schmidt",
    "clientEmail": "anna.schmidt@example.com",
    "clientPhone": "+4915112345678",
    "serviceName": "Haircut & Blow-dry",
    "staffName": "Maria Rossi",
    "dateTime": "Tuesday, 24 November 2026 at 14:30",
    "startTime": "2026-11-24T14:30:00+01:00",
    "endTime": "2026-11-24T15:15:00+01:00",
    "salonName": "Salon Lumière",
    "salonAddress": "Lindenstraße 12, 10969 Berlin",
    "salonTimezone": "Europe/Berlin",
    "salonEmail": "hello@lumiere.example.com",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages of one job, for those channels that its type has templates for and its data an address.

    Attributes:
        size: What the SMS costs.
    """

    email: Email | None
    sms: Sms | None
    size: SmsSize | None


def sample_job(type_: str, payload: str | None = None) -> Job:
    """Return a job as it might have been claimed, about a booking that nobody made.

    Args:
        type_: The type, built-in or the operator's.
        payload: A payload as JSON text, instead of the invented one: types of the operator's may need more keys.
    """
    return Job(
        id=JobId("preview"),
        key="0" * 32,
        lease_id=LeaseId(1),
        salon_id="salon-1",
        client_id="client-1",
        appointment_id="appointment-1",
        type=type_,
        payload=json.dumps({"type": type_, "data": _SAMPLE}) if payload is None else payload,
        attempt=1,
        max_attempts=3,
        now=datetime(2026, 11, 23, 13, 30, tzinfo=UTC),
    )


def preview(renderer: Renderer, job: Job, phone_region: str | None = None) -> Preview:
    """Render a job on every channel it can leave by.

    Raises:
        Fault: as parsing and rendering do, and if the type has no templates.
    """
    booking = parse(job, phone_region)
    known = renderer.channels(job.type)
    messages = [renderer.render(job, booking, channel) for channel in booking.channels if channel in known or not known]
    email = next((message for message in messages if isinstance(message, Email)), None)
    sms = next((message for message in messages if isinstance(message, Sms)), None)
    return Preview(email, sms, measure(sms.body) if sms else None)


def problems(renderer: Renderer) -> Iterator[str]:
    """Render every type from the invented booking, and yield what is wrong with its templates.

    A type whose templates need keys of its own is reported too; it can be previewed with a payload that has them.
    """
    for type_ in renderer.types():
        job = sample_job(type_)
        booking = parse(job)
        if not renderer.channels(type_):
            yield f"template {type_}: has neither sms.txt nor both subject.txt and text.txt"
        for channel in Channel:
            if channel in renderer.channels(type_):
                try:
                    renderer.render(job, booking, channel)
                except Fault as fault:
                    yield str(fault)
