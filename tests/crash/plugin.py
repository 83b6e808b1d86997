"""The option `--crash`, and what becomes of what all workers saw: a summary, and docs/guarantees.md.

It is loaded with every run of the tests, and stays out of the way unless the suite took part.
"""

import json
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

SUITE = Path(__file__).parent
MOST_UNREACHED = 0.02
"""The part of all points that may have been missed."""

_shared = pytest.StashKey[Path]()
_summary = pytest.StashKey[list[str]]()

Tally = dict[str, Any]
"""A `crash.replay.Tally` as JSON has it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--crash",
        action="store_true",
        help="run the crash-point suite, whole and alone, and write docs/guarantees.md; fail if that changes it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the directory that all workers write their results into."""
    given = getattr(config, "workerinput", {}).get("crash")
    config.stash[_shared] = Path(given or Path(tempfile.gettempdir(), f"notifyd-crash-{uuid.uuid4()}"))
    config.stash[_summary] = []


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist that directory."""
    node.workerinput["crash"] = str(node.config.stash[_shared])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave everything else out where the suite runs whole."""
    if config.getoption("crash"):
        others = [item for item in items if SUITE not in item.path.parents]
        items[:] = [item for item in items if SUITE in item.path.parents]
        config.hook.pytest_deselected(items=others)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Sum up, in the process that the others work for."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    tallies = [json.loads(path.read_text()) for path in sorted(config.stash[_shared].glob("*.json"))]
    if not tallies:
        return
    lines, failed = _sum_up(tallies)
    if config.getoption("crash") and not failed:
        from crash.page import rewrite  # noqa: PLC0415 - most runs have no use for it

        words, failed = rewrite(tallies)
        lines += words
    config.stash[_summary] = lines
    if failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the summary."""
    if lines := config.stash[_summary]:
        terminalreporter.section("crash points")
        for line in lines:
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the shared directory."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[_shared], ignore_errors=True)


@pytest.fixture(scope="session")
def crash_results(pytestconfig: pytest.Config) -> Path:
    """Give the directory that all workers write their results into."""
    pytestconfig.stash[_shared].mkdir(exist_ok=True)
    return pytestconfig.stash[_shared]


def _sum_up(tallies: list[Tally]) -> tuple[list[str], bool]:
    """Return what to print, and whether too many points were missed."""
    points = {(tally["scenario"], point) for tally in tallies for point in tally["points"]}
    struck = sum(len(tally["points"]) for tally in tallies)
    missed = [f"{tally['scenario']}, {tally['fault']} {point}" for tally in tallies for point in tally["unreached"]]
    lines = [f"{len(points)} distinct points, {struck} struck and judged, {len(missed)} not reached"]
    lines += [f"not reached: {each}" for each in missed]
    return lines, len(missed) > MOST_UNREACHED * (struck + len(missed))
