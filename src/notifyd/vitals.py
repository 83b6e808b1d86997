"""What the process knows of itself: gauges and counters, written by the engine and the store, read by the web.

A dumb record: plain integers of one thread, no lock, no I/O. What must survive a restart is in the rows, not here.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from notifyd.model.histogram import Histogram

WakeSource = Literal["notify", "poll", "slot", "due"]


@dataclass(slots=True)
class PoolVitals:
    """The database, seen through one pool of connections since it was opened.

    Attributes:
        limit: How many connections it may have.
        open: How many it has.
        active: How many of them are lent.
        waiting: How many callers wait for one.
        waits: How long callers waited for one, those that got none included.
        timeouts_total: Callers that got none in time.
        statements: How long the answer took, by the statement's name (`jobs.CLAIM`), however it ended.
        errors_total: What went wrong, by class (`store.connect.CLASSES`).
    """

    limit: int
    open: int = 0
    active: int = 0
    waiting: int = 0
    waits: Histogram = field(default_factory=Histogram)
    timeouts_total: int = 0
    statements: dict[str, Histogram] = field(default_factory=dict)
    errors_total: Counter[str] = field(default_factory=Counter)

    @property
    def idle(self) -> int:
        """How many connections stand ready."""
        return max(0, self.open - self.active)

    @property
    def utilisation(self) -> float:
        """Which part of all connections that there may be is lent."""
        return self.active / self.limit


@dataclass(slots=True)
class Vitals:
    """One daemon's life since it started. Moments are seconds of the monotonic clock.

    Attributes:
        started_at: When the daemon started.
        slots: How many jobs it may hold at once.
        in_flight: How many it holds now.
        claimed_total: Attempts begun.
        settled_total: Jobs settled, by the state they were given.
        outcomes_total: Sends, by channel and the outcome's name in lower case (`sent`, `retryable`, `permanent`,
            `suppress`, `paused`, `unknown`).
        inquiries_total: What providers said about messages in doubt: `found`, `absent`, `undecided`, `failed`.
        receipts_total: What was heard of messages, by channel and result (`applied`, `resent`, `known`, `stray`).
        wakes_total: Wakes of the claim loop, by what woke it.
        leases_lost_total: Jobs that another daemon, or the booking system, took out of our hands.
        rescued_total: Jobs taken back from an expired lease.
        purged_total: Finished jobs deleted by retention.
        database_errors_total: Statements that failed for want of a database.
        cache_requests_total: Answers asked of the cache, by their kind and what was found: `hit`, `stale` (past its
            time, while a new one is made), `miss`, `joined` (one that was being made already).
        cache_loads_total: Answers made, by their kind and `made` or `failed`; or `refused` for want of a place.
        cache_evictions_total: Answers thrown away for want of room.
        cache_notices_total: What took answers out of date: `wake` (our own counts), `notify` (somebody's).
        cache_answers: Answers kept.
        cache_bytes: What they are taken to weigh.
        streams: Viewers of `/stats/stream` now.
        streams_turned_away_total: Viewers for whom there was no place.
        streams_dropped_total: Viewers let go because they did not read.
        listening: Whether the LISTEN connection has proved itself; without it the poll still finds every job.
        database_ok: Whether the last statement of the engine was answered.
        last_claim_at: When a claim query last succeeded, whether or not it found jobs; None before the first.
        turned_at: When the claim loop last came round, whatever it found: what the watchdog is fed by.
        pauses: Why a channel is paused, by channel; a channel that is not paused is not in it.
        channels: The channels that are switched on; empty is taken for all of them.
        draining: Whether a stop was asked for: nothing is claimed any more.
        pools: The database as each pool of connections sees it, by the pool's name.
    """

    started_at: float
    slots: int = 0
    in_flight: int = 0
    claimed_total: int = 0
    settled_total: Counter[str] = field(default_factory=Counter)
    outcomes_total: Counter[tuple[str, str]] = field(default_factory=Counter)
    inquiries_total: Counter[str] = field(default_factory=Counter)
    receipts_total: Counter[tuple[str, str]] = field(default_factory=Counter)
    wakes_total: Counter[WakeSource] = field(default_factory=Counter)
    leases_lost_total: int = 0
    rescued_total: int = 0
    purged_total: int = 0
    database_errors_total: int = 0
    cache_requests_total: Counter[tuple[str, str]] = field(default_factory=Counter)
    cache_loads_total: Counter[tuple[str, str]] = field(default_factory=Counter)
    cache_evictions_total: int = 0
    cache_notices_total: Counter[str] = field(default_factory=Counter)
    cache_answers: int = 0
    cache_bytes: int = 0
    streams: int = 0
    streams_turned_away_total: int = 0
    streams_dropped_total: int = 0
    listening: bool = False
    database_ok: bool = False
    last_claim_at: float | None = None
    turned_at: float = 0.0
    pauses: dict[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    draining: bool = False
    pools: dict[str, PoolVitals] = field(default_factory=dict)

    def claim_age(self, now: float) -> float:
        """Return the seconds since a claim query last succeeded; before the first, since the start.

        Args:
            now: The monotonic clock.
        """
        return max(0.0, now - (self.started_at if self.last_claim_at is None else self.last_claim_at))
