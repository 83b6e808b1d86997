"""Which signal from Twilio means what: one pure table.

Codes are those of https://www.twilio.com/docs/api/errors; what Twilio says besides holds the number, so that reasons
have our own words. What can go wrong: nothing, every error ends in a `Failure`.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.response import Response

from notifyd.model.outcome import Failure, Paused, Permanent, Retryable, Suppress, Unknown

ERRORS = (TwilioException, aiohttp.ClientError, OSError, ValueError, AttributeError, TypeError)
"""What a call of the SDK raises; the last three are how it stumbles over a yes that is no JSON, or no object."""

_TOO_MANY = 429
_SERVER_ERROR = 500
_NOBODY_IS_LET_IN = {401, 403, 404}  # 404 on this resource: no such account, or not Twilio

_MISCONFIGURED = {
    20003: "credentials are not valid",
    20005: "account is not active",
    10001: "account is suspended",
    30002: "account is suspended",
}
_BUSY = {
    20429: "too many requests at once",
    21611: "sender's queue is full",
    30001: "queue is full",
    63038: "account's daily limit is reached",
}
_UNREACHABLE = {
    21211: "not a valid phone number",
    21610: "recipient has unsubscribed with STOP",
    21614: "not a mobile number",
    21635: "number is a landline",
}
_NOT_ALLOWED = {
    21212: "sender's number is not valid",
    21408: "account may not send to this region",
    21603: "no sender given",
    21606: "sender cannot send SMS",
    21608: "trial account may not send to unverified numbers",
    21612: "sender cannot reach this number",
}
_BAD_MESSAGE = {
    21602: "message is empty",
    21617: "message is too long",
    21619: "message has no content",
}

_WITHOUT_A_NO: tuple[tuple[type[Exception], Failure], ...] = (
    (aiohttp.ClientConnectorCertificateError, Paused("Twilio's certificate could not be verified", loud=True)),
    (aiohttp.InvalidURL, Paused("the base URL is not valid", loud=True)),
    (aiohttp.ClientConnectorError, Paused("Twilio could not be reached")),
    (aiohttp.ConnectionTimeoutError, Paused("Twilio could not be reached in time")),
    (TimeoutError, Unknown("no answer in time: Twilio may have taken the message")),
    (aiohttp.ClientError, Unknown("connection lost before the answer: Twilio may have taken the message")),
    (OSError, Unknown("connection lost before the answer: Twilio may have taken the message")),
    (TwilioException, Unknown("the SDK failed: Twilio may have taken the message")),
    (Exception, Unknown("Twilio said yes with an answer that names no message")),
)
"""What is raised where no answer says no; the first that fits. Before the fifth nothing was written."""


def classify(exc: Exception, headers: Mapping[str, str]) -> Failure:
    """Return what an error of the SDK or of aiohttp comes to.

    Args:
        exc: What was raised.
        headers: Those of the response, empty if there was none.

    Returns:
        `Unknown` for everything after the request was written that is no clear no: Twilio's page of error 20500 says
        that a repeated POST may send twice, its page of 20429 that a 429 was never processed.
    """
    if isinstance(exc, TwilioRestException | TwilioServiceException):
        return _of_answer(exc.status, exc.code, retry_after(headers))
    return next(outcome for kind, outcome in _WITHOUT_A_NO if isinstance(exc, kind))


def classify_inquiry(exc: Exception, headers: Mapping[str, str]) -> Failure:
    """Return what an error means that came instead of a list: a pause, or a question to be asked again.

    Args:
        exc: What was raised. The SDK wraps a refusal to list in a bare error that holds the response.
        headers: Those of the response, empty if there was none.
    """
    response = exc.args[1] if isinstance(exc, TwilioException) and len(exc.args) > 1 else None
    if isinstance(response, Response):
        outcome = _of_answer(response.status_code, None, retry_after(headers))
        why = f"HTTP {response.status_code}"
    else:
        outcome = classify(exc, headers)
        why = "no answer in time" if isinstance(exc, TimeoutError) else "no list came"
    return outcome if isinstance(outcome, Paused) else Retryable(f"Twilio could not be asked: {why}")


def _of_answer(status: int, code: int | None, wait: float | None) -> Failure:
    if status >= _SERVER_ERROR:
        return Unknown(f"HTTP {status}: Twilio may have taken the message")
    known = code or status
    if known in _BUSY or status == _TOO_MANY:
        return Paused(_reason(status, known, _BUSY, "too many requests"), retry_after=wait)
    if known in _UNREACHABLE:
        return Suppress(_reason(status, known, _UNREACHABLE))
    if known in _NOT_ALLOWED:
        return Permanent(_reason(status, known, _NOT_ALLOWED), loud=True, suspicious=True)
    if known in _MISCONFIGURED or status in _NOBODY_IS_LET_IN or status < 400:  # noqa: PLR2004  # a redirect
        return Paused(_reason(status, known, _MISCONFIGURED, "Twilio does not let us in"), loud=True)
    return Permanent(_reason(status, known, _BAD_MESSAGE, "message refused"))


def _reason(status: int, code: int, words: Mapping[int, str], otherwise: str = "") -> str:
    number = f"HTTP {status}" if code == status else str(code)
    return f"{number} {words.get(code, otherwise)}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3); a date counts from the answer's own."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        until, now = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("Date", ""))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # not there, no date, or one of the two without a zone
        return None
