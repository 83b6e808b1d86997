"""Reads Twilio's status callbacks: who may call, which send it is about, and what a status and its code mean.

A callback is believed only if it is signed (https://www.twilio.com/docs/usage/security#validating-requests) for the
public address, which is configuration and never taken from the request. What can go wrong is a stranger: `Forged`.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from notifyd.model.job import Channel, LeaseId
from notifyd.model.receipt import Forged, Receipt, ReceiptState

_DELIVERY = re.compile(r"[?&]delivery=([0-9a-f]{32})\.([0-9]{1,18})(?:&|$)")
_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_CODE = re.compile(r"[0-9]{4,6}")
_LONGEST_PATH = 1_000

_STATES = {
    "accepted": ReceiptState.ACCEPTED,
    "scheduled": ReceiptState.ACCEPTED,
    "queued": ReceiptState.ACCEPTED,
    "sending": ReceiptState.ACCEPTED,
    "sent": ReceiptState.ACCEPTED,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.DELIVERED,
    "undelivered": ReceiptState.UNDELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "canceled": ReceiptState.UNDELIVERED,
}
"""https://www.twilio.com/docs/messaging/api/message-resource#message-status-values"""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a code of a message that was not delivered means.

    Attributes:
        suppress: Whether the recipient must not be contacted again.
        loud: Whether an operator should look at it.
        resends: How many times it is sent once more, each `delay` seconds after the report of the one before.
    """

    words: str
    suppress: bool = False
    loud: bool = False
    resends: int = 0
    delay: float | None = None


_CODES = {
    "21610": _Meaning("recipient has unsubscribed with STOP", suppress=True),
    "30003": _Meaning("handset is off or out of reach", resends=2, delay=1800.0),
    "30004": _Meaning("recipient blocks messages", suppress=True),
    "30005": _Meaning("number does not exist", suppress=True),
    "30006": _Meaning("number is a landline or unreachable", suppress=True),
    "30007": _Meaning("filtered by a carrier: look at the sender's registration and the text", loud=True),
    "30008": _Meaning("lost by a carrier", resends=1, delay=300.0),
    "30034": _Meaning("sender is not registered: register it", loud=True),
}
"""Each has its page, https://www.twilio.com/docs/api/errors/30003 and so on; the waits are ours."""
_OTHER = _Meaning("not delivered")


@dataclass(frozen=True, slots=True)
class TwilioReceipts:
    """Reads callbacks.

    Attributes:
        origin: Scheme, host and, where there is one, the path in front of ours: of the address that Twilio calls.
        secret: The auth token, or the secret of the account's shared key.
    """

    origin: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        logging.getLogger("twilio.request_validator").setLevel(logging.ERROR)  # strangers may not fill the journal

    def read(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Receipt | None:
        """Read one callback.

        Args:
            path: The request's path with its query, as it came.
            form: Its fields, each once.
            headers: Its headers.

        Returns:
            What it says; None for one that is Twilio's and about no send of ours, or of a kind that we do not know.

        Raises:
            Forged: if the signature is missing or wrong.
        """
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER))
        signature = headers.get(SIGNATURE_HEADER, "")
        url = self.origin + path
        if len(path) > _LONGEST_PATH or not signature.isascii():
            raise Forged
        try:
            genuine = RequestValidator(self.secret).validate(url, form, signature, algorithm)
        except ValueError:  # a port that is none, a lone surrogate
            raise Forged from None
        if not genuine:
            raise Forged
        return _receipt(path, form)


def _receipt(path: str, form: Mapping[str, str]) -> Receipt | None:
    about, sid = _DELIVERY.search(path), form.get("MessageSid", "")
    state = _STATES.get(form.get("MessageStatus", ""))
    if about is None or state is None or _SID.fullmatch(sid) is None:
        return None
    receipt = Receipt(key=about[1], channel=Channel.SMS, state=state, provider_id=sid, lease_id=LeaseId(int(about[2])))
    return _explained(receipt, form.get("ErrorCode", "")) if state is ReceiptState.UNDELIVERED else receipt


def _explained(receipt: Receipt, code: str) -> Receipt:
    known = code if _CODE.fullmatch(code) else ""
    meaning = _CODES.get(known, _OTHER)
    return replace(
        receipt,
        code=known or None,
        reason=f"{known} {meaning.words}".strip(),
        loud=meaning.loud,
        suppress=meaning.suppress,
        retry_after=meaning.delay,
        resends=meaning.resends,
    )
