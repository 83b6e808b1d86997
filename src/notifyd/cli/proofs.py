"""What `notifyd check` proves: one function a claim, each bounded in time.

A proof returns what it found, or raises `Disproved` with the cure. Nothing is sent and nothing is changed.
"""

import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial

import anyio

from notifyd import daemon
from notifyd.cli.dashboards import dashboards
from notifyd.cli.errors import Exit, told
from notifyd.cli.finding import Disproved, Doubted, Finding
from notifyd.content import Renderer
from notifyd.content.preview import problems
from notifyd.model.job import Channel
from notifyd.model.outcome import SendError
from notifyd.settings import Settings
from notifyd.store.listen import Ears, listen
from notifyd.store.migrate import migrate
from notifyd.store.ping import ping
from notifyd.store.pool import Store, open_store
from notifyd.store.table import TableUnusable

TIME_LIMIT = 20.0
"""Seconds one proof may take, however many hosts do not answer."""


_CULPRITS = {
    "smtp": "NOTIFYD_SMTP_HOST, _PORT, _TLS, _USERNAME and _PASSWORD",
    "twilio": "NOTIFYD_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _BASE_URL",
    "folder": "NOTIFYD_OUTBOX_DIR",
}
"""The keys of each transport that can be wrong."""

Proof = Callable[[Settings], Awaitable[str]]


async def prove(settings: Settings) -> AsyncIterator[Finding]:
    """Carry out every proof, and yield each finding as it comes."""
    database = await _try("database", _database, settings)
    yield database
    for name, proof in (("table", _table), ("listen", _listen)):
        if database.code is Exit.DATABASE:
            yield Finding(name, None, "not looked at: it takes the database")
        else:
            yield await _try(name, proof, settings)
    yield await _try("templates", _templates, settings)
    if database.code is Exit.DATABASE:
        yield Finding("dashboards", None, "not looked at: it takes the database")
    else:
        yield await _try("dashboards", dashboards, settings)
    for channel in Channel:
        yield await _try(channel, partial(_transport, channel), settings)
    yield await _try("http", _http, settings)


async def _try(name: str, proof: Proof, settings: Settings) -> Finding:
    try:
        with anyio.fail_after(TIME_LIMIT):
            return Finding(name, True, await proof(settings))
    except Doubted as error:
        return Finding(name, None, str(error))
    except Disproved as error:
        return Finding(name, False, str(error), Exit.FAILED)
    except TimeoutError:
        return Finding(name, False, f"no answer within {TIME_LIMIT:g} seconds", Exit.FAILED)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other proofs go on
        text, code = told(error)
        return Finding(name, False, text, code)


async def _database(settings: Settings) -> str:
    with suppress(TableUnusable):  # the next proof says so
        async with _opened(settings) as store:
            await ping(store)
    return "it answers, through a pooler" if settings.pooled else "it answers"


async def _table(settings: Settings) -> str:
    missing = await migrate(settings.listen_dsn, settings.table, dry_run=True)
    if missing:
        raise Disproved(f"not there: {', '.join(step.name for step in missing)}; run `notifyd migrate`")
    return f"{settings.table} is adopted: schema, triggers and indexes are there"


async def _listen(settings: Settings) -> str:
    heard: list[bool] = []
    answered = anyio.Event()

    def on_state(works: bool) -> None:
        heard.append(works)
        answered.set()

    async with _opened(settings) as store, anyio.create_task_group() as listening:
        listening.start_soon(
            listen, store, settings.listen_dsn, Ears(lambda: None, lambda _: None, lambda: None, on_state)
        )
        await answered.wait()
        listening.cancel_scope.cancel()
    if not heard[0]:
        raise Disproved(
            "LISTEN is accepted and delivers nothing, as behind a pooler: jobs are found at poll speed; set "
            "NOTIFYD_LISTEN_URL to a direct connection"
        )
    return "notifications come back at once"


def _opened(settings: Settings) -> AbstractAsyncContextManager[Store]:
    return open_store(settings.dsn, settings.table, connections=1, pooled=settings.pooled)


async def _templates(settings: Settings) -> str:
    renderer = Renderer(settings.templates_dir)
    if found := list(problems(renderer)):
        raise Disproved("; ".join(found))
    return f"{len(renderer.types())} types: {', '.join(renderer.types())}"


async def _transport(channel: Channel, settings: Settings) -> str:
    try:
        return await daemon.prove(settings, channel)
    except SendError as error:
        kind = settings.email_transport if channel is Channel.EMAIL else settings.sms_transport
        raise Disproved(f"{error}; see {_CULPRITS[kind]}") from None


async def _http(settings: Settings) -> str:
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http_host.strip("[]"), settings.http_port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Disproved(f"{settings.http_host}: {error.strerror}; correct NOTIFYD_HTTP_HOST") from None
            raise Disproved(
                f"port {settings.http_port} is in use, by a notifyd that runs already or by another program; "
                "NOTIFYD_HTTP_PORT takes another"
            ) from None
    return f"{settings.http_host}:{settings.http_port} is free"
