"""The command line as an operator has it: a process of its own, with an environment that holds nothing else."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class CommandLine:
    """`python -m notifyd`.

    Attributes:
        directory: Where it runs.
        environment: NOTIFYD_* and other variables for every call.
    """

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, **variables: str) -> Answer:
        """Run one command to its end; keyword arguments are variables by their whole names."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        result = subprocess.run(
            [sys.executable, "-W", "error", "-m", "notifyd", *arguments],
            env=kept | self.environment | variables,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in result.stdout
        return Answer(result.returncode, result.stdout, result.stderr)

    async def alongside(self, *arguments: str, **variables: str) -> Answer:
        """Run one command while the test's own loop goes on: for commands that talk to a server of the test's."""
        return await anyio.to_thread.run_sync(lambda: self(*arguments, **variables))
