"""The real daemon, as a process of its own with an environment of its own, as a service manager would run it.

Nothing but its environment, its signals and its HTTP endpoints is used: the demo shows what an operator has.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiohttp import ClientError, ClientSession, ClientTimeout
from anyio.abc import Process

from notifyd.demo.home import DemoError, Home

READY_WITHIN = 30.0
"""Seconds from its start until it claims."""

STOP_WITHIN = 15.0
"""Seconds from SIGTERM to its end; its own `GRACE` is shorter."""

_GLANCE = 0.03
_TAIL = 1_500  # bytes of its log in an error
_PATIENCE = ClientTimeout(total=3)
_ENDLESS = ClientTimeout(total=None, sock_connect=3, sock_read=40)  # a stream says something every fifteen seconds
_NOT_OURS = ("NOTIFYD_", "DATABASE_URL", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")


class Daemon:
    """The running daemon.

    Attributes:
        url: Where its HTTP endpoints are.
    """

    def __init__(self, process: Process, url: str, http: ClientSession, home: Home) -> None:
        self.url = url
        self._process = process
        self._http = http
        self._home = home

    async def ask(self, path: str) -> dict[str, Any] | None:
        """Return what an endpoint says, such as `/stats`, or None when it does not answer in JSON."""
        try:
            async with self._http.get(f"{self.url}{path}") as answer:
                return dict(await answer.json())
        except (ClientError, TimeoutError, OSError, ValueError):
            return None

    async def hear(self, path: str) -> AsyncGenerator[dict[str, Any]]:
        """Yield the figures that a stream such as `/stats/stream` tells, until it ends or cannot be had."""
        try:
            async with self._http.get(f"{self.url}{path}", timeout=_ENDLESS) as answer:
                name = ""
                async for line in answer.content:
                    field, _, value = line.decode().rstrip("\n").partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data" and name == "stats":
                        yield json.loads(value)
        except (ClientError, TimeoutError, OSError, ValueError):
            return

    async def died(self) -> None:
        """Wait for its end, which nobody asked for.

        Raises:
            DemoError: with the end of its log.
        """
        code = await self._process.wait()
        tail = self._home.log.read_bytes()[-_TAIL:].decode(errors="replace").strip()
        raise DemoError(f"the daemon ended by itself, with exit code {code}; its log, {self._home.log}, ends:\n{tail}")

    async def ready(self) -> None:
        """Wait until it claims.

        Raises:
            DemoError: it ended, or was not ready in time.
        """
        with anyio.move_on_after(READY_WITHIN):
            while not await self._is_ready():
                if self._process.returncode is not None:
                    await self.died()
                await anyio.sleep(_GLANCE)
            return
        raise DemoError(f"the daemon was not ready within {READY_WITHIN:g} seconds; see {self._home.log}")

    async def _is_ready(self) -> bool:
        try:
            async with self._http.get(f"{self.url}/readyz") as answer:
                return answer.ok
        except (ClientError, TimeoutError, OSError):
            return False

    async def stop(self) -> None:
        """Ask it to stop as a service manager does, and wait for its end; kill it if it does not come."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            with anyio.move_on_after(STOP_WITHIN):
                await self._process.wait()
                return
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def run_daemon(home: Home, settings: Mapping[str, str]) -> AsyncIterator[Daemon]:
    """Run `python -m notifyd run` until the block ends, then drain and stop it.

    Args:
        home: Where its log goes.
        settings: Its keys as interface names them, without the prefix.
    """
    port = _free_port()
    home.config.write_text("# The demo sets all in the environment; this file keeps the machine's own out of it.\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    ours = {f"NOTIFYD_{key}": value for key, value in {**settings, "HTTP_PORT": str(port)}.items()}
    command = [sys.executable, "-m", "notifyd", "run", "--config", str(home.config)]
    with home.log.open("wb") as log, home.daemon_lock() as lock:
        process = await anyio.open_process(
            command,
            env=inherited | ours | {"NO_COLOR": "1"},
            stdin=None,
            stdout=log,
            stderr=log,
            pass_fds=[lock.fileno()],
            start_new_session=True,  # Ctrl-C is for us; we ask it to stop when it is its turn
        )
    home.remember_daemon(process.pid)
    async with ClientSession(timeout=_PATIENCE) as http:
        daemon = Daemon(process, f"http://127.0.0.1:{port}", http, home)
        try:
            await daemon.ready()
            yield daemon
        finally:
            with anyio.CancelScope(shield=True):
                await daemon.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
