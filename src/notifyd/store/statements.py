"""Every statement of the store by its name: `jobs.CLAIM` is the constant CLAIM of `store/jobs.py`.

Under this name a statement stands in metrics, in the log and in what `notifyd indexes` says. Nobody has to write it
down twice: the names are those of the constants, looked up once.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from notifyd import store

UNNAMED = "other"
"""What a statement is called that is no constant of the store."""

PINNED = frozenset(
    {
        "cancelled",
        "deliveries",
        "inquiries",
        "jobs",
        "listen",
        "receipts",
        "record",
        "rescue",
        "retention",
        "rollups",
        "schedule",
    }
)
"""The modules whose statements the engine runs, by plans that are pinned (`store.pool.PINNED_PLANS`)."""

_STATEMENT = re.compile(r"\s*(select|with|insert|update|delete)\b")


def statements() -> Mapping[str, str]:
    """Return every SQL constant of the store that is one statement, by `module.NAME`; placeholders unfilled."""
    return {name: sql for sql, name in _names().items()}


def name_of(sql: str) -> str:
    """Return the name of a statement, its placeholders unfilled; `UNNAMED` where it has none."""
    return _names().get(sql, UNNAMED)


@cache
def _names() -> Mapping[str, str]:
    """Return the names by statement: one that another module imports has one name all the same."""
    modules = [found.name for found in iter_modules(store.__path__)]
    return {
        value: f"{module}.{name}"
        for module in modules
        for name, value in vars(import_module(f"notifyd.store.{module}")).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str) and _STATEMENT.match(value)
    }
