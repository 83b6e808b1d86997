"""Binds and serves, inside the daemon's task group, until it is cancelled.

What can go wrong is the address: taken, or not of this machine. That is told before the daemon claims anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio
from aiohttp import web
from anyio.abc import TaskStatus

from notifyd import log
from notifyd.web.callers import Callers
from notifyd.web.guard import Guard

SHUTDOWN = 1.0
"""Seconds; aiohttp waits this long twice before it cuts requests off, and its own 60 would hold a stop up."""

BACKLOG = 1_024
"""Connections that the system keeps until they are accepted; beyond these a herd's clients try again a second later."""

LARGEST_BODY = 16_384
"""Bytes. A callback of Twilio's has about one thousand, and nothing else has a body."""


class AddressUnavailable(Exception):  # noqa: N818 - the state of the machine, in the words of the journal
    """The address cannot be listened on; the text names address and cure."""


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where and for whom to serve.

    Attributes:
        host: An address of this machine.
        port: 0 takes any free one.
        token: What `Authorization: Bearer …` must carry; None asks for nothing.
        roles: Roles, and tokens that open their dashboards alone.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    token: str | None = field(default=None, repr=False)
    roles: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def application(config: HttpConfig, routes: Iterable[web.RouteDef]) -> web.Application:
    """Put the guard before the routes."""
    guard = Guard(Callers(config.token, config.roles))
    app = web.Application(middlewares=[guard.check], client_max_size=LARGEST_BODY)
    app.add_routes(routes)
    return app


async def serve(
    config: HttpConfig, routes: Iterable[web.RouteDef], *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; reports the port as started once it is bound.

    Args:
        config: Where and for whom.
        routes: What there is.
        task_status: Of the task group that starts it.

    Raises:
        AddressUnavailable: It cannot bind.
    """
    runner = web.AppRunner(
        application(config, routes), access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN
    )
    await runner.setup()
    try:
        port = await _bind(runner, config)
        log.info("web.listening", host=config.host, port=port)
        task_status.started(port)
        await anyio.sleep_forever()
    finally:
        with anyio.move_on_after(3 * SHUTDOWN, shield=True):
            await runner.cleanup()


async def _bind(runner: web.AppRunner, config: HttpConfig) -> int:
    try:
        await web.TCPSite(runner, config.host, config.port, backlog=BACKLOG).start()
    except OSError as error:
        raise AddressUnavailable(
            f"cannot listen on {config.host} port {config.port} ({error.strerror or error}); "
            "stop what listens there, or set http_host and http_port"
        ) from error
    port: int = runner.addresses[0][1]
    return port
