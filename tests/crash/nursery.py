"""The zygote's own side, `python -m crash.nursery`: told by lines of JSON, it forks daemons and reaps them."""

import gc
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import aiohttp  # noqa: F401 - imported here once, instead of in every daemon
import aiosmtplib  # noqa: F401
import anyio._backends._asyncio  # noqa: F401
import twilio.rest.api  # noqa: F401
import uvloop  # noqa: F401

import notifyd.daemon
import notifyd.transports.smtp
import notifyd.transports.twilio  # noqa: F401
from notifyd.cli import main as notifyd_main

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a daemon inherits of our environment."""


def main() -> None:
    """Serve until the other end closes; then no daemon is left."""
    gc.freeze()
    ours: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        match asked["do"]:
            case "start":
                answer = _start(asked["environment"], asked["log"])
                ours.add(answer)
            case _:
                _, answer = os.waitpid(asked["pid"], 0)
                ours.discard(asked["pid"])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in ours:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _start(environment: dict[str, Any], log: str) -> int:
    if pid := os.fork():
        return pid
    try:
        _become_daemon(environment, log)
        notifyd_main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(70)


def _become_daemon(environment: dict[str, Any], log: str) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update({**kept, **environment})
    sys.argv = ["notifyd", "run"]


if __name__ == "__main__":
    main()
