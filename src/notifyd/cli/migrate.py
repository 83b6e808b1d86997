"""`notifyd migrate`: makes the database ready."""

import json
from typing import Annotated

import anyio
import typer

from notifyd.cli.options import Config, Json
from notifyd.settings import Need, load
from notifyd.store.adopt import Step
from notifyd.store.migrate import grants
from notifyd.store.migrate import migrate as bring_up_to_date


def migrate(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; print the SQL.")] = False,
    role: Annotated[
        str, typer.Option(metavar="NAME", help="The role that the daemon logs in as, for the GRANTs.")
    ] = "notifyd",
    as_json: Json = False,
) -> None:
    """Create the table or adopt it where it exists, and print the GRANTs that the daemon's role needs.

    Run it as the table's owner, once and after every upgrade; what is there already is left alone. On a table that
    somebody else made it adds triggers and partial indexes, nothing else. What it prints is SQL.

    Examples:
      notifyd migrate --dry-run
      notifyd migrate --role notifyd | psql "$DATABASE_URL"
    """
    settings = load(config, Need.DATABASE)
    steps = anyio.run(lambda: bring_up_to_date(settings.listen_dsn, settings.table, dry_run=dry_run))
    rights = grants(settings.table, role)
    if as_json:
        done = [{"name": step.name, "sql": step.sql} for step in steps]
        typer.echo(json.dumps({"dry_run": dry_run, "steps": done, "grants": rights}))
        return
    typer.echo(_told(steps, dry_run))
    typer.echo("\n".join([f"\n-- What the daemon needs, for a role {role} that exists:", *rights]))


def _told(steps: list[Step], dry_run: bool) -> str:
    if not steps:
        return "-- Nothing to do: the database is up to date."
    if dry_run:
        return "\n".join(f"-- {step.name}\n{step.sql.strip()}\n" for step in steps)
    return "\n".join(f"-- done: {step.name}" for step in steps)
