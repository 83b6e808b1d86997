"""The demo's composition root: opens everything in order, and closes it the other way round, however it ends.

A private PostgreSQL with a booking system on it, a mail sink, a Twilio stand-in, the real daemon, the page. Nothing
leaves the machine. What goes wrong is told by one exception.
"""

import random  # noqa: TID251 - the dice of the whole demo are made here
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from socket import socket

import anyio
import asyncpg
from anyio.abc import TaskStatus
from rich.console import Console

from notifyd.demo import announce, booking_system, conclusion, mishaps
from notifyd.demo.bookings import Story, invent
from notifyd.demo.daemon_process import Daemon, run_daemon
from notifyd.demo.database import Database, open_database
from notifyd.demo.home import DemoError, Home, occupy
from notifyd.demo.inbox import Inbox
from notifyd.demo.mishaps import Mishaps
from notifyd.demo.pulse import Pulse
from notifyd.demo.server import listening, serve
from notifyd.demo.simulator import simulate
from notifyd.demo.sinks import Sinks, open_sinks
from notifyd.demo.watcher import Watcher

DATA = Path(".demo")
"""Where the data are, in the current directory, if nobody says otherwise."""

_MOMENTS = (mishaps.HANGS_UP, mishaps.TURNS_AWAY, mishaps.GREYLISTS)
_SHORT_MOMENTS = (mishaps.HANGS_UP, mishaps.TURNS_AWAY)  # who is greylisted comes back in a minute

_LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # cut in the middle of a message
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""How a server that has gone looks from here."""

_GLANCE = 0.2  # seconds between two looks at the daemon's log


@dataclass(frozen=True, slots=True)
class Options:
    """What can be asked of the demo.

    Attributes:
        seconds: End by itself after so many, and judge; None runs until a signal comes.
        port: The page's; 0 takes any free one, None the usual one or else any.
        data: Where its data stay between runs.
        verbose: Show the daemon's log on standard error too.
    """

    seconds: float | None = None
    port: int | None = None
    data: Path = DATA
    verbose: bool = False


def run(options: Options) -> int:
    """Run the demo.

    Returns:
        The exit code: 0 if it was stopped, or if it ended by itself and all was well; else 1.

    Raises:
        notifyd.demo.home.DemoError: with the reason and the way out.
        notifyd.demo.binaries.PostgresError: the same, about the database server.
    """
    with occupy(options.data) as home, listening(options.port) as door:
        try:
            return anyio.run(_until_signal, options, home, door)
        except BaseExceptionGroup as group:
            error = _first(group)
            if isinstance(error, _LOST):
                log = home.database / "server.log"
                raise DemoError(f"the demo's PostgreSQL went away; its log is {log}") from error
            raise error from group


async def _until_signal(options: Options, home: Home, door: socket) -> int:
    console = Console(soft_wrap=True)
    code = 0 if options.seconds is None else 1
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as play:
            await group.start(_stop_on_signal, play)
            code = await _play(options, home, door, console)
        group.cancel_scope.cancel()
    if play.cancelled_caught:
        told = "Stopped." if options.seconds is None else "Stopped before its end: nothing was judged."
        console.print(told)
    return code


async def _stop_on_signal(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    """Cancel the scope at the first SIGINT or SIGTERM; further ones find everything closing already."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


async def _play(options: Options, home: Home, door: socket, console: Console) -> int:
    async with open_database(home) as database:
        since = await database.now()
        inbox = Inbox(Pulse())
        moments = _MOMENTS if options.seconds is None else _SHORT_MOMENTS
        async with open_sinks(inbox, Mishaps(*moments), database.pool) as sinks:
            settings = sinks.settings | {"DATABASE_URL": database.daemon_dsn, "TABLE": booking_system.TABLE}
            async with run_daemon(home, settings) as daemon:
                await _show(options, Scene(home, door, console, database, sinks, daemon), since)
            verdict = await conclusion.judge(database.pool, since, inbox)
    conclusion.tell(verdict, console)
    return 0 if verdict.well else 1


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that runs while the page is open."""

    home: Home
    door: socket
    console: Console
    database: Database
    sinks: Sinks
    daemon: Daemon


async def _show(options: Options, scene: Scene, since: datetime) -> None:
    """Serve the page and book visits: until cancelled, or for so many seconds and until all jobs are final."""
    database, dice = scene.database, random.Random()
    watcher = Watcher(scene.sinks.inbox, database.pool, scene.daemon.ask, scene.daemon.hear)

    async def book_by_hand() -> str:
        visit = invent(dice, Story.BY_HAND, await database.now(), "booking_confirmation")
        return await booking_system.book(database.pool, visit)

    daemon = f"{scene.daemon.url}/"
    async with serve(watcher, book_by_hand, daemon, scene.door) as url, anyio.create_task_group() as group:
        group.start_soon(watcher.run)
        group.start_soon(scene.daemon.died)
        if options.verbose:
            group.start_soon(_follow, scene.home.log)
        scene.home.announce(url)
        told = announce.lines(database.version, url, daemon, ask=_ask(scene), psql=database.psql, now=since)
        for line in told:
            scene.console.print(line, markup=False, highlight=False)
        with anyio.move_on_after(options.seconds):
            await simulate(database.pool, scene.sinks.mishaps, dice)
        await conclusion.settle(database.pool, since)
        group.cancel_scope.cancel()


def _ask(scene: Scene) -> list[str]:
    """Return the command that asks how things stand, from any directory and whatever else is configured here."""
    address = f"NOTIFYD_DATABASE_URL={scene.database.daemon_dsn}"
    return ["env", address, sys.executable, "-m", "notifyd", "stats", "--config", str(scene.home.config)]


async def _follow(log: Path) -> None:
    """Copy what is added to the daemon's log to standard error, until cancelled."""
    with log.open("rb") as file:
        while True:
            sys.stderr.buffer.write(file.read())
            sys.stderr.flush()
            await anyio.sleep(_GLANCE)


def _first(group: BaseExceptionGroup) -> BaseException:
    """Return the reason inside: whatever else is in the group is what it brought down with it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
