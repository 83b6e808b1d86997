"""Reads the addresses that booking systems have: Prisma writes parameters into them that PostgreSQL does not know.

The address is often the booking system's own DATABASE_URL, so it is taken as it is and cleaned here. Pure.
"""

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

_CLIENT_SIDE = frozenset(
    {
        # https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments
        "schema",
        "connection_limit",
        "pool_timeout",
        "connect_timeout",
        "socket_timeout",
        "pgbouncer",
        "statement_cache_size",
        "sslaccept",
        "sslidentity",
    }
)


def fault(url: str) -> str | None:
    """Return what is wrong with a database address, or None; the text does not repeat it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"postgresql", "postgres"}:
        return "must look like postgresql://user:password@host:5432/database"
    schema = dict(parse_qsl(parts.query)).get("schema", "public")
    if schema != "public":
        return "has a ?schema= that PostgreSQL does not know; remove it, and write the schema into the key table"
    return None


def cleaned(url: str) -> str:
    """Return the address without what is meant for Prisma alone."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _CLIENT_SIDE]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def is_pooled(url: str) -> bool:
    """Tell whether the address says that it leads to a pooler: `pgbouncer=true`, as Prisma has it."""
    return dict(parse_qsl(urlsplit(url).query)).get("pgbouncer", "").lower() == "true"
