"""What was heard, and what it overtakes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifyd.web.revisions import Revisions

WORDS = st.sampled_from(["salon-1", "salon-2", "x"])


def test_a_word_overtakes_what_depends_on_it() -> None:
    """What began before the word is out of date; what began after it, or hangs on another word, is not."""
    revisions = Revisions()
    before = revisions.latest
    revisions.hear("salon-1")
    assert revisions.overtaken(before, ["salon-1", "place"])
    assert not revisions.overtaken(before, ["salon-2"])
    assert not revisions.overtaken(revisions.latest, ["salon-1"])


@pytest.mark.parametrize(
    "spelt",
    [
        "1B4E28BA-2FA1-41D2-883F-B9A761BDE3FB",
        "1b4e28ba2fa141d2883fb9a761bde3fb",
        "{1b4e28ba-2fa1-41d2-883f-b9a761bde3fb}",
    ],
)
def test_a_uuid_is_one_word(spelt: str) -> None:
    """Whoever spells it in another way, in the query or in the notification, means the same salon."""
    canonical = "1b4e28ba-2fa1-41d2-883f-b9a761bde3fb"
    for heard, asked in ((canonical, spelt), (spelt, canonical)):
        revisions = Revisions()
        before = revisions.latest
        revisions.hear(heard)
        assert revisions.overtaken(before, [asked])
        assert not revisions.overtaken(before, [canonical.replace("1", "2"), "1b4e28ba"])


def test_everything() -> None:
    """After a reconnect nobody knows what was missed: all that began before is out of date."""
    revisions = Revisions()
    before = revisions.latest
    revisions.hear_everything()
    assert revisions.overtaken(before, [])
    assert not revisions.overtaken(revisions.latest, ["salon-1"])


@example(["salon-1", "salon-2", "x"], "salon-1", 0)
@given(st.lists(WORDS | st.none(), max_size=30), WORDS, st.integers(0, 30))
def test_forgetting_words_errs_on_the_safe_side(heard: list[str | None], word: str, began: int) -> None:
    """With room for two words as with room for all: an answer that was overtaken never counts as good."""
    roomy, narrow = Revisions(most=100), Revisions(most=2)
    marks = [0]
    for one in heard:
        for revisions in (roomy, narrow):
            if one is None:
                revisions.hear_everything()
            else:
                revisions.hear(one)
        marks.append(roomy.latest)
    revision = marks[min(began, len(heard))]
    overtaken = None in heard[min(began, len(heard)) :] or word in heard[min(began, len(heard)) :]
    assert overtaken == roomy.overtaken(revision, [word])
    assert not overtaken or narrow.overtaken(revision, [word])
    assert not narrow.overtaken(narrow.latest, [word])


def test_words_take_bounded_room() -> None:
    """Whoever can notify cannot fill the memory with words that nobody waits for."""
    revisions = Revisions(most=10)
    for number in range(1_000):
        revisions.hear(str(number))
    assert 10 == len(revisions._heard)
