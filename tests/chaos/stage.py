"""Opens everything that a run needs: a private PostgreSQL, both stand-ins, nine proxies, three daemons.

All but the server and the daemons live in this one process: it has little to do, and the cores belong to the daemons.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251 - the type alone: the dice are made in run.py

import anyio
import asyncpg

from chaos.crew import Crew, open_crew
from chaos.moods import MailMoods, SmsMoods, mail_script, sms_script
from chaos.wires import Wires, open_wires
from notifyd.demo.mail_sink import MailSink
from notifyd.demo.postgres import Cluster
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn
from support.daemon import DaemonProcess
from support.databases import Databases, private_cluster
from support.world import SENDER, daemon_dsn

DAEMONS = ("a", "b", "c")

LEASE = 5.0
"""Seconds; a SIGSTOP that is longer than it takes the daemon's jobs away."""

SETTINGS = {
    "lease": LEASE,
    "poll_interval": 1,
    "retry_base": 0.5,
    "retry_max": 5,
    "reconcile_grace": 8,
    "smtp_connections": 4,
    "twilio_connections": 4,
    "smtp_timeout": 3,
    "twilio_timeout": 3,
    "grace": 5,
    "email_transport": "smtp",
    "smtp_host": "127.0.0.1",
    "smtp_tls": "none",
    "smtp_from": "booking@notifyd.example",
    "sms_transport": "twilio",
    "twilio_account_sid": ACCOUNT_SID,
    "twilio_auth_token": AUTH_TOKEN,
    "twilio_from": SENDER,
}
"""NOTIFYD_* of each daemon, but for the ports. Few connections, so that claimed jobs wait for one when it is killed."""

LONGEST_LAG = 2.5
"""Seconds that Twilio's list may be late, and LONGEST_SMS_STALL how long a POST may be stuck on its way: together they
stay below RECONCILE_GRACE, which is how the setting is meant. Beyond it, nobody could tell a late message from none."""

LONGEST_SMS_STALL = 3.0

_HISTORY = Path(__file__).with_name("history.sql")


@dataclass(slots=True)
class Stage:
    """Everything an act of chaos can reach.

    Attributes:
        dsn: The booking system's, straight to the server.
        directory: Where the daemons' logs are.
        server: Held by whoever has PostgreSQL stopped.
        say: Tells a line of progress.
    """

    cluster: Cluster
    dsn: str
    directory: Path
    mail: MailSink
    twilio: TwilioStandIn
    mail_moods: MailMoods
    sms_moods: SmsMoods
    crew: Crew
    say: Callable[[str], None]
    server: anyio.Lock = field(default_factory=anyio.Lock)


@asynccontextmanager
async def open_stage(directory: Path, dice: Random, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Open everything, and close it again however the block ends."""
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(private_cluster())
        dsn = await Databases(cluster).create()
        await _keep_history(dsn)
        daemons_dsn = await daemon_dsn(cluster, dsn)
        mail_moods, sms_moods = MailMoods(dice), SmsMoods(dice)
        mail = await stack.enter_async_context(MailSink(script=mail_script(mail_moods)))
        twilio = await stack.enter_async_context(TwilioStandIn(script=sms_script(sms_moods)))
        members = []
        for name in DAEMONS:
            wires = await stack.enter_async_context(open_wires(cluster.port, mail.port, twilio.port))
            through_proxy = daemons_dsn.replace(f":{cluster.port}/", f":{wires.postgres.port}/")
            members.append((name, _daemon(through_proxy, directory / f"daemon-{name}", wires), wires))
        crew = await stack.enter_async_context(open_crew(members, say))
        yield Stage(cluster, dsn, directory, mail, twilio, mail_moods, sms_moods, crew, say)


def _daemon(dsn: str, directory: Path, wires: Wires) -> DaemonProcess:
    directory.mkdir()
    ports = {"smtp_port": wires.smtp.port, "twilio_base_url": f"http://127.0.0.1:{wires.twilio.port}"}
    return DaemonProcess(dsn, directory, **SETTINGS, **ports)


async def _keep_history(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_HISTORY.read_text())
    finally:
        await connection.close()
