"""Finds the definitions: the operator's folder first, then those that came with notifyd.

    NAME/dashboard.toml     title, parameters, how long an answer keeps, who may see it, and the parts of `data`
    NAME/*.sql              the statements it names; STATEMENT.index.sql makes the index that STATEMENT.sql is to use

A definition with a mistake is left out, and the mistake is told: it is no reason to send no mail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from notifyd.dashboards.definition import FILE, Faulty, define
from notifyd.model.dashboard import Dashboard

_INSTALLED = Path(__file__).parent / "shipped"
_CHECKOUT = Path(__file__).parents[3] / "config/dashboards"


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that was found.

    Attributes:
        dashboards: Those that can be used as far as their text tells, by name.
        mistakes: One line each: file, key, what is wrong and the cure.
    """

    dashboards: Mapping[str, Dashboard]
    mistakes: tuple[str, ...]


def shipped() -> Path:
    """Return the folder of those that came with notifyd: in the package, or in the checkout that it runs from."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def load(folder: Path | None) -> Definitions:
    """Read every definition.

    Args:
        folder: The operator's; a dashboard in it stands in for one of ours that has its name.
    """
    dashboards: dict[str, Dashboard] = {}
    mistakes: list[str] = []
    taken: set[str] = set()
    for place in (folder, shipped()):
        for each in _folders(place):
            if each.name in taken:
                continue
            taken.add(each.name)
            try:
                dashboards[each.name] = define(each, shipped=place != folder)
            except Faulty as faulty:
                mistakes += faulty.mistakes
    return Definitions(dict(sorted(dashboards.items())), tuple(mistakes))


def _folders(place: Path | None) -> Iterator[Path]:
    if place is not None and place.is_dir():
        yield from sorted(path for path in place.iterdir() if (path / FILE).is_file())
