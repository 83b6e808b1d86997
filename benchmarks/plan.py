"""How much is measured: the sizes of a full run, of a quick one, and of one that only shows that everything works."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Workload(StrEnum):
    """What the jobs of a drain ask for. Each has one channel, so that a job is a message."""

    NO_OP = "noop"
    EMAIL = "email"
    SMS = "sms"


class Part(StrEnum):
    """What `--only` can name: a drain of each workload, and the two measurements of a worker with little to do."""

    NO_OP = "noop"
    EMAIL = "email"
    SMS = "sms"
    WAKE = "wake"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run.

    Attributes:
        rounds: How often each drain is repeated, the workers taking turns; the median counts.
        jobs: Jobs in a drain of the bare loop and of notifyd.
        original_jobs: Jobs in a drain of the original worker, which would take minutes over the others' share.
        polls: How many turns of its timer the original worker is watched for.
        wakes: Single inserts, for each channel.
        gap: Seconds between two of them on average.
        settle: Seconds that an idle worker is given before it is watched.
        idle: Seconds that it is watched for.
        factors: How many times the rows of `salons.SIZES` a salon's dashboard is measured over.
        finished: How many finished rows `/stats` is measured over.
        settled: How many rounds of jobs are settled, with counting and without.
        views: How often it is looked at, at each of these sizes.
        durable: Whether PostgreSQL waits for the disk, without which no figure means anything.
    """

    rounds: int
    jobs: Mapping[Workload, int]
    original_jobs: Mapping[Workload, int]
    polls: int
    wakes: int
    gap: float
    settle: float
    idle: float
    factors: tuple[int, ...]
    views: int
    finished: tuple[int, ...]
    settled: int
    durable: bool = True


FULL = Plan(
    rounds=3,
    jobs={Workload.NO_OP: 20_000, Workload.EMAIL: 5_000, Workload.SMS: 5_000},
    original_jobs={Workload.NO_OP: 1_000, Workload.EMAIL: 500, Workload.SMS: 500},
    polls=3,
    wakes=200,
    gap=0.04,
    settle=3.0,
    idle=20.0,
    factors=(1, 100),
    views=500,
    finished=(10_000, 10_000_000),
    settled=200,
)

QUICK = Plan(
    rounds=1,
    jobs={Workload.NO_OP: 5_000, Workload.EMAIL: 1_500, Workload.SMS: 1_500},
    original_jobs={Workload.NO_OP: 300, Workload.EMAIL: 150, Workload.SMS: 150},
    polls=2,
    wakes=50,
    gap=0.04,
    settle=2.0,
    idle=10.0,
    factors=(1, 10),
    views=100,
    finished=(10_000, 1_000_000),
    settled=60,
)

SMOKE = Plan(
    rounds=1,
    jobs=dict.fromkeys(Workload, 20),
    original_jobs=dict.fromkeys(Workload, 10),
    polls=0,
    wakes=3,
    gap=0.04,
    settle=0.1,
    idle=0.5,
    factors=(1,),
    views=5,
    finished=(100,),
    settled=2,
    durable=False,
)
