"""What an SMS costs, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.content.sms import Alphabet, SmsSize, fold, measure

GSM, UCS = Alphabet.GSM_7, Alphabet.UCS_2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", SmsSize(GSM, 0, 1, ())),
        ("a" * 160, SmsSize(GSM, 160, 1, ())),
        ("a" * 161, SmsSize(GSM, 161, 2, ())),
        ("a" * 306, SmsSize(GSM, 306, 2, ())),
        ("a" * 307, SmsSize(GSM, 307, 3, ())),
        ("Grüße von Åsa & José", SmsSize(GSM, 20, 1, ())),
        ("10 €", SmsSize(GSM, 5, 1, ("€",))),
        ("{[~]}", SmsSize(GSM, 10, 1, ("{", "[", "~", "]", "}"))),
        ("a" * 159 + "€", SmsSize(GSM, 161, 2, ("€",))),
        ("a" * 152 + "€" + "a" * 152, SmsSize(GSM, 306, 3, ("€",))),  # the escape is not parted from its character
        ("“hi” \u2013 “ho”", SmsSize(UCS, 11, 1, ("“", "”", "\u2013"))),
        ("ő" * 70, SmsSize(UCS, 70, 1, ("ő",))),
        ("ő" * 71, SmsSize(UCS, 71, 2, ("ő",))),
        ("💇" * 35, SmsSize(UCS, 70, 1, ("💇",))),
        ("💇" * 36, SmsSize(UCS, 72, 2, ("💇",))),
        ("💇" * 67, SmsSize(UCS, 134, 3, ("💇",))),  # 33 whole ones fit in 67 units
    ],
)
def test_measure(body: str, expected: SmsSize) -> None:
    """Alphabet, units, segments and culprits, at each edge."""
    assert expected == measure(body)


@given(st.text())
def test_segments_hold_the_units(body: str) -> None:
    """No segment is overfull, and none is wasted but for a character that cannot be cut."""
    size = measure(body)
    room = 153 if size.alphabet is GSM else 67
    if size.segments > 1:
        assert (size.segments - 1) * (room - 1) < size.units <= size.segments * room
    else:
        assert size.units <= (160 if size.alphabet is GSM else 70)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("You\u2019re booked \u2013 \u201csee you\u201d\u2026", 'You\'re booked - "see you"...'),
        ("at\u00a014:30\u200b", "at 14:30"),
        ("Ágnes\u2019s", "Ágnes\u2019s"),  # Á makes it UCS-2 anyway: nothing to win
        ("Jürgen", "Jürgen"),
    ],
)
def test_fold_only_where_it_pays(body: str, expected: str) -> None:
    """Quotes and dashes give way to one segment of GSM-7; names never change."""
    assert expected == fold(body)


@given(st.text())
def test_fold_never_makes_it_longer_to_send(body: str) -> None:
    """Folding costs no segment."""
    assert measure(fold(body)).segments <= measure(body).segments
