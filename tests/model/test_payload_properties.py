"""Whatever stands in a row, parsing gives facts fit to be sent, or a fault fit for the `error` column."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifyd.content.preview import sample_job
from notifyd.model.payload import Fault, parse

KEYS = (
    *("clientName", "clientEmail", "clientPhone", "serviceName", "staffName", "dateTime", "salonName", "salonAddress"),
    *("startTime", "endTime", "salonTimezone", "salonEmail", "sendAt", "expiresAt", "type", "channels", "data"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
PLAUSIBLE = st.sampled_from(
    ["a@example.com", "+4915112345678", "Europe/Berlin", "2026-11-24T14:30:00Z", "2026-11-24T14:30", ["email"], "email"]
)
ANYTHING = st.recursive(
    SCALARS | PLAUSIBLE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
DATA = st.dictionaries(st.sampled_from(KEYS), ANYTHING)


def check(payload: str) -> None:
    """Parse, and look at what comes out."""
    try:
        booking = parse(sample_job("booking_confirmation", payload), "DE")
    except Fault as fault:
        text = str(fault)
        assert re.fullmatch(r"payload[\w.]*: [\x20-\x7e…]+", text), text
        return
    assert booking.channels
    for header in (booking.client_name, booking.salon_name, booking.email or "", booking.reply_to or ""):
        header.encode()
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", header)
    for moment in (booking.send_at, booking.expires_at, booking.start, booking.end):
        assert moment is None or moment.utcoffset() is not None


@given(st.text(st.characters(codec=None)))
def test_any_text(payload: str) -> None:
    """Nothing but a fault is ever raised for arbitrary text."""
    check(payload)


@given(ANYTHING)
def test_any_json(value: Any) -> None:
    """Nothing but a fault is ever raised for arbitrary JSON."""
    check(json.dumps(value))


@given(DATA, st.none() | DATA)
def test_any_value_under_a_known_key(data: dict[str, Any], top: dict[str, Any] | None) -> None:
    """Nothing but a fault is ever raised where the keys are right and the values are anything, in either shape."""
    check(json.dumps(data if top is None else top | {"data": data}))
