"""Who is measured, and how each is started."""

import sys
from enum import StrEnum
from pathlib import Path

from benchmarks.loops.options import SMTP_FROM, TWILIO_FROM
from benchmarks.plan import Workload
from benchmarks.stage import TEMPLATES, Stage
from benchmarks.worker import Command


class Contestant(StrEnum):
    """Who is measured."""

    POLLING = "original, polling"
    ORIGINAL = "original, no pause"
    BARE = "bare loop"
    NOTIFYD = "notifyd"


def command(who: Contestant, stage: Stage, workload: Workload | None, profile: Path | None = None) -> Command:
    """Return how a worker is started.

    Args:
        who: Which one.
        stage: Where it works.
        workload: `NO_OP` lets it send nothing; any other, or None, opens both channels.
        profile: Where notifyd's profile goes; None for none.
    """
    sends = workload is not Workload.NO_OP
    if who is Contestant.NOTIFYD:
        start = ["-m", "notifyd"] if profile is None else ["-m", "benchmarks.sampler", str(profile)]
        config = stage.directory / "notifyd.toml"
        config.write_text("# keeps the machine's own configuration out\n")
        arguments = [*start, "run", "--config", str(config)]
        return Command([sys.executable, *arguments], _settings(stage, sends=sends), ready="listen.ready")
    module = "benchmarks.loops.bare" if who is Contestant.BARE else "benchmarks.loops.original"
    arguments = ["-m", module, "--dsn", stage.dsn, "--templates", str(TEMPLATES)]
    if sends:
        arguments += ["--smtp-port", str(stage.mail.address["port"]), "--twilio", _with_credentials(stage)]
    if who is Contestant.ORIGINAL:
        arguments += ["--pause", "0"]
    return Command([sys.executable, *arguments], {}, ready="ready")


def _with_credentials(stage: Stage) -> str:
    address = stage.twilio.address
    scheme, host = address["base_url"].split("://")
    return f"{scheme}://{address['account_sid']}:{address['auth_token']}@{host}"


def _settings(stage: Stage, *, sends: bool) -> dict[str, str]:
    settings = {"DATABASE_URL": stage.dsn, "HTTP_PORT": "0", "TEMPLATES_DIR": str(TEMPLATES)}
    if sends:
        settings |= {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(stage.mail.address["port"]),
            "SMTP_TLS": "none",
            "SMTP_FROM": SMTP_FROM,
            "TWILIO_ACCOUNT_SID": stage.twilio.address["account_sid"],
            "TWILIO_AUTH_TOKEN": stage.twilio.address["auth_token"],
            "TWILIO_FROM": TWILIO_FROM,
            "TWILIO_BASE_URL": stage.twilio.address["base_url"],
        }
    else:
        settings |= {"EMAIL_TRANSPORT": "null", "SMS_TRANSPORT": "null"}
    return {f"NOTIFYD_{key}": value for key, value in settings.items()}
