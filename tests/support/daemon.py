"""A daemon as an operator runs it: `python -m notifyd run`, a process of its own, known by what it logs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.waiting import until

Event = Mapping[str, Any]

_DEFAULTS = {
    "EMAIL_TRANSPORT": "null",
    "SMS_TRANSPORT": "null",
    "HTTP_PORT": "0",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "debug",
}
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")  # of our own environment; NOTIFYD_* of the caller is not
_LAST_LINES = 40  # of the log, in a failure's text


class DaemonProcess:
    """A running daemon; leaving the `with` block kills it if it is still there.

    Attributes:
        log: The file that takes its output.
    """

    def __init__(self, database: str, directory: Path, *arguments: str, **settings: object) -> None:
        """Describe a daemon; `start`, or `with`, starts it.

        Args:
            database: Its NOTIFYD_DATABASE_URL.
            directory: Where its log goes, `tmp_path` say.
            arguments: Put behind `notifyd run`.
            settings: NOTIFYD_* by their names in lower case without the prefix: `poll_interval=0.2`. None takes a
                default away.
        """
        chosen = _DEFAULTS | {name.upper(): str(value) for name, value in settings.items() if value is not None}
        dropped = {name.upper() for name, value in settings.items() if value is None}
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment |= {f"NOTIFYD_{name}": value for name, value in chosen.items() if name not in dropped}
        self._environment |= {"NOTIFYD_DATABASE_URL": database, "PYTHONUNBUFFERED": "1"}
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.log = directory / f"daemon-{len(list(directory.glob('daemon-*.log'))) + 1}.log"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative number of a signal that ended it."""
        return self._running.poll()

    def start(self) -> Self:
        """Start the process and return at once."""
        command = [sys.executable, "-m", "notifyd", "run", *self._arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def events(self, event: str | None = None, **fields: object) -> list[Event]:
        """Return what it has logged so far: all, or the events of one name with these fields (compared as text)."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        parsed = (_parsed(line) for line in lines)
        return [seen for seen in parsed if event in (None, seen["event"]) and _has(seen, fields)]

    async def wait_for_event(self, event: str, timeout: float = 10, **fields: object) -> Event:
        """Wait until it has logged the event, now or earlier, with these fields, and return the first such."""

        def logged() -> Event | None:
            found = self.events(event, **fields)
            if not found and self.exit_code is not None:
                raise AssertionError(f"the daemon ended with {self.exit_code} before {event} {fields}\n{self.tail()}")
            return found[0] if found else None

        return await until(logged, timeout, hint=lambda: f"waited for {event} {fields}\n{self.tail()}")

    async def http(self) -> str:
        """Return the base URL of its HTTP endpoints, as soon as it listens."""
        listening = await self.wait_for_event("web.listening")
        return f"http://127.0.0.1:{listening['port']}"

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self._send(signal.SIGKILL)
        self._running.wait(10)

    def stop(self) -> None:
        """Send SIGSTOP: on return every thread stands still; connections stay open."""
        self._send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def cont(self) -> None:
        """Send SIGCONT, the end of `stop`."""
        self._send(signal.SIGCONT)

    async def terminate(self, timeout: float = 30) -> int:
        """Send SIGTERM, wait for the end and return the exit code."""
        self._send(signal.SIGTERM)
        return await self.wait(timeout)

    async def wait(self, timeout: float = 30) -> int:
        """Wait for its end and return the exit code."""
        await until(lambda: self.exit_code is not None, timeout, hint=self.tail)
        assert self.exit_code is not None
        return self.exit_code

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._process is not None and self.exit_code is None:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process

    def _send(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            os.kill(self.pid, number)


def _parsed(line: str) -> Event:
    try:
        seen = json.loads(line)
    except ValueError:
        return {"event": "", "text": line}
    return seen if isinstance(seen, dict) and "event" in seen else {"event": "", "text": line}


def _has(seen: Event, fields: Mapping[str, object]) -> bool:
    return all(name in seen and str(seen[name]) == str(value) for name, value in fields.items())
