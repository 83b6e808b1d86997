"""Gathers the statements that `notifyd indexes` looks at: ours, and each of a dashboard's by itself."""

from collections.abc import Iterator

from notifyd.model.dashboard import Dashboard
from notifyd.store.composed import compose
from notifyd.store.explain import Question
from notifyd.store.pool import Store
from notifyd.store.proven import prove
from notifyd.store.statements import PINNED, statements
from notifyd.store.table import Table

WHOLE = frozenset({"first_count", "verify"})
"""The modules whose statements are there to read whole tables, when somebody asks for it."""


def ours(table: Table) -> Iterator[Question]:
    """Yield the statements of the store, for the booking system's table as it is; but for those that read it all."""
    for name, sql in statements().items():
        module = name.partition(".")[0]
        if module not in WHOLE:
            yield Question(name, table.bind(sql), pinned=module in PINNED)


async def of_dashboard(store: Store, dashboard: Dashboard) -> list[Question]:
    """Return the statements of a dashboard as they are put to this database, each named by its file.

    A dashboard runs them as one; by itself each is planned as it is there, and what is said of it can be told apart.

    Raises:
        notifyd.store.unusable.Unusable: The definition does not fit the database.
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    proven = await prove(store, dashboard)
    return [
        Question(
            name=f"{dashboard.name}/{spelling.statement.file}",
            sql=compose(dashboard, proven.zones, proven.zone, {key: spelling}),
            index=spelling.statement.index,
        )
        for key, spelling in proven.parts.items()
    ]
