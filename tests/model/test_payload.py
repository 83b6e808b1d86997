"""Payloads in both shapes become facts, and what a stranger writes becomes a fault that names the field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifyd.content.preview import sample_job
from notifyd.model.job import Channel
from notifyd.model.payload import Booking, Fault, parse

DATA: dict[str, Any] = {
    "clientName": "Anna Schmidt",
    "clientEmail": "anna@example.com",
    "clientPhone": "+49 151 12345678",
    "serviceName": "Haircut",
    "staffName": "Maria Rossi",
    "dateTime": "24 November, 14:30",
    "salonName": "Salon Lumière",
    "salonAddress": "Lindenstraße 12, 10969 Berlin",
    "startTime": "2026-11-24T13:30:00.000Z",
    "endTime": "2026-11-24T14:15:00.000Z",
    "salonTimezone": "Europe/Berlin",
    "salonEmail": "hello@lumiere.example.com",
}


def read(payload: object, region: str | None = None) -> Booking:
    """Parse a payload given as JSON text, or as what JSON is made of."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return parse(sample_job("booking_confirmation", text), region)


def fault(payload: object) -> str:
    """Return the text of the fault that a payload ends in."""
    with pytest.raises(Fault) as caught:
        read(payload)
    return str(caught.value)


def nested(**changes: object) -> dict[str, Any]:
    """Return a payload in the nested shape whose data has some keys changed."""
    return {"type": "booking_confirmation", "channels": ["email", "sms"], "data": DATA | changes}


@pytest.mark.parametrize("payload", [DATA, nested()], ids=["flat", "nested"])
def test_both_shapes_give_the_same_facts(payload: dict[str, Any]) -> None:
    """A complete payload in either shape is read whole, without a warning."""
    booking = read(payload)
    assert (Channel.EMAIL, Channel.SMS) == booking.channels
    assert {} == booking.skipped
    assert () == booking.warnings
    assert ("anna@example.com", "+4915112345678") == (booking.email, booking.phone)
    assert "hello@lumiere.example.com" == booking.reply_to
    assert ("Anna Schmidt", "Haircut", "Maria Rossi") == (
        booking.client_name,
        booking.service_name,
        booking.staff_name,
    )
    assert ("Salon Lumière", DATA["salonAddress"]) == (booking.salon_name, booking.salon_address)
    assert "24 November, 14:30" == booking.date_time
    assert "2026-11-24T14:30:00+01:00" == (booking.start and booking.start.isoformat())
    assert "2026-11-24T15:15:00+01:00" == (booking.end and booking.end.isoformat())
    assert "Europe/Berlin" == str(booking.zone)


NOT_A_BOOKING = {
    "": "payload: is not JSON",
    "{": "payload: is not JSON",
    "null": "payload: is not an object",
    "[]": "payload: is not an object",
    "7": "payload: is not an object",
    '"{}"': "payload: is a string, not an object: was it turned into JSON twice?",
    "[" * 100_000: "payload: is nested too deeply",
    '{"a":' * 100_000: "payload: is nested too deeply",
    '{"a": ' + "9" * 5_000 + "}": "payload: holds a number that is too long",
    "{}": "payload: has neither clientEmail nor clientPhone",
    '{"data": null}': "payload.data: is not an object",
    '{"data": []}': "payload.data: is not an object",
    '{"data": {}}': "payload.data: has neither clientEmail nor clientPhone",
}


@pytest.mark.parametrize(
    ("payload", "expected"), NOT_A_BOOKING.items(), ids=[text[:8] or "empty" for text in NOT_A_BOOKING]
)
def test_what_is_no_booking_is_a_fault(payload: str, expected: str) -> None:
    """Everything that is no object with an address ends in a fault that says what it is."""
    assert expected == fault(payload)


def test_a_payload_too_large_to_be_read_is_a_fault() -> None:
    """The claim leaves out what is larger than the daemon reads; the row says so."""
    job = sample_job("booking_confirmation")
    with pytest.raises(Fault, match=r"^payload: is larger than the daemon reads$"):
        parse(type(job)(**{name: getattr(job, name) for name in job.__slots__} | {"payload": None}))


EXAMPLE = "is not an ISO 8601 time such as 2026-11-24T14:30:00+01:00"
ZONE = "is not an IANA time zone such as Europe/Berlin"
BAD_VALUES: list[tuple[str, object, str]] = [
    (
        "clientName",
        "Eve\r\nBcc: all@example.com",
        "holds the character U+000D, which may not stand in a header of an e-mail",
    ),
    ("clientName", "Eve\u2028x", "holds the character U+2028, which may not stand in a header of an e-mail"),
    ("clientName", "Eve\x00", "holds the character U+0000, which may not stand in a header of an e-mail"),
    ("clientName", "Eve\ud800", "holds the character U+D800, which may not stand in a header of an e-mail"),
    ("clientName", "undefined undefined", "holds the JavaScript leftover undefined"),
    ("clientName", ["Anna"], "is not text"),
    ("clientName", True, "is not text"),
    ("clientName", float("nan"), "is no finite number"),
    ("clientName", "x" * 301, "is longer than 300 characters"),
    ("salonName", "A\nB", "holds the character U+000A, which may not stand in a header of an e-mail"),
    ("salonName", "null", "holds the JavaScript leftover null"),
    ("staffName", "Maria undefined", "holds the JavaScript leftover undefined"),
    ("staffName", {"first": "Maria"}, "is not text"),
    ("serviceName", "[object Object]", "holds the JavaScript leftover [object Object]"),
    ("serviceName", "Cut for NaN €", "holds the JavaScript leftover NaN"),
    ("serviceName", "a\x00b", "holds the character U+0000, which cannot be sent"),
    ("serviceName", "a\udfffb", "holds the character U+DFFF, which cannot be sent"),
    ("salonAddress", "a\x1bb", "holds the character U+001B, which cannot be sent"),
    ("dateTime", "Invalid Date", "holds the JavaScript leftover Invalid Date"),
    ("startTime", "tomorrow", EXAMPLE),
    ("startTime", "Invalid Date", EXAMPLE),
    ("startTime", "2026-02-30T10:00:00Z", EXAMPLE),
    ("startTime", 1_795_527_000_000, EXAMPLE),
    ("startTime", "2026-11-24T10:00" + "0" * 500, EXAMPLE),
    ("startTime", "2026-11-24", "is a date without a time of day"),
    ("startTime", "0001-01-01T00:00:00+14:00", "lies beyond the years that can be reckoned with"),
    ("startTime", "9999-12-31T23:59:59-12:00", "lies beyond the years that can be reckoned with"),
    ("endTime", "later", EXAMPLE),
    ("salonTimezone", "Europe/Berlln", ZONE),
    ("salonTimezone", "../../etc/passwd", ZONE),
    ("salonTimezone", "localtime", ZONE),
    ("salonTimezone", "Europe", ZONE),
    ("salonTimezone", "Europe/\x00", ZONE),
    ("salonTimezone", ["Europe/Berlin"], ZONE),
    ("salonTimezone", "x" * 100_000, ZONE),
]


@pytest.mark.parametrize(("key", "value", "problem"), BAD_VALUES)
def test_a_bad_value_is_a_fault_that_names_its_field(key: str, value: object, problem: str) -> None:
    """The error column gets the field and what is wrong with it, in either shape, and nothing of the value."""
    assert f"payload.data.{key}: {problem}" == fault(nested(**{key: value}))
    assert f"payload.{key}: {problem}" == fault(DATA | {key: value})


@pytest.mark.parametrize(
    "value", ["Jennifer Null", "Nan Chen", "Undefinedia", "{{ 7*7 }}", "<script>", "O'Neill", "李雷 👩‍🦰"]
)
def test_names_are_data(value: str) -> None:
    """People with odd names get their messages, addressed as they are called."""
    booking = read(nested(clientName=value, staffName=value))
    assert (value, value) == (booking.client_name, booking.staff_name)


def test_white_space_is_tidied_where_it_cannot_do_harm() -> None:
    """The lines of an address are joined, numbers are texts, and empty is the same as missing."""
    booking = read(
        nested(salonAddress=" Lindenstraße 12,\r\n10969\tBerlin ", serviceName=7, staffName=None, salonName=" ")
    )
    assert "Lindenstraße 12, 10969 Berlin" == booking.salon_address
    assert ("7", "", "") == (booking.service_name, booking.staff_name, booking.salon_name)


BAD_CHANNELS = [
    ({"email": True}, "payload.channels: is not a list"),
    ("email", "payload.channels: is not a list"),
    ([], "payload.channels: names neither email nor sms"),
    (["push", None, 7, ["email"]], "payload.channels: names neither email nor sms"),
]


@pytest.mark.parametrize(("channels", "expected"), BAD_CHANNELS)
def test_channels_that_name_no_channel_are_a_fault(channels: object, expected: str) -> None:
    """A list of channels that leaves none is a fault, whatever it holds."""
    assert expected == fault(nested() | {"channels": channels})


def test_unknown_channels_beside_known_ones_are_reported() -> None:
    """A channel that notifyd does not have takes nothing from those that it has; capitals do not matter."""
    booking = read(nested() | {"channels": ["push", "EMAIL", "email"]})
    assert (Channel.EMAIL,) == booking.channels
    assert ("payload.channels: names something other than email and sms, which is ignored",) == booking.warnings


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_a_named_channel_without_an_address_is_skipped_with_a_reason(absent: str | None) -> None:
    """The other channel is sent; the reason is there for the row."""
    booking = read(nested(clientPhone=absent))
    assert (Channel.EMAIL,) == booking.channels
    assert {Channel.SMS: "payload.data.clientPhone: is missing"} == booking.skipped


def test_channels_left_out_mean_every_address() -> None:
    """Without `channels` an address that is not there is nothing to report."""
    booking = read({key: value for key, value in DATA.items() if key != "clientEmail"} | {"channels": None})
    assert (Channel.SMS,) == booking.channels
    assert {} == booking.skipped


@pytest.mark.parametrize("channels", [{}, {"channels": ["email", "sms"]}])
def test_a_good_address_is_not_lost_by_a_bad_one(channels: dict[str, Any]) -> None:
    """The malformed phone number is told of, and the e-mail goes out."""
    booking = read(DATA | channels | {"clientPhone": "call me"})
    assert (Channel.EMAIL,) == booking.channels
    assert {Channel.SMS: "payload.clientPhone: is not a phone number"} == booking.skipped


def test_an_address_that_is_not_used_cannot_fail_a_job() -> None:
    """With channels = [email] nobody looks at the phone number."""
    booking = read(nested(clientPhone="\x00") | {"channels": ["email"]})
    assert ((Channel.EMAIL,), {}) == (booking.channels, booking.skipped)
    assert booking.phone is None


def test_no_channel_left_is_a_fault_that_tells_of_each() -> None:
    """Both reasons reach the row."""
    assert "payload.data.clientEmail: is not an e-mail address; payload.data.clientPhone: is missing" == fault(
        nested(clientEmail="a@example.com, b@example.com", clientPhone=None)
    )


def test_oddities_that_lose_nothing_are_warnings() -> None:
    """The column's type wins, a bad salon address costs the Reply-To alone, an end before the start is dropped."""
    payload = nested(salonEmail="no\r\naddress", endTime="2026-11-24T12:00:00Z", sendAt="2026-11-24T12:00:00Z")
    booking = read(payload | {"type": "cancellation"})
    assert (None, None, None) == (booking.reply_to, booking.end, booking.send_at)
    assert {
        "payload.type: differs from the column type, which wins",
        "payload.data.salonEmail: is not an e-mail address, so replies go to the sender",
        "payload.data.endTime: is before startTime, and is ignored",
        "payload.data.sendAt: is ignored, it belongs beside data",
    } == set(booking.warnings)


def test_a_missing_zone_is_reported_where_it_is_needed() -> None:
    """`startTime` without a zone cannot be told in the salon's time."""
    booking = read(nested(salonTimezone=None))
    assert ("payload.data.salonTimezone: is missing, so dateTime is used instead of startTime",) == booking.warnings


LOCAL_TIMES = [
    ("Europe/Berlin", "2026-03-29T01:59:00", "2026-03-29T01:59:00+01:00"),
    ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00"),  # skipped
    ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),  # twice: the first
    ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00"),  # the second
    ("America/New_York", "2026-03-08T02:30:00", "2026-03-08T03:30:00-04:00"),
    ("America/New_York", "2026-11-01T01:30:00", "2026-11-01T01:30:00-04:00"),
    ("America/New_York", "2026-11-01T06:30:00Z", "2026-11-01T01:30:00-05:00"),
    ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-04T02:45:00+11:00"),  # by half an hour
    ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-05T01:45:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:15:00Z", "2026-04-05T01:45:00+10:30"),
    ("Asia/Kolkata", "2026-11-24 14:30:00+00", "2026-11-24T20:00:00+05:30"),
]


@pytest.mark.parametrize(("zone", "written", "expected"), LOCAL_TIMES)
def test_times_are_told_by_the_salons_clock(zone: str, written: str, expected: str) -> None:
    """A time without an offset is the salon's; on the days when the clocks change it is what RFC 5545 says."""
    booking = read(nested(startTime=written, endTime=None, salonTimezone=zone))
    assert expected == (booking.start and booking.start.isoformat())


def test_an_end_after_the_clocks_went_back_is_after_the_start() -> None:
    """02:45 summer time to 02:15 winter time is half an hour, not minus half an hour."""
    booking = read(nested(startTime="2026-10-25T02:45:00+02:00", endTime="2026-10-25T02:15:00+01:00"))
    assert booking.start is not None
    assert booking.end is not None
    assert timedelta(minutes=30) == booking.end.astimezone(UTC) - booking.start.astimezone(UTC)


@pytest.mark.parametrize("shape", [DATA, nested()], ids=["flat", "nested"])
def test_schedule_is_read_at_the_top_level(shape: dict[str, Any]) -> None:
    """`sendAt` without an offset is the salon's local time."""
    booking = read(shape | {"sendAt": "2026-11-23T14:30:00", "expiresAt": "2026-11-24T14:30:00+01:00"})
    assert datetime(2026, 11, 23, 13, 30, tzinfo=UTC) == booking.send_at
    assert datetime(2026, 11, 24, 13, 30, tzinfo=UTC) == booking.expires_at


def test_a_schedule_that_cannot_be_read_is_a_fault() -> None:
    """Sending at once what was meant for later would be worse."""
    assert f"payload.sendAt: {EXAMPLE}" == fault(nested() | {"sendAt": "soon"})
    assert "payload.expiresAt: has no offset, and payload.data.salonTimezone is missing" == fault(
        nested(salonTimezone=None) | {"expiresAt": "2026-11-24T14:30:00"}
    )


def test_a_booking_does_not_show_its_people() -> None:
    """What ends in a traceback or a log holds no personal data."""
    assert "<Booking by email and sms>" == repr(read(nested()))
