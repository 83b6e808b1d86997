"""The judge of the crash-point suite finds what it is there to find."""

from dataclasses import replace

import pytest

from crash.judge import complaints
from crash.outcomes import Outcome, outcome
from crash.run import Row, Seen
from crash.scenarios import SCENARIOS, Expected, Scenario

FINE, LAST, CANCELLED = (
    next(each for each in SCENARIOS if each.name == name)
    for name in ("both fine", "last attempt", "cancelled meanwhile")
)
SMS_FAILS = next(each for each in SCENARIOS if each.expected["sms"] is Expected.NEVER)
ROW = Row("completed", attempts=1, max_attempts=5, error="", leases=0, scheduled=0)
SENT = ["intended", "sent"]
GOOD = Seen((), True, ROW, {"email": SENT, "sms": SENT}, ("<a@b>",), 1)
LAST_ROW = Row("failed", attempts=1, max_attempts=1, error="attempts used up (1 of 1)", leases=0, scheduled=0)
USED_UP = Seen((), True, LAST_ROW, {}, (), 0)
AGAIN = ["intended", "unknown", "intended", "sent"]


@pytest.mark.parametrize(
    ("scenario", "seen"),
    [
        (FINE, GOOD),
        (FINE, replace(GOOD, mails=("<a@b>", "<a@b>"), history={"email": AGAIN, "sms": SENT})),
        (LAST, USED_UP),
        (CANCELLED, replace(GOOD, row=replace(ROW, status="cancelled"), history={}, mails=(), texts=0)),
        (SMS_FAILS, replace(GOOD, history={"email": SENT, "sms": ["intended", "failed"]}, texts=0)),
    ],
)
def test_what_is_promised_is_not_complained_of(scenario: Scenario, seen: Seen) -> None:
    """Runs as they should be."""
    assert [] == complaints(scenario, seen)


@pytest.mark.parametrize(
    ("scenario", "seen", "words"),
    [
        (FINE, replace(GOOD, row=replace(ROW, status="processing", leases=1)), "lost: Row"),
        (FINE, replace(GOOD, row=replace(ROW, scheduled=1)), "lost: Row"),
        (FINE, replace(GOOD, row=replace(ROW, status="held")), "held"),
        (FINE, replace(GOOD, row=replace(ROW, attempts=6)), "attempt 6 of 5"),
        (FINE, replace(GOOD, mails=()), "email: lost: the ledger says sent"),
        (FINE, replace(GOOD, texts=0, history={"email": SENT}), "sms: lost: never received"),
        (FINE, replace(GOOD, texts=2), "sms: duplicate: 2 SMS"),
        (FINE, replace(GOOD, texts=2, history={"email": SENT, "sms": AGAIN}), "sms: duplicate: 2 SMS"),
        (FINE, replace(GOOD, mails=("<a@b>", "<a@b>")), "email: duplicate: 2 e-mails, 0 on record"),
        (FINE, replace(GOOD, mails=("<a@b>", "<c@b>"), history={"email": AGAIN, "sms": SENT}), "2 Message-IDs"),
        (FINE, replace(GOOD, history={"email": [*SENT, "intended", "sent"], "sms": SENT}), "from sent to intended"),
        (FINE, replace(GOOD, history={"email": ["intended", "unknown"], "sms": SENT}), "email: still in doubt"),
        (LAST, replace(USED_UP, row=replace(LAST_ROW, error="")), "email: lost: never received"),
        (LAST, replace(USED_UP, history={"sms": ["intended", "unknown"]}), "sms: still in doubt"),
        (SMS_FAILS, GOOD, "sms: received 1 times, and should not be"),
        (CANCELLED, GOOD, "completed, though the booking system has cancelled it"),
        (FINE, replace(GOOD, broken=("a stale daemon has written",)), "a stale daemon has written"),
    ],
)
def test_what_is_wrong_is_complained_of(scenario: Scenario, seen: Seen, words: str) -> None:
    """Runs with one thing wrong each."""
    assert [words] == [words for each in complaints(scenario, seen) if words in each][:1]


def test_every_outcome_has_its_word() -> None:
    """What the page calls an outcome is what was received, what the ledger says, and what the row says."""
    doubted = replace(GOOD, history={"email": ["intended", "unknown"]})
    refused = replace(GOOD, mails=(), history={"email": ["intended", "failed"]})
    called_off = replace(GOOD, mails=(), history={}, row=replace(ROW, status="cancelled"))
    assert Outcome.ONCE == outcome("email", GOOD)
    assert Outcome.TWICE == outcome("email", replace(GOOD, mails=("<a@b>", "<a@b>")))
    assert Outcome.DOUBTED == outcome("email", doubted)
    assert Outcome.UNSENT == outcome("email", replace(doubted, mails=()))
    assert Outcome.REFUSED == outcome("email", refused)
    assert Outcome.REFUSED == outcome("email", replace(called_off, row=replace(ROW, error="its time has passed")))
    assert Outcome.CALLED_OFF == outcome("email", called_off)
    assert Outcome.WRONG == outcome("email", replace(called_off, row=ROW))
