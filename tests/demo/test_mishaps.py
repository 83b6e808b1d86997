"""The stand-ins refuse who is to be refused, and have each bad moment once."""

from notifyd.demo.bookings import CLOSED_MAILBOX, LANDLINES
from notifyd.demo.mishaps import HANGS_UP, TURNS_AWAY, Mishaps
from notifyd.demo.twilio_words import Attempt, Refuse


def test_a_closed_mailbox_is_always_refused() -> None:
    """Every address that begins like the closed mailbox gets 550 5.1.1; others pass."""
    mishaps = Mishaps()
    local, domain = CLOSED_MAILBOX.split("@")
    for _ in range(2):
        assert "550 5.1.1" in str(mishaps.mail_script("rcpt", f"TO:<{local}+1a@{domain}>", 1))
    assert mishaps.mail_script("rcpt", "TO:<ada@example.com>", 1) is None


def test_each_bad_moment_comes_once_and_in_turn() -> None:
    """A stumble waits for its command, happens once, and the next stumble is the next kind."""
    mishaps = Mishaps(HANGS_UP, TURNS_AWAY)
    mishaps.mail_stumbles()
    assert mishaps.mail_script("mail", "", 1) is None
    assert HANGS_UP[1] == mishaps.mail_script("data", "", 1)
    assert mishaps.mail_script("data", "", 2) is None
    mishaps.mail_stumbles()
    assert TURNS_AWAY[1] == mishaps.mail_script("mail", "", 2)


def test_sms_refusals() -> None:
    """A landline is refused for good with 21614; a busy provider says 429 once, naming seconds."""
    mishaps = Mishaps()
    refused = mishaps.sms_script(Attempt(1, f"{LANDLINES}00", "+15005550006", "hello"))
    assert isinstance(refused, Refuse)
    assert (400, 21614) == (refused.status, refused.code)
    mishaps.sms_busy()
    busy = mishaps.sms_script(Attempt(2, "+14165550100", "+15005550006", "hello"))
    assert busy is not None
    assert (429, "1") == (busy.status, busy.retry_after)
    assert mishaps.sms_script(Attempt(3, "+14165550100", "+15005550006", "hello")) is None
