"""The watched directory: bounces that a mail server leaves as files are written into the ledger and taken away.

A file goes after the commit, never before, so that neither an outage nor a crash loses one; and a bounce that is
written down twice says nothing new. Daemons may share a directory: who comes second finds the file gone. What is no
bounce of ours is set aside for a person, never deleted.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from notifyd import log
from notifyd.model.bounce import LARGEST, NotABounce, parse
from notifyd.model.job import Channel
from notifyd.model.receipt import Receipt
from notifyd.store.pool import Store, outlast
from notifyd.store.receipts import Heard, Received, receive
from notifyd.vitals import Vitals

LOOK_EVERY: Final = 5.0
"""Seconds between two looks. What has not changed from one to the next is no longer being written."""

AT_ONCE: Final = 100
"""Files that are taken in one look."""

REMIND_EVERY: Final = 600.0
"""Seconds between two warnings about what cannot be read or taken away."""

UNMATCHED: Final = "unmatched"
"""The subdirectory for what is no bounce of ours."""

_Sight = tuple[int, int, int]


async def watch(directory: Path, store: Store, vitals: Vitals, every: float = LOOK_EVERY) -> None:
    """Take in bounces, for ever.

    Args:
        directory: Where they are left; of a Maildir, its `new`.
        store: The database.
        vitals: Counts what was heard.
        every: Seconds between two looks.
    """
    watched = _Watched(directory, store, vitals)
    while True:
        await watched.look()
        await anyio.sleep(every)


@dataclass(slots=True)
class _Watched:
    """The directory, and what is remembered of it from one look to the next.

    Attributes:
        seen: When each file was changed, its size and its number, at the last look.
        stuck: Files that could not be read or taken away; tried again after all others.
    """

    directory: Path
    store: Store
    vitals: Vitals
    seen: dict[Path, _Sight] = field(default_factory=dict)
    stuck: set[Path] = field(default_factory=set)

    async def look(self) -> None:
        """Take the files that have not changed since the last look, the oldest first."""
        try:
            now = await anyio.to_thread.run_sync(_list, self.directory)
        except OSError as error:
            _complain(self.directory, error)
            return
        still = [path for path, sight in now.items() if self.seen.get(path) == sight]
        self.seen, self.stuck = now, self.stuck & now.keys()
        for path in sorted(still, key=lambda path: (path in self.stuck, now[path]))[:AT_ONCE]:
            await self._take(path)

    async def _take(self, path: Path) -> None:
        try:
            await self._take_in(path)
        except FileNotFoundError:
            return  # another daemon has it
        except OSError as error:
            _complain(path, error)
            self.stuck.add(path)
        except Exception as bug:  # noqa: BLE001 - one file must not stop the others, nor the sending
            if path not in self.stuck:
                log.exception("bounce.bug", bug, file=path.name, next="left where it is, and tried again")
            self.stuck.add(path)

    async def _take_in(self, path: Path) -> None:
        try:
            receipts = await anyio.to_thread.run_sync(_read, path)
        except NotABounce as other:
            await self._set_aside(path, other.reason)
            return
        found = await outlast(lambda: receive(self.store, receipts))
        best = min(found, key=lambda heard: list(Received).index(heard.result))
        self.vitals.receipts_total[Channel.EMAIL.value, best.result.value] += 1
        if best.result is Received.STRAY:
            await self._set_aside(path, "the ledger knows of no such e-mail to this recipient")
            return
        _tell(receipts[found.index(best)], best)
        await anyio.to_thread.run_sync(path.unlink)

    async def _set_aside(self, path: Path, reason: str) -> None:
        kept = await anyio.to_thread.run_sync(_move, path, self.directory / UNMATCHED)
        log.warning(
            "bounce.unmatched", file=f"{UNMATCHED}/{kept.name}", reason=reason, next="look at it, and delete it by hand"
        )


def _list(directory: Path) -> dict[Path, _Sight]:
    new = directory / "new"
    found = {}
    with os.scandir(new if new.is_dir() else directory) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):  # another daemon has taken it
                    stat = entry.stat(follow_symlinks=False)
                    found[Path(entry.path)] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _read(path: Path) -> tuple[Receipt, ...]:
    with path.open("rb") as file:
        return parse(file.read(LARGEST + 1))


def _move(path: Path, directory: Path) -> Path:
    """Move a file under a name that was free: it is taken first, so that nobody's file is written over."""
    directory.mkdir(exist_ok=True)
    names = (path.name if number == 1 else f"{path.name}.{number}" for number in count(1))
    target = next(directory / name for name in names if _reserved(directory / name))
    try:
        return path.rename(target)
    except OSError:
        target.unlink()
        raise


def _reserved(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _complain(path: Path, error: OSError) -> None:
    reason = error.strerror or type(error).__name__
    cure = "let the daemon read its files and take them away; it goes on trying"
    log.at_most_every(REMIND_EVERY, "bounce.unreadable", path=str(path), reason=reason, cure=cure)


def _tell(receipt: Receipt, heard: Heard) -> None:
    fields = {"job": heard.job_id, "state": receipt.state.value, "code": receipt.code, "reason": receipt.reason}
    if heard.result is Received.KNOWN:
        log.debug("bounce.received", **fields)
    else:
        what = "this address is not written to again" if receipt.suppress else None
        log.info("bounce.received", **fields, what=what)
