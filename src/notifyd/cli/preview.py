"""`notifyd preview`: what a client would read, made by the code that the daemon sends by."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from notifyd.cli.errors import Explained
from notifyd.cli.options import Config, Json
from notifyd.content import Renderer
from notifyd.content.preview import Preview, sample_job
from notifyd.content.preview import preview as render
from notifyd.content.sms import SmsSize
from notifyd.model.job import Channel
from notifyd.model.message import Email, Sms
from notifyd.settings import Need, load


def preview(
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="Which templates: booking_confirmation, reminder_24h, …")
    ],
    *,
    config: Config = None,
    payload: Annotated[
        typer.FileText | None,
        typer.Option(metavar="FILE", help="A payload as the booking system writes it; - reads it from standard input."),
    ] = None,
    channel: Annotated[Channel | None, typer.Option(help="This channel alone.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Where to write the e-mail's HTML.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the messages of one type, and how many segments the SMS has. Nothing is sent; no database is asked.

    Without --payload an invented booking is used.

    Examples:
      notifyd preview booking_confirmation
      notifyd preview reminder_24h --channel sms --payload payload.json
      notifyd preview cancellation --html /tmp/cancellation.html
    """
    settings = load(config, Need.NOTHING)
    job = sample_job(type_, payload.read() if payload else None)
    shown = _narrowed(render(Renderer(settings.templates_dir), job, settings.phone_region), channel)
    if html is not None:
        if shown.email is None:
            raise Explained("there is no e-mail among the messages, so no HTML to write")
        html.write_text(shown.email.html, encoding="utf-8")
    typer.echo(json.dumps(_as_json(shown), default=str) if as_json else _told(shown))


def _narrowed(whole: Preview, channel: Channel | None) -> Preview:
    """Keep one channel alone, if one was asked for."""
    match channel:
        case Channel.EMAIL if whole.email is not None:
            return replace(whole, sms=None, size=None)
        case Channel.SMS if whole.sms is not None:
            return replace(whole, email=None)
        case None:
            return whole
        case _:
            raise Explained(
                f"no {channel}: the payload does not ask for it, has no usable address, or the type no template"
            )


def _told(shown: Preview) -> str:
    parts = []
    if shown.email:
        parts.append(_told_email(shown.email))
    if shown.sms and shown.size:
        parts.append(_told_sms(shown.sms, shown.size))
    return "\n\n".join(parts)


def _told_email(email: Email) -> str:
    heads = {
        "From": email.from_name or "(no name)",
        "To": f"{email.to_name} <{email.to}>".strip(),
        "Reply-To": email.reply_to or "(nobody)",
        "Subject": email.subject,
    }
    return "\n".join(
        ["--- email", *(f"{name + ':':<9} {text}" for name, text in heads.items()), "", email.text.rstrip()]
    )


def _told_sms(sms: Sms, size: SmsSize) -> str:
    longer = f"; made longer by {' '.join(size.culprits)}" if size.culprits else ""
    segments = "1 segment" if size.segments == 1 else f"{size.segments} segments"
    return f"--- sms: {segments}, {size.units} units of {size.alphabet}{longer}\nTo:       {sms.to}\n\n{sms.body}"


def _as_json(shown: Preview) -> dict[str, object]:
    messages = {"email": shown.email, "sms": shown.sms}
    told: dict[str, object] = {name: asdict(message) for name, message in messages.items() if message is not None}
    if shown.size:
        told["size"] = asdict(shown.size)
    return told
