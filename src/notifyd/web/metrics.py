"""`Stats` and `Vitals` -> Prometheus text. Pure; every name is listed in `docs/reference/metrics.md`.

Gauges of rows come from the database and are the same from every daemon; counters are this process' own.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from notifyd import __version__
from notifyd.model.histogram import Histogram
from notifyd.model.job import Channel
from notifyd.model.stats import Stats
from notifyd.vitals import PoolVitals, Vitals

CONTENT_TYPE = CONTENT_TYPE_LATEST

Name = TypeVar("Name", bound=str)
Sample = tuple[tuple[str, ...], float]


def exposition(stats: Stats | None, vitals: Vitals, now: float, *, database_up: bool) -> bytes:
    """Write the text.

    Args:
        stats: The snapshot; None when there was none in time, which leaves its metrics out.
        vitals: The process' own.
        now: The monotonic clock.
        database_up: Whether the database has just answered.
    """
    registry = CollectorRegistry(auto_describe=False)
    own = [*_of_process(vitals, now, database_up), *_of_pools(vitals.pools), *_of_cache(vitals)]
    registry.register(_Given([*own, *(_of_rows(stats) if stats else ())]))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics

    def describe(self) -> Iterable[Metric]:
        return ()


def _of_rows(stats: Stats) -> Iterator[Metric]:
    channels = stats.channels.items()
    sends = {
        (name, state): getattr(one, state)
        for name, one in channels
        for state in ("sent", "failed", "suppressed", "unknown")
    }
    yield _gauge("jobs", "Jobs in a state; in a final one, all that ever ended so.", _by(stats.jobs), "status")
    yield _gauge("jobs_unknown_status", "Rows whose status is none of the contract's.", stats.unknown_status)
    yield _gauge("jobs_partial", "Jobs that were ever completed with one channel given up.", stats.partial)
    yield _gauge("oldest_due_seconds", "How long the oldest due job has waited.", stats.oldest_due_s)
    yield _gauge(
        "deliveries",
        "Messages: in doubt now, and of every other state all that ever came to it.",
        sends.items(),
        "channel",
        "state",
    )
    waiting = [((name,), float(one.paused)) for name, one in channels]
    yield _gauge("jobs_waiting_for_channel", "Jobs that wait for a paused channel.", waiting, "channel")


def _of_process(vitals: Vitals, now: float, database_up: bool) -> Iterator[Metric]:
    paused = [((channel.value,), float(channel in vitals.pauses)) for channel in Channel]
    yield _gauge("info", "The daemon's version.", [((__version__,), 1.0)], "version")
    yield _gauge("uptime_seconds", "How long the daemon has run.", now - vitals.started_at)
    yield _gauge("database_up", "Whether the database has just answered.", database_up)
    yield _gauge("listening", "Whether LISTEN works; without it jobs are found at poll speed.", vitals.listening)
    yield _gauge("draining", "Whether the daemon is stopping.", vitals.draining)
    yield _gauge("in_flight", "Jobs held now.", vitals.in_flight)
    yield _gauge("slots", "Jobs that may be held at once.", vitals.slots)
    yield _gauge("last_claim_age_seconds", "How long ago a claim query last succeeded.", vitals.claim_age(now))
    yield _gauge("streams", "Viewers of /stats/stream.", vitals.streams)
    yield _counter("streams_turned_away", "Viewers for whom there was no place.", vitals.streams_turned_away_total)
    yield _counter("streams_dropped", "Viewers let go because they did not read.", vitals.streams_dropped_total)
    yield _gauge("channel_paused", "Whether the channel is paused.", paused, "channel")
    yield _counter("claimed", "Attempts begun.", vitals.claimed_total)
    yield _counter("settled", "Jobs settled, by the state given.", _by(vitals.settled_total), "status")
    yield _counter("outcomes", "What sends came to.", vitals.outcomes_total.items(), "channel", "outcome")
    yield _counter("inquiries", "What providers said of messages in doubt.", _by(vitals.inquiries_total), "answer")
    yield _counter("receipts", "What was heard of messages.", vitals.receipts_total.items(), "channel", "result")
    yield _counter("wakes", "Wakes of the claim loop.", _by(vitals.wakes_total), "source")
    yield _counter("leases_lost", "Jobs taken out of our hands before they were settled.", vitals.leases_lost_total)
    yield _counter("rescued", "Jobs taken back from an expired lease.", vitals.rescued_total)
    yield _counter("purged", "Finished jobs deleted by retention.", vitals.purged_total)
    yield _counter("database_errors", "Statements that failed for want of a database.", vitals.database_errors_total)


def _of_pools(pools: Mapping[str, PoolVitals]) -> Iterator[Metric]:
    held = {(name, state): getattr(one, state) for name, one in pools.items() for state in ("active", "idle")}
    errors = {(name, kind): n for name, one in pools.items() for kind, n in one.errors_total.items()}
    times = {(name, said): took for name, one in pools.items() for said, took in one.statements.items()}
    waits = {(name,): one.waits for name, one in pools.items()}

    def each(figure: str) -> list[Sample]:
        return [((name,), float(getattr(one, figure))) for name, one in pools.items()]

    yield _gauge("pool_connections", "Connections lent, and standing ready.", held.items(), "pool", "state")
    yield _gauge("pool_limit", "Connections that the pool may have.", each("limit"), "pool")
    yield _gauge("pool_utilisation", "Which part of the limit is lent.", each("utilisation"), "pool")
    yield _gauge("pool_waiting", "Callers that wait for a connection.", each("waiting"), "pool")
    yield _histogram("pool_wait_seconds", "How long callers waited for a connection.", waits.items(), "pool")
    yield _counter("pool_timeouts", "Callers that got no connection in time.", each("timeouts_total"), "pool")
    yield _histogram("statement_seconds", "How long the database's answer took.", times.items(), "pool", "statement")
    yield _counter("statement_errors", "What went wrong at the database.", errors.items(), "pool", "class")


def _of_cache(vitals: Vitals) -> Iterator[Metric]:
    asked, made = vitals.cache_requests_total.items(), vitals.cache_loads_total.items()
    yield _counter("cache_requests", "Answers asked of the cache, and what was found.", asked, "answer", "result")
    yield _counter("cache_loads", "Answers made.", made, "answer", "result")
    yield _counter("cache_evictions", "Answers thrown away for want of room.", vitals.cache_evictions_total)
    yield _counter("cache_notices", "What took answers out of date.", _by(vitals.cache_notices_total), "cause")
    yield _gauge("cache_answers", "Answers kept.", vitals.cache_answers)
    yield _gauge("cache_bytes", "What they weigh, by estimate.", vitals.cache_bytes)


def _by(figures: Mapping[Name, float]) -> list[Sample]:
    return [((name,), figure) for name, figure in figures.items()]


def _gauge(name: str, text: str, figures: Iterable[Sample] | float, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(f"notifyd_{name}", text, labels=labels), figures)


def _counter(name: str, text: str, figures: Iterable[Sample] | float, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(f"notifyd_{name}", text, labels=labels), figures)


def _histogram(name: str, text: str, figures: Iterable[tuple[tuple[str, ...], Histogram]], *labels: str) -> Metric:
    family = HistogramMetricFamily(f"notifyd_{name}", text, labels=labels)
    for values, one in figures:
        buckets = [("+Inf" if end == inf else f"{end:g}", float(upto)) for end, upto in one.cumulated()]
        family.add_metric(values, buckets, one.total)
    return family


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, figures: Iterable[Sample] | float
) -> GaugeMetricFamily | CounterMetricFamily:
    samples = [((), float(figures))] if isinstance(figures, int | float) else figures
    for labels, figure in samples:
        family.add_metric(labels, figure)
    return family
