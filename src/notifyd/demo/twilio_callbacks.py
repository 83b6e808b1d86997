"""Status callbacks as Twilio makes them: a signed POST to the address that was given with the message.

https://www.twilio.com/docs/messaging/guides/track-outbound-message-status and
https://www.twilio.com/docs/usage/security#validating-requests
"""

from typing import Literal

import aiohttp
from twilio.request_validator import RequestValidator

from notifyd.demo.twilio_words import ReceivedSms

Algorithm = Literal["HMAC_SHA1", "HMAC_SHA256"]

_LIMIT = aiohttp.ClientTimeout(total=10)


def form(account_sid: str, message: ReceivedSms, status: str, error_code: int | None) -> dict[str, str]:
    """Return the fields of one callback."""
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "From": message.sender,
        "MessageSid": message.sid,
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "To": message.to,
    }
    return fields if error_code is None else {**fields, "ErrorCode": str(error_code)}


def signed(url: str, fields: dict[str, str], secret: str, algorithm: Algorithm = "HMAC_SHA1") -> dict[str, str]:
    """Return the headers that prove a callback.

    Args:
        url: As Twilio was given it, query included.
        fields: The form.
        secret: The auth token, or the secret of a shared key.
        algorithm: The newer one is named in a header of its own.
    """
    headers = {"X-Twilio-Signature": RequestValidator(secret).compute_signature(url, fields, algorithm)}
    if algorithm != "HMAC_SHA1":
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=stand-in,algorithm={algorithm}"
    return headers


async def call_back(url: str, fields: dict[str, str], headers: dict[str, str], reach: str | None = None) -> int:
    """Make one callback.

    Args:
        url: The public address, which the signature is of.
        fields: The form.
        headers: Those of `signed`.
        reach: Where to connect instead: `http://127.0.0.1:8321`, where the public address leads nowhere. Of its path
            only what begins with `/receipts` is kept, as a proxy would do.

    Returns:
        The status of the answer.
    """
    target = url if reach is None else reach + url[url.index("/receipts") :]
    async with (
        aiohttp.ClientSession(timeout=_LIMIT) as session,
        session.post(target, data=fields, headers=headers) as response,
    ):
        return response.status
