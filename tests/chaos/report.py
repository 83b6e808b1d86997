"""The table that a run ends with, and the same as JSON."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.judge import LOST, UNEXPLAINED, Fault, Verdict
from chaos.run import Outcome

WIDTH = 100
"""Characters of a line of the table."""


def as_json(outcome: Outcome) -> str:
    """Return the figures as JSON."""
    verdict = outcome.verdict
    figures: dict[str, Any] = {
        "command": outcome.options.command,
        "seed": outcome.options.seed,
        "jobs": verdict.jobs,
        "messages": verdict.arrived,
        "lost": verdict.count(*LOST),
        "sms_duplicates": verdict.count(Fault.SMS_DOUBLED),
        "email_duplicates": {"explained": verdict.explained, "unexplained": verdict.count(*UNEXPLAINED)},
        "contradictions": _contradictions(verdict),
        "unknown": {
            "deliveries": verdict.unknown,
            "resolved": verdict.resolved,
            "called_off": verdict.called_off,
            "given_up": verdict.given_up,
        },
        "drain_seconds": outcome.drained,
        "acts": dict(sorted(outcome.acts.items())),
        "failures": list(outcome.failures),
        "findings": [f"{finding.job_id} {finding.channel}: {finding.fault}" for finding in verdict.findings],
        "exit_code": outcome.exit_code,
    }
    return json.dumps(figures, indent=2)


def show(outcome: Outcome) -> str:
    """Return the table."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _rows(outcome):
        table.add_row(name, value)
    console = Console(width=WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return f"{captured.get()}{outcome.options.command}\n"


def _rows(outcome: Outcome) -> list[tuple[str, str]]:
    verdict = outcome.verdict
    return [
        ("jobs", f"{verdict.jobs:,}"),
        ("messages accepted", f"{verdict.arrived:,}"),
        ("acts of chaos", f"{outcome.acts.total():,}"),
        ("lost", f"{verdict.count(*LOST):,}"),
        ("SMS duplicates", f"{verdict.count(Fault.SMS_DOUBLED):,}"),
        ("e-mail duplicates, explained", f"{verdict.explained:,}"),
        ("e-mail duplicates, unexplained", f"{verdict.count(*UNEXPLAINED):,}"),
        ("other contradictions", f"{_contradictions(verdict):,}"),
        ("unknown resolved", _resolved(verdict)),
        ("daemons that failed", f"{len(outcome.failures):,}"),
        ("time to drain", "did not end" if outcome.drained is None else f"{outcome.drained:.1f} s"),
        ("exit code", str(outcome.exit_code)),
    ]


def _contradictions(verdict: Verdict) -> int:
    return verdict.count(Fault.NEVER_BOOKED, Fault.MISRECORDED, Fault.UNRESOLVED)


def _resolved(verdict: Verdict) -> str:
    others = {"called off": verdict.called_off, "given up": verdict.given_up}
    told = "".join(f", {count:,} {words}" for words, count in others.items() if count)
    return f"{verdict.resolved:,} of {verdict.unknown:,}{told}"
