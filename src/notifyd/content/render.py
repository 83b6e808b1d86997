"""A job and its facts rendered into the message of one channel, by the templates of its type.

Templates run in a sandbox and are compiled once. Every value they print is checked on its way out: what is no text for
a customer is a fault, never a message. Raises `Fault`, and OSError where a template cannot be read now.
"""

import math
import re
from datetime import datetime
from pathlib import Path
from typing import assert_never

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, Template, TemplateNotFound, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifyd.content.blame import Unfit, blame
from notifyd.content.catalog import BUILT_IN, HTML, Kind, catalog
from notifyd.content.facts import NoTime, facts
from notifyd.content.sms import fold
from notifyd.content.when import When
from notifyd.model.fault import Fault
from notifyd.model.job import Channel, Job
from notifyd.model.message import Email, Sms
from notifyd.model.payload import Booking
from notifyd.model.text import unfit, without_encoded_words

LONGEST_SMS = 1600
"""Characters that Twilio takes as one message (its error 21617)."""

_HTML_FROM_TEXT = "from_text.html"
_BLANK_LINES = re.compile(r"\n\s*\n")


class Renderer:
    """The templates, compiled, and how to fill them.

    A file in the operator's folder takes the place of the built-in file of the same name; a folder there adds a type.
    Both are found at start: after a change notifyd is restarted.

    Args:
        templates_dir: The operator's folder, or None.

    Raises:
        NotADirectoryError: if it is no folder.
    """

    def __init__(self, templates_dir: Path | None = None) -> None:
        folders = [BUILT_IN] if templates_dir is None else [templates_dir, BUILT_IN]
        self._folders = folders
        self._kinds = catalog(folders)
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html"),
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,  # as many as there are files
        )
        self._templates: dict[str, Template] = {}

    def types(self) -> tuple[str, ...]:
        """Return the names of all types, in order."""
        return tuple(self._kinds)

    def channels(self, type_: str) -> frozenset[Channel]:
        """Return the channels a type has templates for; none where the type is not known."""
        kind = self._kinds.get(type_)
        return kind.channels if kind else frozenset()

    def render(self, job: Job, booking: Booking, channel: Channel) -> Email | Sms:
        """Render one message.

        Args:
            job: The job; its type chooses the templates.
            booking: The facts of its payload.
            channel: One of `booking.channels`.

        Raises:
            Fault: if the type has no such templates, a template cannot be filled from these facts, or a template is
                itself at fault.
        """
        kind = self._kind(job, channel)
        names = facts(job, booking)
        match channel:
            case Channel.EMAIL:
                return self._email(kind, names, job, booking)
            case Channel.SMS:
                return self._sms(kind, names, job, booking)
            case _:
                assert_never(channel)

    def _kind(self, job: Job, channel: Channel) -> Kind:
        kind = self._kinds.get(job.type)
        if kind is None:
            raise Fault("type", f"has no templates: correct it, or add them; known are {', '.join(self._kinds)}")
        if channel not in kind.channels:
            raise Fault("type", f"has no template for {channel}")
        return kind

    def _email(self, kind: Kind, names: dict[str, object], job: Job, booking: Booking) -> Email:
        assert booking.email is not None, "the channel is among booking.channels"
        subject = " ".join(self._fill(f"{kind.name}/subject.txt", names).split())
        body = _BLANK_LINES.sub("\n\n", self._fill(f"{kind.name}/text.txt", names)).strip() + "\n"
        names |= {"subject": subject, "text": body}
        return Email(
            job_id=job.id,
            key=job.key,
            to=booking.email,
            to_name=without_encoded_words(booking.client_name),
            from_name=without_encoded_words(booking.salon_name),
            reply_to=booking.reply_to,
            subject=without_encoded_words(subject),
            text=body,
            html=self._fill(f"{kind.name}/{HTML}" if kind.has_html else _HTML_FROM_TEXT, names),
            date=job.now,
        )

    def _sms(self, kind: Kind, names: dict[str, object], job: Job, booking: Booking) -> Sms:
        assert booking.phone is not None, "the channel is among booking.channels"
        lines = self._fill(f"{kind.name}/sms.txt", names).split("\n")
        body = fold("\n".join(" ".join(line.split()) for line in lines if line.strip()))
        if not 0 < len(body) <= LONGEST_SMS:
            raise Fault(f"template {kind.name}/sms.txt", f"makes {len(body)} characters, an SMS has 1 to {LONGEST_SMS}")
        return Sms(job_id=job.id, key=job.key, lease_id=job.lease_id, to=booking.phone, body=body)

    def _fill(self, template: str, names: dict[str, object]) -> str:
        try:
            return (self._templates.get(template) or self._compiled(template)).render(names)
        except Fault:
            raise
        except Exception as error:  # a template is a program of the operator's: it may raise anything
            if isinstance(error, OSError) and not isinstance(error, TemplateNotFound):
                raise  # a file that cannot be read now is not the template's fault
            raise blame(error, template, self._folders) from None

    def _compiled(self, template: str) -> Template:
        compiled = self._environment.get_template(template)
        compiled.globals = dict(compiled.globals)  # Jinja's ChainMap costs 6 µs at every rendering
        return self._templates.setdefault(template, compiled)


def _printable(value: object) -> object:
    """Let a value out of a template only if a customer may read it; Jinja calls this for all that `{{ … }}` prints."""
    match value:
        case str():
            if problem := unfit(value):
                raise Unfit(problem)
        case When() | datetime() | NoTime():
            return str(value)
        case Undefined():
            pass  # raises by itself, naming what is undefined
        case bool() | None:
            raise Unfit("is true, false or null")
        case int() | float() if math.isfinite(value):
            pass
        case _:
            raise Unfit("is no text")
    return value
