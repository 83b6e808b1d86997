"""The lease protocol as a model (`lease.pml`), checked by Spin: it holds, and whatever breaks it is found out."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("lease.pml")

PATIENCE = 600.0
"""Seconds for one run of any of the programs; a second or two is usual."""

LARGE = os.environ.get("HYPOTHESIS_PROFILE") == "interleavings"
SIZE = ("FAULTS=2", "CHANGES=2") if LARGE else ("FAULTS=2", "CHANGES=1")
"""How much goes wrong in one life of the job."""

NEVER_TWICE = "accepted<=1"
ON_RECORD = "accepted<=(1+doubts)"
UNDER_LEASE = "lease==mine[me]"
NEVER_STUCK = "stuck"

pytestmark = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="spin or gcc is not installed: apt install spin gcc"
)


@dataclass(frozen=True)
class Search:
    """What Spin found.

    Attributes:
        errors: How many violations; the search ends with the first.
        report: All that it printed.
        trail: How it came to that: the last steps, and the variables after them.
    """

    errors: int
    report: str
    trail: str


@dataclass(frozen=True)
class Checker:
    """Runs Spin in a directory of its own."""

    directory: Path

    def search(self, *names: str, endless: bool = False, optimize: str = "-O0") -> Search:
        """Go through every interleaving.

        Args:
            names: What to define for the model.
            endless: Look for ways to go round for ever, instead of violated assertions.
            optimize: For the compiler, which takes longer than a short search.
        """
        defines = [f"-D{name}" for name in names]
        self._run("spin", "-a", *defines, str(MODEL))
        self._run("gcc", "-w", optimize, "-DNP" if endless else "-DSAFETY", "-o", "pan", "pan.c")
        report = self._run("./pan", "-m100000", *(["-l"] if endless else []))
        assert "max search depth too small" not in report
        errors = int(report.partition("errors: ")[2].split()[0])
        trail = self._run("spin", "-p", "-k", f"{MODEL.name}.trail", *defines, str(MODEL)) if errors else ""
        return Search(errors, report, trail[-5000:])

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    """Give a checker."""
    return Checker(tmp_path)


@pytest.mark.parametrize("channel", ["SMS", "EMAIL"])
def test_no_interleaving_breaks_a_promise(checker: Checker, channel: str) -> None:
    """No assertion of the model can be violated, neither for an SMS nor for an e-mail."""
    search = checker.search(channel, *SIZE, optimize="-O1")
    assert search.errors == 0, search.report + search.trail


def test_every_job_ends(checker: Checker) -> None:
    """No job goes round for ever, unless the provider is being asked and the grace does not pass."""
    search = checker.search(*(SIZE if LARGE else ("FAULTS=1", "CHANGES=1")), endless=True, optimize="-O1")
    assert search.errors == 0, search.report + search.trail


@pytest.mark.parametrize(
    ("assumption", "promise"),
    [
        pytest.param("LIST_LAGS_FOR_EVER", NEVER_TWICE, id="the list is complete after the grace"),
        pytest.param("WRITES_PAST_DEADLINE", NEVER_TWICE, id="nobody hands over past his deadline"),
        pytest.param("CLOCK_JUMPS_AHEAD", NEVER_TWICE, id="the database's clock does not jump ahead"),
    ],
)
def test_what_the_promise_rests_on(checker: Checker, assumption: str, promise: str) -> None:
    """Where the world does not keep to what the documentation names, an SMS can be sent twice."""
    search = checker.search(assumption, "COPIES_ALONE", "FAULTS=1", "CHANGES=0")
    assert search.errors == 1
    assert f"assertion violated ({promise})" in search.report


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (["NO_INTENT"], NEVER_TWICE),
        (["NO_RECONCILE"], NEVER_TWICE),
        (["NO_DEADLINE"], NEVER_TWICE),
        (["GRACE_FROM_INTENT"], NEVER_TWICE),
        (["GRACE_JUDGED_AFTER_THE_LIST"], NEVER_TWICE),
        (["RESCUE_WITHOUT_DOUBT"], NEVER_TWICE),
        (["RESCUE_WITHOUT_DOUBT", "EMAIL"], ON_RECORD),
        (["CLAIM_OVER_AN_EXPIRED_LEASE", "CHANGES=2", "EMAIL"], ON_RECORD),
        (["CLAIM_OVER_AN_EXPIRED_LEASE", "CHANGES=2"], UNDER_LEASE),
        (["CLAIM_OVER_A_LIVE_LEASE", "CHANGES=2"], UNDER_LEASE),
        (["INTENT_WITHOUT_LEASE"], UNDER_LEASE),
        (["RECORD_WITHOUT_FENCE"], UNDER_LEASE),
        (["SETTLE_WITHOUT_FENCE"], UNDER_LEASE),
        (["NO_RESCUE"], NEVER_STUCK),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_broken_protocol_is_found_out(checker: Checker, broken: list[str], promise: str) -> None:
    """The model would notice: each part of the protocol, taken out, breaks the promise that it is there for."""
    changes = [] if "CHANGES=2" in broken else ["CHANGES=0"]
    judged = ["COPIES_ALONE"] if promise in (NEVER_TWICE, ON_RECORD) else []
    search = checker.search(*broken, *changes, *judged, "FAULTS=1")
    assert search.errors == 1
    (violated,) = [line for line in search.report.splitlines() if "assertion violated" in line]
    assert promise in violated, search.trail


def test_attempts_that_are_not_counted_never_end(checker: Checker) -> None:
    """The model would notice: without the count at the claim a job that is always refused goes on for ever."""
    assert checker.search("ATTEMPTS_ARE_NOT_COUNTED", "FAULTS=0", "CHANGES=0", endless=True).errors == 1
