"""The figures as a table for people and as JSON for scripts. Pure, but for asking what machine this is."""

import json
import os
import platform
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, Figures

WIDTH = 120
"""Characters of a line of the table."""

_COLUMNS = (Contestant.POLLING, Contestant.ORIGINAL, Contestant.BARE, Contestant.NOTIFYD)
_RATIOS = (Contestant.BARE, Contestant.ORIGINAL, Contestant.POLLING)


def machine(postgresql: str) -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "postgresql": f"{postgresql}, default settings otherwise",
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[1]:.1f} over the last 5 minutes, this run included",
    }


def as_json(figures: Figures, about: Mapping[str, str]) -> str:
    """Return every measurement, its medians and ratios."""
    measured = [
        {
            "figure": figure.name.strip(),
            "unit": figure.unit,
            "measured": {who.value: [round(value, 3) for value in values] for who, values in each.items()},
            "median": {who.value: round(figures.median(figure, who) or 0.0, 3) for who in each},
            "notifyd_to": {
                who.value: round(ratio, 3)
                for who in _RATIOS
                if (ratio := figures.ratio(figure, Contestant.NOTIFYD, who)) is not None
            },
        }
        for figure, each in figures.measured.items()
    ]
    return json.dumps({"machine": dict(about), "figures": measured}, indent=2)


def show(figures: Figures, about: Mapping[str, str]) -> str:
    """Return the table."""
    table = Table(caption="; ".join(f"{name}: {value}" for name, value in about.items()), caption_justify="left")
    table.add_column("medians")
    for who in _COLUMNS:
        table.add_column(who.value, justify="right", max_width=10)
    for who in _RATIOS:
        table.add_column(f"notifyd / {who.value}", justify="right", max_width=10)
    for figure in figures.measured:
        table.add_row(f"{figure.name} {figure.unit}".replace(" /s", "/s"), *_cells(figures, figure))
    console = Console(width=WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _cells(figures: Figures, figure: Figure) -> list[str]:
    absolute = [figures.median(figure, who) for who in _COLUMNS]
    ratios = [figures.ratio(figure, Contestant.NOTIFYD, who) for who in _RATIOS]
    return [_number(value, figure.digits) for value in absolute] + [_ratio(value) for value in ratios]


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return ""
    return f"{value:,.{digits}f}" if digits or value >= 10 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
