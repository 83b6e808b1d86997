"""docs/guarantees.md: written from what the whole suite saw, and read by the small one as the promise to keep."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from crash.faults import FAULTS
from crash.outcomes import Outcome, cell, uncell
from crash.scenarios import CHANNELS, SCENARIOS, Expected

PAGE = Path(__file__).parents[2] / "docs/guarantees.md"
WORDS = Path(__file__).with_name("page.md")

NOTHING = "nothing"
"""What breaks in an undisturbed run."""

CAUSES = (NOTHING, *(fault.name for fault in FAULTS))

PLAIN = ("both fine", "SMS fails", "e-mail fails", "retry")
"""The scenarios that the summary is made of: nobody but the fault leaves a message in doubt or without an attempt."""

Cells = dict[tuple[str, str, str], set[Outcome]]
"""What was seen, by scenario, cause and channel."""


def gathered(tallies: Iterable[dict[str, Any]]) -> Cells:
    """Return what all tests saw together; a `crash.replay.Tally` comes as JSON has it."""
    cells: Cells = defaultdict(set)
    for tally in tallies:
        for channel in CHANNELS:
            cells[tally["scenario"], NOTHING, channel].add(Outcome(tally["undisturbed"][channel]))
            cells[tally["scenario"], tally["fault"], channel] |= {Outcome(each) for each in tally["outcomes"][channel]}
    return cells


def promised() -> Cells:
    """Return what the page says."""
    cells: Cells = {}
    for scenario, cause, *texts in re.findall(
        r"(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text()
    ):
        if cause in CAUSES:
            cells |= {(scenario, cause, channel): uncell(text) for channel, text in zip(CHANNELS, texts, strict=True)}
    return cells


def render(cells: Cells) -> str:
    """Write the page."""
    return WORDS.read_text().replace("{{summary}}", _summary(cells)).replace("{{table}}", _table(cells))


def rewrite(tallies: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """Write the page anew: what it promised before, and what was seen beyond that.

    An outcome that hangs on a moment of timing is not seen in every run, and stays; whoever knows that it is gone for
    good deletes the page first.

    Returns:
        What to say about it, and whether that is a failure: the page has changed.
    """
    cells = gathered(tallies)
    if len(cells) < len(SCENARIOS) * len(CAUSES) * len(CHANNELS):
        return ["docs/guarantees.md is left as it is: not everything was run"], False
    before = PAGE.read_text() if PAGE.exists() else ""
    kept = promised() if before else {}
    unseen = {key: kept[key] - seen for key, seen in cells.items() if kept.get(key, set()) - seen}
    said = [f"promised, and not seen this time: {', '.join(key)}: {cell(seen)}" for key, seen in unseen.items()]
    page = render({key: seen | kept.get(key, set()) for key, seen in cells.items()})
    PAGE.write_text(page)
    if page == before:
        return [*said, "docs/guarantees.md is as it was"], False
    return [*said, "docs/guarantees.md HAS CHANGED: read the difference, and commit it if it is meant"], True


def _table(cells: Cells) -> str:
    rows = []
    for scenario in SCENARIOS:
        for cause in CAUSES:
            seen = (cell(cells[scenario.name, cause, channel]) for channel in CHANNELS)
            rows.append(f"| {scenario.name} | {cause} | " + " | ".join(seen) + " |")
    return "\n".join(["| scenario | what breaks | the e-mail comes | the SMS comes |", "|---|---|---|---|", *rows])


def _summary(cells: Cells) -> str:
    """Join the scenarios in which only the fault can be in the way of a message."""
    rows = []
    for cause in CAUSES:
        seen = (cell(_joined(cells, cause, channel)) for channel in CHANNELS)
        rows.append(f"| {cause} | " + " | ".join(seen) + " |")
    return "\n".join(["| what breaks | the e-mail comes | the SMS comes |", "|---|---|---|", *rows])


def _joined(cells: Cells, cause: str, channel: str) -> set[Outcome]:
    seen: set[Outcome] = set()
    for scenario in SCENARIOS:
        if scenario.name in PLAIN and scenario.expected[channel] is Expected.ARRIVES:
            seen |= cells[scenario.name, cause, channel]
    return seen
