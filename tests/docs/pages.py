"""The pages for people, taken apart: their headings, links and blocks of code."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operations.md")

STRANGERS = "docs/dashboards.md"
"""A page that is about other people's tables: its names are not ours."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        heading: What it stands under.
        before: The last line of text before it.
        language: Empty where none is named.
    """

    heading: str
    before: str
    language: str
    text: str


_FENCED = re.compile(r"(?ms)^( *)```(\w*)\n(.*?)^\1```$")
_HEADING = re.compile(r"(?m)^#+ (.+)$")
_SPAN = re.compile(r"`([^`\n]+)`")


def read(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text()


def prose(page: str) -> str:
    """Return a page's text without its blocks of code."""
    return _FENCED.sub("", read(page))


def blocks(page: str, language: str | None = None) -> list[Block]:
    """Return a page's blocks in order: all, or those of one language."""
    text = read(page)
    found = []
    for fence in _FENCED.finditer(text):
        above = _FENCED.sub("", text[: fence.start()])
        block = Block(
            _HEADING.findall(above)[-1], above.rstrip().rpartition("\n")[2], fence[2], textwrap.dedent(fence[3])
        )
        if language in (None, block.language):
            found.append(block)
    return found


def sql(page: str, heading: str, **names: str) -> list[str]:
    """Return the SQL under one heading, with names put in: `job="…"` for JOB-ID."""
    found = [block.text for block in blocks(page, "sql") if block.heading == heading]
    for name, value in names.items():
        found = [text.replace(f"{name.upper()}-ID", value) for text in found]
    return found


def spans(page: str) -> list[str]:
    """Return what stands in `…` outside the blocks of code."""
    return _SPAN.findall(prose(page))


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table under a heading, without its head, cell by cell."""
    section = re.split(rf"(?m)^#+ {re.escape(heading)}$", read(page))[1]
    rows = re.search(r"(?m)^\|[-| ]+\|\n((?:\|.*\n)+)", section)
    assert rows is not None, heading
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[1].splitlines()]


def anchors(page: str) -> set[str]:
    """Return the names by which a page's headings can be linked to, as GitHub makes them."""
    headings = _HEADING.findall(_FENCED.sub("", read(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
