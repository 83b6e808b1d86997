"""What `migrate` does once to rows that were there before they were counted: it looks them up, and counts them.

Behind it the counts are right at once, in an adopted table with a million finished rows as in one that notifyd has
served for years. Never again by itself: what others change later is theirs to explain, by `notifyd stats --verify`.
"""

from collections.abc import Iterator

import asyncpg

from notifyd.store.adopt import Step
from notifyd.store.table import Table
from notifyd.store.verify import ADOPT, TIME_LIMIT, adopt_all

NAME = "counts of what had finished"
"""The step's name, and that under which `notifyd.migrations` remembers it."""

NAME_SALONS = """
update notifyd.deliveries d set salon_key = {salon_key}, type = {type}
from {table} j
where d.job_key between $1 and $2 and d.settled_at is not null and d.type = '(none)' and j.id = d.job_id::{id_type}
"""

END_CANCELLED = """
with called_off as materialized (
    select id from {table} where (status || '') = 'cancelled' and processed_at is null
    order by updated_at limit 1000 for no key update skip locked
)
update {table} set processed_at = {finished_at} where id in (select id from called_off)
"""
"""What the booking system cancelled before we came ended when it last wrote it, not when we take note of it."""

DONE = "insert into notifyd.migrations (name) values ($1) on conflict do nothing"


def planned(table: Table) -> Step:
    """Return the step as it is shown before it is taken."""
    whole = table.bind(NAME_SALONS).replace("$1", f"'{'0' * 32}'").replace("$2", f"'{'f' * 32}'")
    return Step(
        NAME,
        ";\n".join(
            [
                whole.strip(),
                table.bind(END_CANCELLED).strip(),
                table.bind(ADOPT).strip(),
                DONE.replace("$1", f"'{NAME}'"),
            ]
        )
        + ";",
    )


async def count_first(connection: asyncpg.Connection, table: Table) -> None:
    """Look up salon and type of the ledger's messages, end what was cancelled, and count all there is. Safe to repeat.

    An outcome that a daemon is about to write waits for a slice at the most.
    """
    if await connection.fetchval("select exists (select from notifyd.deliveries)"):
        for first, last in _slices():
            await connection.execute(table.bind(NAME_SALONS), first, last, timeout=TIME_LIMIT)
    while await connection.execute(table.bind(END_CANCELLED), timeout=TIME_LIMIT) != "UPDATE 0":
        pass
    await adopt_all(connection, table)
    await connection.execute(DONE, NAME)


def _slices() -> Iterator[tuple[str, str]]:
    """Part the keys, which are hashes, into ranges of one size."""
    for number in range(256):
        yield f"{number:02x}{'0' * 30}", f"{number:02x}{'f' * 30}"
