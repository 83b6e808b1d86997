"""The payload, in either of its two shapes, turned into typed facts or a named fault.

Nothing but `Fault` leaves here, whatever a stranger wrote into the row; no value of the row stands in a fault's text.
The shapes, the keys and the rules on bad rows are those of the contract with the booking systems (README).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NoReturn
from zoneinfo import ZoneInfo

from notifyd.model import moment, text
from notifyd.model.address import email_address, phone_number
from notifyd.model.fault import Fault
from notifyd.model.job import Channel, Job

__all__ = ["Booking", "Fault", "parse"]

_DECODER = json.JSONDecoder()
_ADDRESS_KEYS = {Channel.EMAIL: "clientEmail", Channel.SMS: "clientPhone"}


@dataclass(frozen=True, slots=True, repr=False)
class Booking:
    """The facts of one notification. A text that the payload does not have is empty.

    Attributes:
        channels: The ways to send it: asked for, and with a usable address. Never empty.
        skipped: The other channels that were asked for, or whose address is malformed, and why.
        warnings: What the writer of the row should mend although the message can be sent.
        email: The client's address in ASCII, where `channels` has e-mail.
        phone: The client's number in E.164 form, where `channels` has SMS.
        reply_to: The salon's own address.
        date_time: When the appointment is, as preformatted text: the fallback.
        start: When it begins: in `zone`, or in its own offset where there is no zone.
        end: When it ends, likewise; never before `start`.
        zone: The salon's time zone.
        send_at: Not before this moment, in UTC.
        expires_at: From this moment on it is too late, in UTC.
        path: Where the data object stands in the payload: `payload.data` or `payload`.
        data: The data object itself, unknown keys included, unchecked: for templates that operators add.
    """

    channels: tuple[Channel, ...]
    skipped: Mapping[Channel, str]
    warnings: tuple[str, ...]
    email: str | None
    phone: str | None
    reply_to: str | None
    client_name: str
    service_name: str
    staff_name: str
    salon_name: str
    salon_address: str
    date_time: str
    start: datetime | None
    end: datetime | None
    zone: ZoneInfo | None
    send_at: datetime | None
    expires_at: datetime | None
    path: str
    data: Mapping[str, object]

    def __repr__(self) -> str:
        return f"<Booking by {' and '.join(self.channels)}>"  # the rest is personal data


@dataclass(slots=True)
class _Reader:
    """Reads one payload and gathers what there is to warn of."""

    top: dict[str, object]
    data: dict[str, object]
    path: str
    warnings: list[str]

    def at(self, key: str) -> tuple[str, object]:
        """Return a key of the data object as a field's name and value."""
        return f"{self.path}.{key}", self.data.get(key)


def parse(job: Job, phone_region: str | None = None) -> Booking:
    """Read a job's payload.

    Args:
        job: The job; its `type` column wins over the payload's.
        phone_region: The country of phone numbers written without a country code (ISO 3166-1), or None.

    Returns:
        The facts. Where one of two addresses is malformed the other is still used, and `skipped` tells of the first.

    Raises:
        Fault: if the job cannot be sent at all. Nothing else is ever raised.
    """
    reader = _open(job)
    addresses, skipped = _addresses(reader, phone_region)
    zone = moment.time_zone(*reader.at("salonTimezone"))
    start, end = _span(reader, zone)
    return Booking(
        channels=tuple(addresses),
        skipped=MappingProxyType(skipped),
        email=addresses.get(Channel.EMAIL),
        phone=addresses.get(Channel.SMS),
        reply_to=_reply_to(reader),
        client_name=text.header(*reader.at("clientName")),
        service_name=text.line(*reader.at("serviceName")),
        staff_name=text.line(*reader.at("staffName")),
        salon_name=text.header(*reader.at("salonName")),
        salon_address=text.line(*reader.at("salonAddress")),
        date_time=text.line(*reader.at("dateTime")),
        start=start,
        end=end,
        zone=zone,
        send_at=_schedule(reader, "sendAt", zone),
        expires_at=_schedule(reader, "expiresAt", zone),
        path=reader.path,
        data=MappingProxyType(reader.data),
        warnings=tuple(reader.warnings),
    )


def _open(job: Job) -> _Reader:
    top = _object(job.payload)
    data, path = top, "payload"
    if "data" in top:
        nested = top["data"]
        if not isinstance(nested, dict):
            raise Fault("payload.data", "is not an object")
        data, path = nested, "payload.data"
    reader = _Reader(top, data, path, [])
    if top.get("type") not in (None, job.type):
        reader.warnings.append("payload.type: differs from the column type, which wins")
    return reader


def _object(payload: str | None) -> dict[str, object]:
    if payload is None:
        raise Fault("payload", "is larger than the daemon reads")
    try:
        value = _DECODER.decode(payload)
    except json.JSONDecodeError:
        raise Fault("payload", "is not JSON") from None
    except RecursionError:
        raise Fault("payload", "is nested too deeply") from None
    except ValueError:  # Python converts no more than 4300 digits
        raise Fault("payload", "holds a number that is too long") from None
    if isinstance(value, str):
        raise Fault("payload", "is a string, not an object: was it turned into JSON twice?")
    if not isinstance(value, dict):
        raise Fault("payload", "is not an object")
    return value


def _addresses(reader: _Reader, phone_region: str | None) -> tuple[dict[Channel, str], dict[Channel, str]]:
    named = _named_channels(reader)
    addresses: dict[Channel, str] = {}
    faults: dict[Channel, Fault] = {}
    for channel in Channel if named is None else named:
        field, value = reader.at(_ADDRESS_KEYS[channel])
        try:
            address = _address(channel, field, value, phone_region)
        except Fault as fault:
            faults[channel] = fault
            continue
        if address is not None:
            addresses[channel] = address
        elif named is not None:
            faults[channel] = Fault(field, "is missing")
    if not addresses:
        _refuse(reader, faults)
    return addresses, {channel: str(fault) for channel, fault in faults.items()}


def _named_channels(reader: _Reader) -> list[Channel] | None:
    names = reader.top.get("channels")
    if names is None:
        return None
    if not isinstance(names, list):
        raise Fault("payload.channels", "is not a list")
    written = [name.strip().lower() if isinstance(name, str) else None for name in names]
    channels = [channel for channel in Channel if channel in written]
    if not channels:
        raise Fault("payload.channels", "names neither email nor sms")
    if any(name not in channels for name in written):
        reader.warnings.append("payload.channels: names something other than email and sms, which is ignored")
    return channels


def _address(channel: Channel, field: str, value: object, phone_region: str | None) -> str | None:
    match channel:
        case Channel.EMAIL:
            return email_address(field, value)
        case Channel.SMS:
            return phone_number(field, value, phone_region)


def _refuse(reader: _Reader, faults: Mapping[Channel, Fault]) -> NoReturn:
    if not faults:
        raise Fault(reader.path, "has neither clientEmail nor clientPhone")
    first, *others = faults.values()
    raise Fault(first.field, "; ".join([first.problem, *map(str, others)]))


def _span(reader: _Reader, zone: ZoneInfo | None) -> tuple[datetime | None, datetime | None]:
    start = moment.read(*reader.at("startTime"), zone)
    end = moment.read(*reader.at("endTime"), zone)
    if start is not None and end is not None and end.timestamp() < start.timestamp():  # < itself compares wall clocks
        reader.warnings.append(f"{reader.path}.endTime: is before startTime, and is ignored")
        end = None
    if zone is None and reader.data.get("startTime"):
        reader.warnings.append(f"{reader.path}.salonTimezone: is missing, so dateTime is used instead of startTime")
    return start, end


def _schedule(reader: _Reader, key: str, zone: ZoneInfo | None) -> datetime | None:
    if reader.data is not reader.top and key in reader.data:
        reader.warnings.append(f"payload.data.{key}: is ignored, it belongs beside data")
    field, value = f"payload.{key}", reader.top.get(key)
    when = moment.read(field, value, zone)
    if when is None and value:
        raise Fault(field, f"has no offset, and {reader.path}.salonTimezone is missing")
    return when and when.astimezone(UTC)


def _reply_to(reader: _Reader) -> str | None:
    try:
        return email_address(*reader.at("salonEmail"))
    except Fault as fault:  # the client's message is worth more than the salon's Reply-To
        reader.warnings.append(f"{fault}, so replies go to the sender")
        return None
