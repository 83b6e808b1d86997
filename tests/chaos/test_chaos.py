"""The chaos in its smallest size, so that it cannot rot, and the judge before made-up evidence: it finds each fault."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random  # noqa: TID251 - the dice of the made-up orders

import pytest

from chaos.acts.deck import ACTS
from chaos.facts import Arrival, Change, Evidence, Row
from chaos.judge import Fault, judge
from chaos.orders import Fate, Order, draw
from chaos.plan import plan
from notifyd.model.job import Channel
from support.databases import scratch_directory

TESTS = Path(__file__).resolve().parents[1]

ORDER = Order(
    job_id="job",
    at=0,
    channels=tuple(Channel),
    email="a@example.com",
    phone="+12124440000",
    due=frozenset(Channel),
    max_attempts=50,
    fate=Fate.COMMITTED,
    patience=0,
)
MAIL = Arrival(Channel.EMAIL, ORDER.email, "<key@example.com>", 10)
TEXT = Arrival(Channel.SMS, ORDER.phone, "SM1", 10)
WELL = Evidence(
    orders=[ORDER],
    rows={"job": Row("completed", 1)},
    ledger={("job", Channel.EMAIL): "sent", ("job", Channel.SMS): "sent"},
    history=[Change(9, "job", "email", "intended"), Change(11, "job", "email", "sent")],
    arrivals=[MAIL, TEXT],
)
COPY = replace(MAIL, at=30)
DOUBTED = [Change(9, "job", "email", "intended"), Change(20, "job", "email", "unknown")]
FEEBLE = replace(ORDER, max_attempts=3)
IN_DOUBT = {("job", Channel.EMAIL): "sent", ("job", Channel.SMS): "unknown"}
NOT_SENT = {("job", Channel.EMAIL): "sent", ("job", Channel.SMS): "retrying"}


def test_a_short_run_ends_well() -> None:
    """Three real daemons, some seconds of chaos from a known seed: nothing lost, nothing doubled, so says the table."""
    command = [sys.executable, "-m", "chaos", "--minutes", "0.15", "--jobs", "60", "--seed", "236"]
    with scratch_directory() as directory:
        done = subprocess.run(
            command,
            cwd=TESTS,
            env={**os.environ, "TMPDIR": str(directory)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        left = list(directory.iterdir())
    assert 0 == done.returncode, done.stderr
    told = dict(line.strip("│ ").split("│") for line in done.stdout.splitlines() if line.startswith("│"))
    figures = {name.strip(): value.strip() for name, value in told.items()}
    assert ("0", "0", "0", "0") == (
        figures["lost"],
        figures["SMS duplicates"],
        figures["e-mail duplicates, unexplained"],
        figures["exit code"],
    )
    assert 50 < int(figures["jobs"]) <= 60
    assert "again: ./run chaos --minutes 0.15 --jobs 60 --seed 236" in done.stderr
    assert "SIGKILL to daemon" in done.stderr
    assert [] == left, "a run that ends well leaves nothing behind"


def test_a_run_without_fault_is_called_so() -> None:
    """One e-mail, one SMS, both on record: nothing is found."""
    verdict = judge(WELL)
    assert ((), 1, 2, 0, 0) == (verdict.findings, verdict.jobs, verdict.arrived, verdict.explained, verdict.unknown)


@pytest.mark.parametrize(
    ("fault", "evidence"),
    [
        (Fault.UNFINISHED, replace(WELL, rows={"job": Row("processing", 1)})),
        (Fault.UNFINISHED, replace(WELL, rows={"job": Row("held", 1)})),
        (Fault.VANISHED, replace(WELL, rows={})),
        (Fault.MISSED, replace(WELL, ledger=NOT_SENT, arrivals=[MAIL])),
        (Fault.UNSENT, replace(WELL, arrivals=[TEXT])),
        (Fault.UNSENT, replace(WELL, arrivals=[TEXT], orders=[replace(ORDER, fate=Fate.DELETED)], rows={})),
        (Fault.SMS_DOUBLED, replace(WELL, arrivals=[MAIL, TEXT, replace(TEXT, mark="SM2")])),
        (Fault.UNEXPLAINED, replace(WELL, arrivals=[MAIL, TEXT, COPY])),
        (Fault.UNEXPLAINED, replace(WELL, arrivals=[MAIL, TEXT, replace(COPY, at=19)], history=DOUBTED)),
        (Fault.UNEXPLAINED, replace(WELL, arrivals=[MAIL, TEXT, COPY, replace(COPY, at=40)], history=DOUBTED)),
        (Fault.RENAMED, replace(WELL, arrivals=[MAIL, TEXT, replace(COPY, mark="<other>")], history=DOUBTED)),
        (Fault.NEVER_BOOKED, replace(WELL, arrivals=[MAIL, TEXT, replace(TEXT, recipient="+12124440001")])),
        (Fault.MISRECORDED, replace(WELL, ledger=NOT_SENT)),
        (Fault.UNRESOLVED, replace(WELL, orders=[FEEBLE], ledger=IN_DOUBT, arrivals=[MAIL])),
    ],
)
def test_the_judge_finds(fault: Fault, evidence: Evidence) -> None:
    """Each fault is found where it is, and no other."""
    assert [fault] == [finding.fault for finding in judge(evidence).findings]


def test_a_copy_after_a_doubt_is_explained() -> None:
    """An e-mail that was called unknown before its copy arrived is counted, and no fault."""
    sent = [Change(31, "job", "email", "sent")]
    verdict = judge(replace(WELL, arrivals=[MAIL, TEXT, COPY], history=[*DOUBTED, *sent]))
    assert ((), 1, 1, 1) == (verdict.findings, verdict.explained, verdict.unknown, verdict.resolved)


def test_what_was_called_off_need_not_arrive() -> None:
    """Cancelled and deleted jobs, and jobs of few attempts that failed, may come to nothing."""
    cancelled = replace(WELL, orders=[replace(ORDER, fate=Fate.CANCELLED)], rows={"job": Row("cancelled", 0)})
    deleted = replace(WELL, orders=[replace(ORDER, fate=Fate.DELETED)], rows={})
    feeble = replace(WELL, orders=[FEEBLE], rows={"job": Row("failed", 3, "why")})
    for evidence in (cancelled, deleted, feeble):
        assert () == judge(replace(evidence, ledger={}, arrivals=[])).findings


def test_the_same_seed_gives_the_same_run() -> None:
    """Orders and acts depend on the seed alone."""

    def drawn(seed: int) -> tuple[list[Order], list[str]]:
        dice = Random(seed)
        orders = draw(dice, 50, 60)
        return orders, [
            f"{act.__name__} {cue.at} {cue.seconds} {cue.dice.random()}" for act, cue in plan(dice, ACTS, 60)
        ]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
