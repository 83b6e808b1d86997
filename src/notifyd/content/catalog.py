"""Which types there are: one folder of templates each, the operator's first and then the built-in ones.

    <type>/subject.txt  text.txt  email.html    an e-mail; without email.html it is made from text.txt
    <type>/sms.txt                              an SMS

Folders are listed once, at start. A type named by a row is only ever looked up in that list, so that it cannot lead
anywhere else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from notifyd.model.job import Channel

BUILT_IN = Path(__file__).parent / "templates"

_NEEDED = {Channel.EMAIL: frozenset({"subject.txt", "text.txt"}), Channel.SMS: frozenset({"sms.txt"})}
HTML = "email.html"
FILES = frozenset({HTML}.union(*_NEEDED.values()))
"""The files of a type's folder that mean something; others may be included by them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of notification.

    Attributes:
        channels: Those that it has all the templates for.
        has_html: Whether its e-mail has a design of its own.
    """

    name: str
    channels: frozenset[Channel]
    has_html: bool


def catalog(folders: Iterable[Path]) -> Mapping[str, Kind]:
    """List the types that a number of folders have together, by name.

    Raises:
        NotADirectoryError: if one of the folders is none.
    """
    found: dict[str, set[str]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise NotADirectoryError(f"templates_dir: {folder} is not a folder")
        for name, files in _types(folder):
            found.setdefault(name, set()).update(files)
    return {name: _kind(name, found[name]) for name in sorted(found)}


def _types(folder: Path) -> Iterator[tuple[str, set[str]]]:
    for path in folder.iterdir():
        if path.is_dir() and path.name.isprintable() and not path.name.startswith((".", "_")):
            files = {name for name in FILES if (path / name).is_file()}
            if files:
                yield path.name, files


def _kind(name: str, files: set[str]) -> Kind:
    channels = frozenset(channel for channel, needed in _NEEDED.items() if needed <= files)
    return Kind(name, channels, HTML in files)
