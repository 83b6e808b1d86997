"""Proves the definitions of dashboards: their text, and every statement against the database. Runs none of them."""

from notifyd.cli.finding import Disproved, Doubted
from notifyd.dashboards import load
from notifyd.settings import Settings
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.proven import Proven, prove
from notifyd.store.table import Table
from notifyd.store.unusable import Unreadable, Unusable
from notifyd.stores import open_reader


async def dashboards(settings: Settings) -> str:
    """Say which dashboards can be used.

    Those that came with notifyd are over tables that not every booking system has: without these they are left out,
    and that is all. A table that is there and may not be read is another matter.

    Raises:
        Disproved: A definition has a mistake, one of the operator's own does not fit, a right is missing, or the
            replica is away.
        Doubted: Some of those that came with notifyd do not fit.
    """
    definitions = load(settings.dashboards_dir)
    usable: list[str] = []
    unusable: dict[str, str] = {}
    grave = list(definitions.mistakes)
    try:
        async with open_reader(settings, Table("", {})) as store:
            for name, dashboard in definitions.dashboards.items():
                try:
                    usable.append(_described(await prove(store, dashboard)))
                except Unreadable as error:
                    grave.append(f"{error}; {error.cure}")
                except Unusable as error:
                    unusable[name] = str(error)
    except DatabaseUnavailable as error:
        key = "NOTIFYD_REPLICA_URL" if settings.replica_url else "NOTIFYD_DATABASE_URL"
        raise Disproved(f"nobody answers: {error}; see {key}") from None
    own = [text for name, text in unusable.items() if not definitions.dashboards[name].shipped]
    if own or grave:
        raise Disproved("; ".join([*grave, *own]))
    told = f"usable: {', '.join(sorted(usable)) or 'none'}"
    if unusable:
        raise Doubted(f"{told}; not over these tables: {'; '.join(unusable.values())}")
    return told


def _described(proven: Proven) -> str:
    """Return the name, and which variants are used that are not the first."""
    instead = ", ".join(f"{chosen} for {first}" for chosen, first in proven.instead.items())
    return f"{proven.dashboard.name} ({instead})" if instead else proven.dashboard.name
