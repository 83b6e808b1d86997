"""Finds a message in Twilio's list: by recipient, sender, text, and the time since its intent.

The list is asked for by recipient alone. A filter by `DateSent` would hide what is still queued, and `From` is empty
while a messaging service has not chosen a number (https://www.twilio.com/docs/messaging/api/message-resource). What can
go wrong is an error of the SDK or of aiohttp, which comes through.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from notifyd.model.job import Trace
from notifyd.model.unknown import fingerprint
from notifyd.transports.twilio_http import last_headers

_PAGE = 100  # messages; a client gets a handful a month
_MOST_PAGES = 20
_SLACK = timedelta(seconds=60)  # dates have whole seconds, and the answer took its time
_TRIAL = "Sent from your Twilio trial account - "  # put before every text of a trial account


async def find(messages: Any, trace: Trace) -> tuple[str, ...]:  # the SDK has no types
    """Return the SIDs of all messages that may be the one, oldest first.

    Args:
        messages: The SDK's Messages resource.
        trace: What to look for. Its age is counted back from Twilio's own clock, so that ours may be wrong.

    Raises:
        Exception: one of `twilio_codes.ERRORS`.
    """
    found: list[str] = []
    page = await messages.page_async(to=trace.recipient, page_size=_PAGE)
    since = _since(trace)
    for _ in range(_MOST_PAGES):
        listed = list(page)
        found.extend(message.sid for message in listed if _is_it(message, trace, since))
        if all(_is_older(message, since) for message in listed):  # the newest come first
            break
        page = await page.next_page_async()
        if page is None:
            break
    return tuple(reversed(found))


def _since(trace: Trace) -> datetime | None:
    """Return the moment of the intent by Twilio's clock; None where it does not tell its time."""
    try:
        return parsedate_to_datetime(last_headers.get().get("Date", "")) - trace.age - _SLACK
    except (ValueError, TypeError):
        return None


def _is_it(message: Any, trace: Trace, since: datetime | None) -> bool:
    senders: Iterable[str | None] = (message.from_, message.messaging_service_sid)
    text = (message.body or "").removeprefix(_TRIAL)
    return (
        not _is_older(message, since)
        and trace.sender in senders
        and str(message.direction).startswith("outbound")
        and fingerprint(text) == trace.fingerprint
    )


def _is_older(message: Any, since: datetime | None) -> bool:
    return since is not None and message.date_created is not None and message.date_created < since
