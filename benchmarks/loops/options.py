"""The command line that both loops share."""

import argparse
from pathlib import Path

SMTP_FROM = "booking@example.com"
TWILIO_FROM = "+14155550100"
"""Who all contestants send as."""


class Options(argparse.Namespace):
    """What a loop is told.

    Attributes:
        dsn: The database.
        templates: Looked into before the built-in templates.
        smtp_port: The mail server's on this machine; None sends no e-mail.
        twilio: The base URL of the Twilio stand-in, account and token in it; None sends no SMS.
        pause: Seconds between two polls.
    """

    dsn: str
    templates: Path
    smtp_port: int | None
    twilio: str | None
    pause: float


def options(description: str | None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int)
    parser.add_argument("--twilio")
    parser.add_argument("--pause", type=float, default=5.0)
    return parser.parse_args(namespace=Options())
