"""What the simulator writes is what a booking system would write, the bad rows included."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random  # noqa: TID251 - seeded dice
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from notifyd.demo.bookings import CLOSED_MAILBOX, LANDLINES, TYPES, Story, invent
from notifyd.demo.deck import CARDS, deal
from notifyd.demo.people import SALONS, somebody

NOW = datetime(2026, 3, 28, 15, 20, tzinfo=UTC)
ORDINARY = Random(7)


def data_of(payload: str) -> dict[str, Any]:
    """Return the data object of a payload of either shape."""
    whole = json.loads(payload)
    return dict(whole.get("data", whole))


def rows(story: Story, count: int = 60) -> list[str]:
    """Return the payloads of so many rows of a story."""
    return [invent(ORDINARY, story, NOW).payload for _ in range(count)]


def test_every_story_is_told_in_half_a_minute() -> None:
    """Any stretch as long as a deck, after the opening, holds every story as often as the deck says."""
    stories = list(islice(deal(Random(1)), 4 + sum(CARDS.values())))
    assert [Story.PLAIN] * 4 == stories[:4]
    assert Counter(CARDS) == Counter(stories[4:])


def test_both_shapes_all_types_and_all_salons() -> None:
    """Ordinary rows come in both payload shapes, all four types, from all salons, with and without an id."""
    visits = [invent(ORDINARY, Story.PLAIN, NOW) for _ in range(300)]
    assert {True, False} == {"data" in json.loads(visit.payload) for visit in visits}
    assert {True, False} == {visit.frugal for visit in visits}
    assert set(TYPES) == {visit.type for visit in visits}
    assert {salon.id for salon in SALONS} == {visit.salon.id for visit in visits}
    assert len(visits) == len({visit.job_id for visit in visits})


def test_visits_lie_ahead_and_in_opening_hours() -> None:
    """A visit begins in the future, on a quarter of an hour of the salon's own clock."""
    for _ in range(200):
        visit = invent(ORDINARY, Story.PLAIN, NOW)
        local = visit.starts_at.astimezone(ZoneInfo(visit.salon.zone))
        assert NOW < visit.starts_at < NOW + timedelta(days=23)
        assert 0 == local.minute % 15
        assert visit.starts_at < visit.ends_at


@pytest.mark.parametrize("salon", SALONS, ids=lambda salon: salon.id)
def test_numbers_and_addresses_are_sound_and_nobodys(salon: Any) -> None:
    """Numbers are valid for libphonenumber; addresses lie in example.com."""
    for _ in range(50):
        client = somebody(ORDINARY, salon)
        assert client.email.endswith("@example.com")
        if client.phone is not None:
            assert phonenumbers.is_valid_number(phonenumbers.parse(client.phone))


def test_the_bad_rows_are_bad() -> None:
    """Each bad story has its fault in every row, and nothing else is missing."""
    assert {"call the front desk"} == {data_of(payload)["clientPhone"] for payload in rows(Story.BAD_PHONE)}
    assert {"undefined undefined"} == {data_of(payload)["staffName"] for payload in rows(Story.UNDEFINED)}
    for payload in rows(Story.NO_JSON):
        with pytest.raises(json.JSONDecodeError):
            json.loads(payload)


def test_who_is_refused() -> None:
    """Refused mailboxes and numbers are those that the stand-ins refuse, and differ, so that none is suppressed."""
    local = CLOSED_MAILBOX.split("@")[0]
    mailboxes = {data_of(payload)["clientEmail"] for payload in rows(Story.MAILBOX_GONE)}
    assert 60 == len(mailboxes)
    assert all(mailbox.startswith(f"{local}+") for mailbox in mailboxes)
    assert all(data_of(payload)["clientPhone"].startswith(LANDLINES) for payload in rows(Story.NUMBER_REFUSED))


def test_times_of_sending() -> None:
    """`sendAt` lies a few seconds ahead, `expiresAt` behind, both with an offset, at the top of either shape."""
    for payload in rows(Story.LATER):
        ahead = datetime.fromisoformat(json.loads(payload)["sendAt"]) - NOW
        assert timedelta(seconds=2) < ahead < timedelta(seconds=10)
    for payload in rows(Story.EXPIRED):
        assert datetime.fromisoformat(json.loads(payload)["expiresAt"]) < NOW
