"""Where runs take place: a database, a mail server and a Twilio stand-in, each behind a wire, and daemons in front."""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import asyncpg
import psutil

from crash.conductor import Conductor
from crash.dialects import Http, Smtp
from crash.postgres import Postgres
from crash.scenarios import Scenario
from crash.wire import Wire
from crash.zygote import Zygote
from notifyd.demo.mail_sink import MailSink
from notifyd.demo.postgres import Cluster
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn
from notifyd.store.rescue import SERVER_GRACE
from notifyd.store.statements import statements
from notifyd.store.table import inspect
from support.databases import Databases
from support.jobs import insert_job, payload
from support.waiting import until
from support.world import SENDER, daemon_dsn

TEMPLATES = Path(__file__).parent / "templates"

SETTINGS: Mapping[str, object] = {
    "EMAIL_TRANSPORT": "smtp",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_TLS": "none",
    "SMTP_FROM": "booking@notifyd.example",
    "SMTP_TIMEOUT": 5,
    "SMS_TRANSPORT": "twilio",
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_FROM": SENDER,
    "TWILIO_TIMEOUT": 5,
    "TEMPLATES_DIR": TEMPLATES,
    "MAX_IN_FLIGHT": 4,
    "POLL_INTERVAL": 0.1,
    "RETRY_BASE": 0.05,
    "RECONCILE_GRACE": 0.3,
    "LEASE": 30,
    "HTTP_PORT": 0,
    "LOG_FORMAT": "json",
}

HISTORY = """
create schema crash;
create table crash.history (
    number bigserial primary key, channel text not null, state text not null, lease_id bigint not null
);
create function crash.note() returns trigger language plpgsql security definer as $$
begin
    if tg_op = 'INSERT' or (old.state, old.lease_id) is distinct from (new.state, new.lease_id) then
        insert into crash.history (channel, state, lease_id) values (new.channel, new.state, new.lease_id);
    end if;
    return null;
end
$$;
create trigger note after insert or update on notifyd.deliveries for each row execute function crash.note();
"""
"""The ledger as it was: every change of a delivery's state, in order."""

SUPPRESS = """
insert into notifyd.suppressions (channel, sender, recipient, reason) values ('email', $1, $2, 'mailbox does not exist')
"""

CLEAN = """
delete from notification_jobs;
delete from notifyd.leases;
delete from notifyd.schedule;
delete from notifyd.deliveries;
delete from notifyd.suppressions;
delete from crash.history;
"""

RIGS = 3
"""Runs at once: most of one is spent waiting."""

OUTWAIT_GRACE = "select pg_sleep_until(pg_postmaster_start_time() + $1::interval)"
"""Nobody is rescued in the first seconds of a server; the server itself knows when they are over."""

QUIET = (
    *("table.", "listen.", "stats.", "retention.", "rollups.", "cancelled.", "jobs.RE"),
    *("rescue.ADOPT", "schedule.RESCHEDULE"),
)
"""How the statements begin that concern no job of a run that goes its usual way."""

CONCERNS = {
    "sql:claim": "select exists (select from notification_jobs where status = 'pending')",
    "sql:rescue": "select exists (select from notifyd.leases where expires_at < now())",
    "sql:promote": "select exists (select from notifyd.schedule where waits_for is null and due_at <= now())",
}
"""Whether a poll that is about to be sent will find the job."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon of a run."""

    pid: int
    log: Path
    zygote: Zygote

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.zygote.kill(self.pid)

    async def stop(self) -> None:
        """Send SIGSTOP: on return it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        process = psutil.Process(self.pid)
        await until(lambda: process.status() == psutil.STATUS_STOPPED)

    def cont(self) -> None:
        """Send SIGCONT, the end of `stop`."""
        os.kill(self.pid, signal.SIGCONT)

    def events(self, name: str) -> list[str]:
        """Return the lines of its log that tell of an event of a job."""
        return [line for line in self.log.read_text().splitlines() if f'"{name}"' in line and '"job"' in line]


@dataclass
class Rig:
    """Everything that runs need, one run after another.

    Attributes:
        database: A connection of the superuser's, past the wire.
        dsn: The daemon's, through the wire.
        sql: The wire to PostgreSQL.
        smtp: The wire to the mail server.
        http: The wire to Twilio.
        daemons: Those that live.
    """

    database: asyncpg.Connection
    dsn: str
    sql: Wire
    smtp: Wire
    http: Wire
    mail: MailSink
    twilio: TwilioStandIn
    zygote: Zygote
    directory: Path
    _watcher: asyncpg.Connection  # while the test uses the other one
    daemons: list[Daemon] = field(default_factory=list)
    _watching: anyio.Lock = field(default_factory=anyio.Lock)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def wires(self) -> tuple[Wire, Wire, Wire]:
        """All wires."""
        return self.sql, self.smtp, self.http

    def conduct(self, conductor: Conductor) -> None:
        """Let a conductor watch what passes from now on."""
        for wire in self.wires:
            wire.conductor = conductor

    async def concerns(self, verb: str) -> bool:
        """Tell whether a command that is about to be sent concerns the job."""
        if verb not in CONCERNS:
            return True
        async with self._watching:
            return bool(await self._watcher.fetchval(CONCERNS[verb]))

    def start(self, **settings: object) -> Daemon:
        """Start a daemon."""
        ours = {"SMTP_PORT": self.smtp.port, "TWILIO_BASE_URL": f"http://127.0.0.1:{self.http.port}"}
        environment = {f"NOTIFYD_{key}": str(value) for key, value in {**SETTINGS, **ours, **settings}.items()}
        log = self.directory / f"daemon-{next(self._numbers)}.log"
        pid = self.zygote.start({**environment, "NOTIFYD_DATABASE_URL": self.dsn}, log)
        self.daemons.append(Daemon(pid, log, self.zygote))
        return self.daemons[-1]

    async def kill_all(self) -> None:
        """Kill every daemon; on return, what they sent before has been carried out, and is answered to nobody."""
        while self.daemons:
            self.daemons.pop().kill()
        for wire in self.wires:
            wire.sever()
        for wire in self.wires:
            await wire.deserted()

    async def insert(self, scenario: Scenario) -> None:
        """Insert the job, and have the providers behave as the scenario says."""
        number = next(self._numbers)
        data = {"clientEmail": f"client{number}@example.com", "clientPhone": f"+1415555{1000 + number % 9000}"}
        self.mail.script, self.twilio.script = scenario.mail, scenario.sms
        if scenario.suppressed:
            await self.database.execute(SUPPRESS, SETTINGS["SMTP_FROM"], data["clientEmail"])
        await insert_job(self.database, payload={**payload(**data), **scenario.extra}, **scenario.columns)

    async def cancel(self) -> None:
        """Cancel the job, as the booking system does."""
        async with self._watching:
            await self._watcher.execute("update notification_jobs set status = 'cancelled'")

    async def clean(self) -> None:
        """Make it as it was before the first run."""
        await self.kill_all()
        for wire in self.wires:
            wire.restore()
        await self.database.execute(CLEAN)
        self.mail.script = self.twilio.script = None
        self.mail.mails.clear()
        self.mail.commands.clear()
        self.twilio.messages.clear()
        self.twilio.posts = 0


@asynccontextmanager
async def open_rig(databases: Databases, zygote: Zygote, directory: Path) -> AsyncIterator[Rig]:
    """Put a rig together."""
    cluster, owner = databases.cluster, await databases.create()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(databases.drop, owner)
        database, watcher = await asyncpg.connect(owner), await asyncpg.connect(owner)
        stack.push_async_callback(database.close, timeout=5)
        stack.push_async_callback(watcher.close, timeout=5)
        await database.execute(HISTORY)
        mail, twilio = await stack.enter_async_context(MailSink()), await stack.enter_async_context(TwilioStandIn())
        texts = await _texts(database)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        sql = await stack.enter_async_context(Wire(cluster.port, lambda: Postgres(texts), tasks))
        smtp = await stack.enter_async_context(Wire(mail.port, Smtp, tasks))
        http = await stack.enter_async_context(Wire(twilio.port, Http, tasks))
        dsn = await _dsn(cluster, owner, database, sql)
        rig = Rig(database, dsn, sql, smtp, http, mail, twilio, zygote, directory, watcher)
        stack.push_async_callback(rig.kill_all)
        yield rig


@asynccontextmanager
async def open_rigs(databases: Databases, zygote: Zygote, directory: Path) -> AsyncIterator[list[Rig]]:
    """Put several together, on a server that is past its grace: the jobs of a dead daemon are rescued at once."""
    async with AsyncExitStack() as stack:
        rigs = []
        for number in range(RIGS):
            logs = directory / str(number)
            logs.mkdir()
            rigs.append(await stack.enter_async_context(open_rig(databases, zygote, logs)))
        await rigs[0].database.execute(OUTWAIT_GRACE, SERVER_GRACE)
        yield rigs


async def _dsn(cluster: Cluster, owner: str, database: asyncpg.Connection, sql: Wire) -> str:
    """Return the daemon's address through the wire: unencrypted, so that the wire can read it, and quick to log in."""
    past = await daemon_dsn(cluster, owner)
    await database.execute(f"set scram_iterations = 1; alter role notifyd password '{cluster.password}'")
    return past.replace(f":{cluster.port}/", f":{sql.port}/") + "&sslmode=disable"


async def _texts(database: asyncpg.Connection) -> dict[str, str]:
    """Return the names of the store's statements by the text that is sent; those of no job are left out."""
    table = await inspect(database, "notification_jobs")
    ours = {name: sql for name, sql in statements().items() if not name.startswith(QUIET)}
    return {table.bind(sql): f"sql:{name.partition('.')[2].lower()}" for name, sql in ours.items()}
