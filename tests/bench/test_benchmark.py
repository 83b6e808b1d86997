"""The benchmark in its smallest size, so that it cannot rot, and the fairness of what notifyd is measured against."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.cached import KINDS as KINDS_KEPT
from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, Figures, percentile
from benchmarks.loops.content import Content
from benchmarks.loops.options import SMTP_FROM
from benchmarks.plan import Workload
from benchmarks.rows import FIRST, KINDS
from benchmarks.settling import without
from benchmarks.stage import TEMPLATES

from notifyd.content.render import Renderer
from notifyd.model.job import Channel, Job, JobId, LeaseId
from notifyd.model.message import Email, Sms
from notifyd.model.payload import parse
from notifyd.store.deliveries import INTEND
from notifyd.store.record import RECORD
from notifyd.transports.mime import compose

ROOT = Path(__file__).resolve().parents[2]
RATE = Figure("jobs", "/s")


def test_every_worker_sends_every_message_once() -> None:
    """A run ends well only if the sinks saw each message of each worker once, and it measures what it promises."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--json", "--only", "email,wake"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    measured = {figure["figure"]: tuple(figure["measured"]) for figure in json.loads(done.stdout)["figures"]}
    drained = (Contestant.ORIGINAL, Contestant.BARE, Contestant.NOTIFYD)
    wakes = [f"commit to {channel}, p{percent}" for channel in ("e-mail", "SMS") for percent in (50, 95, 99)]
    assert {
        **dict.fromkeys(("e-mails", "e-mails, CPU"), drained),
        **dict.fromkeys(wakes, (Contestant.BARE, Contestant.NOTIFYD)),
    } == measured


def test_kept_answers_are_measured() -> None:
    """All that is compared is answered, and told in one line each."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--cached"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    assert [*KINDS_KEPT] == [line[:26].strip() for line in done.stdout.splitlines()[1:] if line]


def test_a_salons_dashboard() -> None:
    """Both the dashboard and the ten queries run over the slow wire, and the first is not the slower one."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--dashboards"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("1 x the rows"))
    assert float(row.split()[-1]) > 1


def test_counts_are_measured() -> None:
    """Rounds are settled with counting and without, and each way to ask is timed at each size."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--counts"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    settled, counted = done.stdout.split("\n\n")
    assert 1 + 3 * 4 == len(settled.splitlines())
    assert ["/stats", "group by status"] == [counted.splitlines()[place][:26].strip() for place in (1, -1)]


@pytest.mark.parametrize("statement", [INTEND, RECORD])
def test_what_counts_can_be_taken_out(statement: str) -> None:
    """Without what counts, a statement is the same but for the tally, and writes none."""
    bare = without(statement)
    assert ("{tally}" in statement, "tally" in bare, "changes" in bare) == (True, False, False)
    assert bare.startswith(statement.partition("), changes")[0])
    assert bare.endswith(statement.rpartition("{tally}")[2])


@pytest.mark.parametrize("workload", list(Workload))
def test_the_bare_loop_sends_what_notifyd_sends(workload: Workload) -> None:
    """Both are measured with the same bytes, or the comparison would be none."""
    kind = KINDS[workload]
    payload = kind.payload.replace("{n}", str(FIRST))
    job = Job(
        id=JobId("a-job"),
        key="35e6fd63bb3ab0a91943e5b4c5c0ba78",
        lease_id=LeaseId(1),
        salon_id="salon-1",
        client_id="client-1",
        appointment_id=None,
        type=kind.type,
        payload=payload,
        attempt=1,
        max_attempts=3,
        now=datetime(2026, 11, 20, tzinfo=UTC),
    )
    booking = parse(job)
    message = Renderer(TEMPLATES).render(job, booking, booking.channels[0])
    content, data = Content(TEMPLATES, SMTP_FROM), json.loads(payload)["data"]
    match message:
        case Email():
            assert Channel.EMAIL == message.channel
            bare = content.letter(job.id, job.type, data)
            assert _parts(compose(message, SMTP_FROM).data) == _parts(bare.data)
        case Sms():
            assert message.body == content.sms(job.type, data)


def _parts(letter: bytes) -> list[bytes]:
    """Return the lines that do not depend on the job's id or on the moment."""
    return [
        line for line in letter.split(b"\r\n") if b"=_" not in line and not line.startswith((b"Date:", b"Message-ID:"))
    ]


def test_the_ratio_is_taken_within_rounds() -> None:
    """A round in which the whole machine was slow does not bend the ratio."""
    figures = Figures()
    for bare, notifyd in ((100, 50), (10, 5), (100, 50)):
        figures.add(RATE, Contestant.BARE, bare)
        figures.add(RATE, Contestant.NOTIFYD, notifyd)
    assert 0.5 == figures.ratio(RATE, Contestant.NOTIFYD, Contestant.BARE)
    assert 100 == figures.median(RATE, Contestant.BARE)
    assert figures.ratio(RATE, Contestant.NOTIFYD, Contestant.POLLING) is None


def test_percentiles_are_measured_values() -> None:
    """The nearest rank, as those who quote a p99 expect it."""
    values = [float(value) for value in range(200, 0, -1)]
    assert (100, 190, 198) == tuple(percentile(values, percent) for percent in (50, 95, 99))
    assert 3.0 == percentile([3.0], 99)
