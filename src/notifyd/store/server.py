"""What the server tells of itself without being asked for much: one statement, no lock on a table, no row of one.

A role that may not see others' sessions sees only its own transactions; that is told beside the figure.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from notifyd.store.pool import Store

READ_LIMIT = 2.0
"""Seconds; whoever asks for this often asks because the database is slow."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table, as PostgreSQL's statistics have it.

    Attributes:
        live: Rows, estimated.
        dead: Dead rows that no vacuum has taken away yet, estimated.
        vacuumed_s: Seconds since the last vacuum, by hand or not; None where there was none.
    """

    live: int
    dead: int
    vacuumed_s: float | None


@dataclass(frozen=True, slots=True)
class Server:
    """The server at one moment.

    Attributes:
        as_of: Its clock.
        version: As it writes it.
        in_recovery: Whether it is a standby.
        connections: To all its databases, background workers included.
        max_connections: What it allows.
        notification_queue: Which part of the queue of NOTIFY is taken; a listener in a long transaction fills it.
        oldest_transaction_s: Seconds since the oldest open or prepared transaction began: what vacuum has to wait for.
        sees_all_transactions: Whether this role sees those of others.
        tables: The booking system's table and ours, by name.
    """

    as_of: datetime
    version: str
    in_recovery: bool
    connections: int
    max_connections: int
    notification_queue: float
    oldest_transaction_s: float
    sees_all_transactions: bool
    tables: Mapping[str, TableFacts]

    def as_json(self) -> dict[str, Any]:
        """Return what `/stats/database` shows."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}


# The standing of other sessions is hidden from a role without pg_read_all_stats; their number is not.
FACTS = """
select now() as as_of, current_setting('server_version') as version, pg_is_in_recovery() as in_recovery,
    (select sum(numbackends) from pg_stat_database)::int as connections,
    current_setting('max_connections')::int as max_connections,
    round(pg_notification_queue_usage()::numeric, 6)::float8 as notification_queue,
    round(extract(epoch from greatest(
        (select max(now() - xact_start) from pg_stat_activity where pid <> pg_backend_pid()),
        (select max(now() - prepared) from pg_prepared_xacts), interval '0')), 3)::float8 as oldest_transaction_s,
    pg_has_role('pg_read_all_stats', 'usage') as sees_all_transactions,
    array(
        select row(case when schemaname = 'notifyd' then 'notifyd.' else '' end || relname, n_live_tup, n_dead_tup,
            round(extract(epoch from now() - greatest(last_vacuum, last_autovacuum)), 3)::float8)
        from pg_stat_all_tables where schemaname = 'notifyd' or relid = to_regclass($1) order by 1
    ) as tables
"""


async def look(store: Store) -> Server:
    """Ask the server.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    row = dict(await store.fetchrow(FACTS, store.table.name, timeout=READ_LIMIT))
    tables = {name: TableFacts(live, dead, vacuumed_s) for name, live, dead, vacuumed_s in row.pop("tables")}
    return Server(**row, tables=tables)
