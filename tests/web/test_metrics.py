"""What Prometheus reads."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from notifyd import __version__
from notifyd.model.histogram import Histogram
from notifyd.model.job import State
from notifyd.model.stats import ChannelStats, Stats
from notifyd.vitals import PoolVitals, Vitals
from notifyd.web.metrics import exposition

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"

STATS = Stats(
    as_of=datetime(2026, 11, 22, tzinfo=UTC),
    jobs={state.value: number for number, state in enumerate(State)},
    unknown_status=1,
    partial=2,
    oldest_due_s=3.5,
    channels={"email": ChannelStats(5, 1, 2, 0, 0), "sms": ChannelStats(4, 0, 0, 3, 7)},
)


def lived() -> Vitals:
    """Return the vitals of a daemon that has done some of everything."""
    vitals = Vitals(started_at=10.0, slots=64, in_flight=3, claimed_total=9, last_claim_at=109.0)
    vitals.settled_total["completed"] += 5
    vitals.outcomes_total["email", "sent"] += 4
    vitals.wakes_total["notify"] += 8
    vitals.inquiries_total["found"] += 2
    vitals.receipts_total["sms", "applied"] += 3
    pool = vitals.pools["engine"] = PoolVitals(limit=4, open=3, active=1, waiting=2, timeouts_total=1)
    pool.waits.add(0.003)
    pool.errors_total["conflict"] += 2
    claims = pool.statements["jobs.CLAIM"] = Histogram()
    for seconds in (0.0015, 0.0015, 20.0):
        claims.add(seconds)
    vitals.cache_requests_total["stats", "hit"] += 6
    vitals.cache_loads_total["stats", "made"] += 1
    vitals.cache_notices_total["wake"] += 4
    vitals.pauses["sms"] = 'refused: "x"\n'
    return vitals


def samples(stats: Stats | None, vitals: Vitals) -> dict[tuple[str, ...], float]:
    """Return the figures by name and label values, as Prometheus' own parser reads them."""
    text = exposition(stats, vitals, 110.0, database_up=stats is not None).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("sample", "figure"),
    [
        (("notifyd_jobs", "pending"), 0.0),
        (("notifyd_jobs", "held"), 6.0),
        (("notifyd_jobs_unknown_status",), 1.0),
        (("notifyd_jobs_partial",), 2.0),
        (("notifyd_oldest_due_seconds",), 3.5),
        (("notifyd_deliveries", "email", "suppressed"), 2.0),
        (("notifyd_deliveries", "sms", "unknown"), 3.0),
        (("notifyd_jobs_waiting_for_channel", "sms"), 7.0),
        (("notifyd_info", __version__), 1.0),
        (("notifyd_database_up",), 1.0),
        (("notifyd_uptime_seconds",), 100.0),
        (("notifyd_last_claim_age_seconds",), 1.0),
        (("notifyd_in_flight",), 3.0),
        (("notifyd_slots",), 64.0),
        (("notifyd_channel_paused", "email"), 0.0),
        (("notifyd_channel_paused", "sms"), 1.0),
        (("notifyd_claimed_total",), 9.0),
        (("notifyd_settled_total", "completed"), 5.0),
        (("notifyd_outcomes_total", "email", "sent"), 4.0),
        (("notifyd_wakes_total", "notify"), 8.0),
        (("notifyd_inquiries_total", "found"), 2.0),
        (("notifyd_receipts_total", "sms", "applied"), 3.0),
        (("notifyd_purged_total",), 0.0),
        (("notifyd_pool_connections", "engine", "active"), 1.0),
        (("notifyd_pool_connections", "engine", "idle"), 2.0),
        (("notifyd_pool_limit", "engine"), 4.0),
        (("notifyd_pool_utilisation", "engine"), 0.25),
        (("notifyd_pool_waiting", "engine"), 2.0),
        (("notifyd_pool_wait_seconds_bucket", "0.002", "engine"), 0.0),
        (("notifyd_pool_wait_seconds_bucket", "0.005", "engine"), 1.0),
        (("notifyd_pool_timeouts_total", "engine"), 1.0),
        (("notifyd_statement_seconds_bucket", "0.002", "engine", "jobs.CLAIM"), 2.0),
        (("notifyd_statement_seconds_bucket", "15", "engine", "jobs.CLAIM"), 2.0),
        (("notifyd_statement_seconds_bucket", "+Inf", "engine", "jobs.CLAIM"), 3.0),
        (("notifyd_statement_seconds_count", "engine", "jobs.CLAIM"), 3.0),
        (("notifyd_statement_seconds_sum", "engine", "jobs.CLAIM"), 20.003),
        (("notifyd_statement_errors_total", "conflict", "engine"), 2.0),
        (("notifyd_cache_requests_total", "stats", "hit"), 6.0),
        (("notifyd_cache_loads_total", "stats", "made"), 1.0),
        (("notifyd_cache_notices_total", "wake"), 4.0),
        (("notifyd_cache_evictions_total",), 0.0),
    ],
)
def test_a_figure(sample: tuple[str, ...], figure: float) -> None:
    """Every figure is under its name and labels."""
    assert figure == samples(STATS, lived())[sample]


def test_without_a_database_the_vitals_remain() -> None:
    """An outage is itself a figure; the figures of rows are absent, not zero."""
    seen = samples(None, lived())
    assert 0.0 == seen["notifyd_database_up",]
    assert 9.0 == seen["notifyd_claimed_total",]
    assert not [name for name in seen if name[0] in {"notifyd_jobs", "notifyd_deliveries"}]


def test_no_reason_becomes_a_label() -> None:
    """Texts of providers would make a new series each, and might name somebody."""
    assert "refused" not in exposition(STATS, lived(), 110.0, database_up=True).decode()


def test_every_metric_is_documented() -> None:
    """The reference and the code name the same metrics, with the same types, labels and words."""
    text = exposition(STATS, lived(), 110.0, database_up=True).decode()
    wanted = set()
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels})
        wanted.add((name, family.type, ", ".join(f"`{label}`" for label in labels), family.documentation))
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|([^|]*)\|$", PAGE.read_text(), re.MULTILINE)
    assert wanted == {(name, kind, labels.strip(), words.strip()) for name, kind, labels, words in rows}
