"""The table of Twilio's signals, row by row."""

from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from notifyd.model.outcome import Failure, Paused, Permanent, Suppress, Unknown
from notifyd.transports.twilio_codes import classify, retry_after

LOST = Unknown("connection lost before the answer: Twilio may have taken the message")

ANSWERS: list[tuple[int, int | None, Failure]] = [
    (429, 20429, Paused("20429 too many requests at once", retry_after=7)),
    (429, None, Paused("HTTP 429 too many requests", retry_after=7)),
    (429, 21611, Paused("21611 sender's queue is full", retry_after=7)),
    (400, 30001, Paused("30001 queue is full", retry_after=7)),
    (400, 63038, Paused("63038 account's daily limit is reached", retry_after=7)),
    (401, 20003, Paused("20003 credentials are not valid", loud=True)),
    (403, 20005, Paused("20005 account is not active", loud=True)),
    (400, 10001, Paused("10001 account is suspended", loud=True)),
    (400, 30002, Paused("30002 account is suspended", loud=True)),
    (401, None, Paused("HTTP 401 Twilio does not let us in", loud=True)),
    (403, 20403, Paused("20403 Twilio does not let us in", loud=True)),
    (404, 20404, Paused("20404 Twilio does not let us in", loud=True)),
    (302, None, Paused("HTTP 302 Twilio does not let us in", loud=True)),
    (400, 21211, Suppress("21211 not a valid phone number")),
    (400, 21614, Suppress("21614 not a mobile number")),
    (400, 21635, Suppress("21635 number is a landline")),
    (400, 21610, Suppress("21610 recipient has unsubscribed with STOP")),
    (403, 21610, Suppress("21610 recipient has unsubscribed with STOP")),
    (400, 21408, Permanent("21408 account may not send to this region", loud=True, suspicious=True)),
    (400, 21606, Permanent("21606 sender cannot send SMS", loud=True, suspicious=True)),
    (400, 21603, Permanent("21603 no sender given", loud=True, suspicious=True)),
    (400, 21612, Permanent("21612 sender cannot reach this number", loud=True, suspicious=True)),
    (400, 21608, Permanent("21608 trial account may not send to unverified numbers", loud=True, suspicious=True)),
    (400, 21212, Permanent("21212 sender's number is not valid", loud=True, suspicious=True)),
    (400, 21602, Permanent("21602 message is empty")),
    (400, 21617, Permanent("21617 message is too long")),
    (400, 21619, Permanent("21619 message has no content")),
    (400, 29999, Permanent("29999 message refused")),
    (400, None, Permanent("HTTP 400 message refused")),
    (500, 20500, Unknown("HTTP 500: Twilio may have taken the message")),
    (503, 20503, Unknown("HTTP 503: Twilio may have taken the message")),
    (502, None, Unknown("HTTP 502: Twilio may have taken the message")),
    (500, 21610, Unknown("HTTP 500: Twilio may have taken the message")),
]

KEY: Any = None  # aiohttp's errors want the key of a connection, and show it
RAISED: list[tuple[Exception, Failure]] = [
    (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), Paused("Twilio could not be reached")),
    (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown")), Paused("Twilio could not be reached")),
    (
        aiohttp.ClientConnectorCertificateError(KEY, Exception("self-signed")),
        Paused("Twilio's certificate could not be verified", loud=True),
    ),
    (aiohttp.ConnectionTimeoutError("x"), Paused("Twilio could not be reached in time")),
    (aiohttp.InvalidURL("x"), Paused("the base URL is not valid", loud=True)),
    (aiohttp.SocketTimeoutError("x"), Unknown("no answer in time: Twilio may have taken the message")),
    (TimeoutError(), Unknown("no answer in time: Twilio may have taken the message")),
    (aiohttp.ServerDisconnectedError(), LOST),
    (aiohttp.ClientOSError(104, "reset"), LOST),
    (aiohttp.ClientPayloadError("cut"), LOST),
    (ConnectionResetError(104, "reset"), LOST),
    (TwilioException("x"), Unknown("the SDK failed: Twilio may have taken the message")),
    (ValueError("no JSON"), Unknown("Twilio said yes with an answer that names no message")),
    (AttributeError("no object"), Unknown("Twilio said yes with an answer that names no message")),
]


@pytest.mark.parametrize(("status", "code", "expected"), ANSWERS)
def test_answer(status: int, code: int | None, expected: Failure) -> None:
    """Each answer that says no comes to what the design's table says, in our own words."""
    old = TwilioRestException(status, "/uri", "about +4915112345678", code if code is not None else status)
    assert expected == classify(old, {"Retry-After": "7"})
    if code is not None:
        assert expected == classify(TwilioServiceException("uri", "about", status, code), {"Retry-After": "7"})


@pytest.mark.parametrize(("raised", "expected"), RAISED, ids=[type(raised).__name__ for raised, _ in RAISED])
def test_raised(raised: Exception, expected: Failure) -> None:
    """Where no answer says no, it is certain only that nothing was sent if nobody was reached."""
    assert expected == classify(raised, {})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:59:59 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Both forms of the header are understood, by the server's clock alone; nonsense is as if it were not there."""
    assert expected == retry_after(headers)


@given(st.text(), st.text())
def test_no_header_is_fatal(asked: str, date: str) -> None:
    """Whatever a proxy writes there: a wait is a number of seconds or none."""
    found = retry_after({"Retry-After": asked, "Date": date})
    assert found is None or 0 <= found <= 1e12
