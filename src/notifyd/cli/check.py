"""`notifyd check`: proves the configuration, and prints each finding as it comes."""

import json

import anyio
import typer

from notifyd.cli.errors import Exit
from notifyd.cli.finding import Finding
from notifyd.cli.options import Config, Json
from notifyd.settings import ConfigurationError, Settings, load

_MARKS = {
    True: typer.style("ok  ", fg="green"),
    False: typer.style("FAIL", fg="red", bold=True),
    None: typer.style("-   ", fg="yellow"),
}


def check(config: Config = None, as_json: Json = False) -> None:
    """Prove the configuration, its connections included; send nothing and change nothing.

    Looks at the keys, the database, the table, LISTEN, the templates, the dashboards, the mail server (connection,
    TLS, login), the Twilio account and the HTTP port, and names the cure for each that fails.

    Examples:
      notifyd check
      notifyd check --config ./notifyd.toml --json | jq '.checks[] | select(.ok == false)'
    """
    try:
        settings = load(config)
    except ConfigurationError as error:
        if as_json:
            _print_json([{"name": "configuration", "ok": False, "detail": problem} for problem in error.problems])
            raise typer.Exit(Exit.USAGE) from None
        raise
    raise typer.Exit(anyio.run(_check, settings, as_json))


async def _check(settings: Settings, as_json: bool) -> Exit:
    from notifyd.cli.proofs import prove  # noqa: PLC0415 - loads the transports

    findings = [Finding("configuration", True, "every key is known and makes sense")]
    if not as_json:
        _print(findings[0])
    async for finding in prove(settings):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        _print_json([{"name": f.name, "ok": f.ok, "detail": f.detail} for f in findings])
    return max(finding.code for finding in findings)


def _print(finding: Finding) -> None:
    typer.echo(f"{_MARKS[finding.ok]}  {finding.name:<13}  {finding.detail}")


def _print_json(checks: list[dict[str, object]]) -> None:
    typer.echo(json.dumps({"ok": all(check["ok"] is not False for check in checks), "checks": checks}))
