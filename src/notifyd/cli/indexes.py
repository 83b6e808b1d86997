"""`notifyd indexes`: which statements read large tables from end to end, and which indexes are missing or too many."""

import json
from dataclasses import asdict

import anyio
import typer

from notifyd import dashboards
from notifyd.cli.errors import Exit
from notifyd.cli.options import Config, Json
from notifyd.settings import Need, Settings, load
from notifyd.store.explain import Question
from notifyd.store.indexes import survey
from notifyd.store.questions import of_dashboard
from notifyd.store.remark import Kind, Remark
from notifyd.store.snapshots import open_snapshots
from notifyd.store.table import Table
from notifyd.store.unusable import Unreadable, Unusable

_MARKS = {True: typer.style("FIND", fg="red", bold=True), False: typer.style("note", fg="yellow")}


def indexes(config: Config = None, as_json: Json = False) -> None:
    """Look at how the database would carry out each statement, and at the indexes of the tables concerned.

    Runs none of the statements and changes nothing. Names large tables that are read from end to end, and indexes that
    are missing, invalid, doubled, never used, or that do not serve the statement they are declared for; prints the SQL
    that mends it, where that is proven to help. That SQL builds and rebuilds: it takes no index away that a query or a
    constraint could use, so it may go straight into psql. Exits with 1 if anything was found; notes do not count.

    Examples:
      notifyd indexes
      notifyd indexes --json | jq -r '.findings[].sql // empty' | psql "$DATABASE_URL"
    """
    settings = load(config, Need.DATABASE)
    remarks = anyio.run(_survey, settings)
    findings = [remark for remark in remarks if remark.grave]
    if as_json:
        notes = [remark for remark in remarks if not remark.grave]
        shown = {"ok": not findings, "findings": _shown(findings), "notes": _shown(notes)}
        typer.echo(json.dumps(shown))
    else:
        for remark in remarks:
            _print(remark)
        if not findings:
            typer.echo("ok    nothing to mend")
    raise typer.Exit(Exit.FAILED if findings else Exit.WELL)


async def _survey(settings: Settings) -> list[Remark]:
    questions, left_out = await _dashboards(settings)
    return [*await survey(settings.listen_dsn, settings.table, questions), *left_out]


async def _dashboards(settings: Settings) -> tuple[list[Question], list[Remark]]:
    """Return the statements of all dashboards, and what is to be said of those that have none to look at."""
    definitions = dashboards.load(settings.dashboards_dir)
    questions: list[Question] = []
    left_out = [Remark(Kind.UNEXPLAINED, False, mistake) for mistake in definitions.mistakes]
    nothing = Table("", {})  # dashboards know nothing of the table of jobs
    async with open_snapshots(settings.listen_dsn, nothing, pooled=False, replica=False) as store:
        for name, dashboard in definitions.dashboards.items():
            try:
                questions += await of_dashboard(store, dashboard)
            except Unreadable as error:
                left_out.append(Remark(Kind.UNEXPLAINED, True, f"{error}; {error.cure}", statement=name))
            except Unusable as error:
                left_out.append(Remark(Kind.UNEXPLAINED, False, str(error), statement=name))
    return questions, left_out


def _shown(remarks: list[Remark]) -> list[dict[str, object]]:
    return [{name: value for name, value in asdict(remark).items() if name != "grave"} for remark in remarks]


def _print(remark: Remark) -> None:
    typer.echo(f"{_MARKS[remark.grave]}  {remark.kind:<11}  {remark.text}")
    for line in (remark.sql or "").splitlines():
        typer.echo(f"      {line}")
