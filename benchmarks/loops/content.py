"""A payload into a message by the same templates as notifyd's, and by as little work as that can be done with.

No checks: a row that is not as the benchmark writes it raises anything. A test compares the result with notifyd's.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader

from notifyd.content.catalog import BUILT_IN
from notifyd.content.when import tell
from notifyd.model.job import JobId
from notifyd.model.message import Email
from notifyd.transports.mime import Letter, compose

_BLANK_LINES = re.compile(r"\n\s*\n")

DATE = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
"""That of every e-mail."""

Data = Mapping[str, Any]


class Content:
    """The templates."""

    def __init__(self, templates: Path, sender: str) -> None:
        self._sender = sender
        self._environment = Environment(
            loader=FileSystemLoader([templates, BUILT_IN]),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def letter(self, job_id: str, type_: str, data: Data) -> Letter:
        """Return the e-mail as bytes in an envelope."""
        names = _names(data)
        subject = " ".join(self._fill(f"{type_}/subject.txt", names).split())
        text = _BLANK_LINES.sub("\n\n", self._fill(f"{type_}/text.txt", names)).strip() + "\n"
        html = self._fill(f"{type_}/email.html", names | {"subject": subject})
        key = hashlib.sha256(job_id.encode()).hexdigest()[:32]
        to, salon, reply_to = data["clientEmail"], data["salonName"], data["salonEmail"]
        email = Email(JobId(job_id), key, to, data["clientName"], salon, reply_to, subject, text, html, DATE)
        return compose(email, self._sender)

    def sms(self, type_: str, data: Data) -> str:
        """Return the text of the SMS."""
        return self._fill(f"{type_}/sms.txt", _names(data)).strip()

    def _fill(self, template: str, names: Data) -> str:
        return self._environment.get_template(template).render(names)


def _names(data: Data) -> dict[str, Any]:
    if "startTime" not in data:
        return dict(data)
    zone = ZoneInfo(data["salonTimezone"])
    start, end = (datetime.fromisoformat(data[key]).astimezone(zone) for key in ("startTime", "endTime"))
    return {**data, "start": start, "end": end, "when": tell(start, end)}
