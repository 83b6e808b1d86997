"""What can be said to and by the demo's Twilio stand-in: its script's words, and Twilio's JSON.

Pure values. The shapes follow Twilio's public pages; no field is promised beyond those the Messages resource names.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error, as Twilio words it.

    Attributes:
        status: The HTTP status.
        code: Twilio's error code; None leaves the JSON away, as a proxy in between does.
        retry_after: The value of the header, where there is to be one.
        accept: Take the message before, as a server does that fails later on.
    """

    status: int
    code: int | None = None
    message: str = "The stand-in was told to refuse this."
    retry_after: str | None = None
    accept: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """Take the message and answer 201 with something that is no JSON."""

    body: str = "<html>Created</html>"


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection instead of answering.

    Attributes:
        accept: Take the message before, as Twilio does when the answer gets lost.
    """

    accept: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Take the message, then say nothing for a while before the answer.

    Attributes:
        seconds: How long; None means until the client goes.
    """

    seconds: float | None = None


Action = Refuse | Garble | Reset | Stall

Script = Callable[["Attempt"], Action | None]
"""What to do with a POST; None: as usual."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST that asks for a message.

    Attributes:
        count: How many there were, this one included.
        sender: The `From`, or else the messaging service's SID.
    """

    count: int
    to: str
    sender: str
    body: str


@dataclass(frozen=True, slots=True)
class ReceivedSms:
    """One message the stand-in took.

    Attributes:
        sid: The SID it was given.
        arrived: `time.monotonic()`, in seconds; on Linux comparable between processes.
        created: When, as Twilio writes dates (RFC 2822).
    """

    sid: str
    to: str
    sender: str
    body: str
    status_callback: str | None
    arrived: float
    created: str


# The magic numbers of https://www.twilio.com/docs/iam/test-credentials, by `To` and by `From`.
MAGIC_RECIPIENTS: Mapping[str, Refuse] = {
    "+15005550001": Refuse(400, 21211, "The 'To' number is not a valid phone number."),
    "+15005550002": Refuse(400, 21612, "The 'To' number is not currently reachable via SMS."),
    "+15005550003": Refuse(400, 21408, "Permission to send an SMS has not been enabled for the region."),
    "+15005550004": Refuse(400, 21610, "Attempt to send to unsubscribed recipient."),
    "+15005550009": Refuse(400, 21614, "The 'To' number is not a valid mobile number."),
}
MAGIC_SENDERS: Mapping[str, Refuse] = {
    "+15005550001": Refuse(400, 21212, "The 'From' number is not a valid phone number."),
    "+15005550007": Refuse(400, 21606, "The 'From' number is not owned by the account."),
    "+15005550008": Refuse(429, 21611, "This 'From' number has exceeded the maximum number of queued messages."),
}


def usual_refusal(attempt: Attempt, stopped: AbstractSet[str]) -> Refuse | None:
    """Return what Twilio refuses a message with; None where it takes it.

    Args:
        attempt: The request.
        stopped: Numbers that said STOP.
    """
    if not attempt.to:
        return Refuse(400, 21604, "A 'To' phone number is required.")
    if not attempt.body:
        return Refuse(400, 21602, "Message body is required.")
    if attempt.to in stopped:
        return Refuse(400, 21610, "Attempt to send to unsubscribed recipient.")
    return MAGIC_SENDERS.get(attempt.sender) or MAGIC_RECIPIENTS.get(attempt.to)


def resource(account_sid: str, message: ReceivedSms) -> dict[str, Any]:
    """Return a message as the Messages resource shows it.

    https://www.twilio.com/docs/messaging/api/message-resource
    """
    serviced = message.sender.startswith("MG")
    uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{message.sid}"
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": message.created,
        "date_sent": None,
        "date_updated": message.created,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": None if serviced else message.sender,
        "messaging_service_sid": message.sender if serviced else None,
        "num_media": "0",
        "num_segments": "0" if serviced else "1",
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": "accepted" if serviced else "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def error(refusal: Refuse) -> dict[str, Any]:
    """Return the body of an error."""
    return {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": refusal.status,
    }
