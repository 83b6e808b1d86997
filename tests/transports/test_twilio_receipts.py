"""Twilio's callbacks: who is believed, which send they are about, and what their codes mean."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict

from notifyd.demo.twilio_callbacks import Algorithm, form, signed
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, ReceivedSms
from notifyd.model.receipt import Forged, Receipt, ReceiptState
from notifyd.transports.twilio_receipts import TwilioReceipts
from transports.sending import KEY

ORIGIN = "https://notify.example.com"
PATH = f"/receipts/twilio?delivery={KEY}.7"
SID = "SM" + "4" * 32
MESSAGE = ReceivedSms(SID, "+4915112345678", "+15005550006", "Hello", ORIGIN + PATH, 0.0, "")
READER = TwilioReceipts(ORIGIN, AUTH_TOKEN)


def read(
    status: str = "delivered",
    code: int | None = None,
    *,
    path: str = PATH,
    algorithm: Algorithm = "HMAC_SHA1",
    reader: TwilioReceipts = READER,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Receipt | None:
    """Read a callback as Twilio would sign it."""
    sent = form(ACCOUNT_SID, MESSAGE, status, code) | dict(more)
    return reader.read(path, MultiDict(sent), CIMultiDict(signed(reader.origin + path, sent, AUTH_TOKEN, algorithm)))


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
@pytest.mark.parametrize("origin", [ORIGIN, "https://example.com/notifyd", "https://example.com:8443"])
def test_both_algorithms(algorithm: Algorithm, origin: str) -> None:
    """The old signature and the new one are believed, for whatever public address."""
    receipt = read(algorithm=algorithm, reader=TwilioReceipts(origin, AUTH_TOKEN))
    assert receipt is not None
    assert (KEY, 7, SID, ReceiptState.DELIVERED) == (
        receipt.key,
        receipt.lease_id,
        receipt.provider_id,
        receipt.state,
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("accepted", ReceiptState.ACCEPTED),
        ("queued", ReceiptState.ACCEPTED),
        ("sending", ReceiptState.ACCEPTED),
        ("sent", ReceiptState.ACCEPTED),
        ("delivered", ReceiptState.DELIVERED),
        ("read", ReceiptState.DELIVERED),
        ("undelivered", ReceiptState.UNDELIVERED),
        ("failed", ReceiptState.UNDELIVERED),
        ("canceled", ReceiptState.UNDELIVERED),
    ],
)
def test_states(status: str, state: ReceiptState) -> None:
    """Each of Twilio's states is one of ours."""
    receipt = read(status)
    assert receipt is not None
    assert state is receipt.state


@pytest.mark.parametrize(
    ("code", "reason", "consequences"),
    [
        (21610, "21610 recipient has unsubscribed with STOP", {"suppress": True}),
        (30003, "30003 handset is off or out of reach", {"retry_after": 1800.0, "resends": 2}),
        (30004, "30004 recipient blocks messages", {"suppress": True}),
        (30005, "30005 number does not exist", {"suppress": True}),
        (30006, "30006 number is a landline or unreachable", {"suppress": True}),
        (30007, "30007 filtered by a carrier: look at the sender's registration and the text", {"loud": True}),
        (30008, "30008 lost by a carrier", {"retry_after": 300.0, "resends": 1}),
        (30034, "30034 sender is not registered: register it", {"loud": True}),
        (39999, "39999 not delivered", {}),
        (None, "not delivered", {}),
    ],
)
def test_codes(code: int | None, reason: str, consequences: dict[str, Any]) -> None:
    """Each code means what the table of outcomes says, and an unknown one has no consequences."""
    receipt = read("undelivered", code)
    assert receipt is not None
    assert (reason, None if code is None else str(code)) == (receipt.reason, receipt.code)
    expected = {"suppress": False, "loud": False, "retry_after": None, "resends": 0} | consequences
    assert expected == {name: getattr(receipt, name) for name in expected}


@pytest.mark.parametrize("status", ["delivered", "sent"])
def test_a_code_of_a_message_that_arrived_means_nothing(status: str) -> None:
    """Nobody is suppressed for a message that was delivered, or may still be."""
    receipt = read(status, 30006)
    assert receipt is not None
    assert (None, False) == (receipt.code, receipt.suppress)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/receipts/twilio", {}),
        ("/receipts/twilio?delivery=1.2", {}),
        (f"/receipts/twilio?delivery={KEY}", {}),
        (f"/receipts/twilio?delivery={KEY}.99999999999999999999", {}),
        (PATH, {"MessageSid": "SM%00"}),
        (PATH, {"MessageSid": ""}),
        (PATH, {"MessageStatus": "receiving"}),
    ],
)
def test_nothing_of_ours(path: str, fields: dict[str, str]) -> None:
    """A genuine callback about something else is of no use, and no error."""
    assert read(path=path, more=fields) is None


@pytest.mark.parametrize("code", ["30006; drop table", "\x00", "\uff13\uff10\uff10\uff10\uff16", "9" * 50])
def test_an_odd_code(code: str) -> None:
    """A code that is none of Twilio's is left out."""
    receipt = read("failed", more={"ErrorCode": code})
    assert receipt is not None
    assert (None, "not delivered") == (receipt.code, receipt.reason)


FIELDS = form(ACCOUNT_SID, MESSAGE, "delivered", None)
GENUINE = signed(ORIGIN + PATH, FIELDS, AUTH_TOKEN)


@pytest.mark.parametrize(
    ("path", "fields", "headers"),
    [
        (PATH, FIELDS, {}),
        (PATH, FIELDS, {"X-Twilio-Signature": ""}),
        (PATH, FIELDS, {"X-Twilio-Signature": "ü" * 28}),
        (PATH, FIELDS, signed(ORIGIN + PATH, FIELDS, "another secret")),
        (PATH, FIELDS | {"MessageStatus": "failed"}, GENUINE),
        (PATH, {}, GENUINE),
        (PATH.replace(KEY, "0" * 32), FIELDS, GENUINE),
        (PATH, FIELDS, signed("https://elsewhere.example" + PATH, FIELDS, AUTH_TOKEN)),
        (PATH, FIELDS, GENUINE | {"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA256"}),
        (PATH, FIELDS, GENUINE | {"X-Twilio-Webhooks-Signature-Settings": "algorithm=none"}),
        (PATH + "&x=" + "y" * 2_000, FIELDS, GENUINE),
    ],
)
def test_forged(path: str, fields: dict[str, str], headers: dict[str, str]) -> None:
    """Without the signature of exactly this request nobody is believed."""
    with pytest.raises(Forged):
        READER.read(path, MultiDict(fields), CIMultiDict(headers))


@given(st.text(), st.dictionaries(st.text(), st.text()), st.text(), st.text())
def test_strangers(path: str, fields: dict[str, str], signature: str, settings: str) -> None:
    """Whatever a stranger sends, he is a stranger, and nothing else is raised."""
    headers = {"X-Twilio-Signature": signature, "X-Twilio-Webhooks-Signature-Settings": settings}
    with pytest.raises(Forged):
        READER.read(path, MultiDict(fields), CIMultiDict(headers))
