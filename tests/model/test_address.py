"""Which texts are an e-mail address or a phone number, and in which form they are used."""

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.address import _is_plain, _is_plain_number, email_address, phone_number
from notifyd.model.fault import Fault

GOOD_ADDRESSES = [
    ("anna@example.com", "anna@example.com"),
    ("  Anna.Schmidt+cut@Example.COM ", "Anna.Schmidt+cut@example.com"),
    ("anna@bücher.example.com", "anna@xn--bcher-kva.example.com"),
    ("o'neill@example.com", "o'neill@example.com"),
    ("anna@salon.test", "anna@salon.test"),
]


@pytest.mark.parametrize(("written", "expected"), GOOD_ADDRESSES)
def test_an_address_is_used_in_ascii(written: str, expected: str) -> None:
    """White space around it is dropped, the domain is lower case and IDNA."""
    assert expected == email_address("f", written)


@pytest.mark.parametrize(
    "written",
    [
        *("anna", "anna@", "@example.com", "a@x, b@y", "a@example.com,b@example.com", "a@example.com b@example.com"),
        *(
            "Anna <anna@example.com>",
            "anna@example.com\r\nBcc: b@example.com",
            "an\x00na@example.com",
            "\ud800@example.com",
        ),
        *(
            "müller@example.com",
            "undefined",
            "a@localhost",
            "a@[127.0.0.1]",
            '"a b"@example.com',
            "a@-example.com",
            "a@ab--c.example.com",
        ),
        *("a@" + "x" * 300 + ".com", "a..b@example.com", "=?utf-8?q?a?=@exa mple.com", 7, ["a"]),
    ],
)
def test_what_is_no_single_bare_address_is_a_fault(written: object) -> None:
    """The fault names the field, and says nothing of the value."""
    with pytest.raises(Fault) as caught:
        email_address("payload.clientEmail", written)
    assert "payload.clientEmail" == caught.value.field
    assert str(written) not in str(caught.value)


LETTERS = st.text("aB1-_+.@x", min_size=1, max_size=70)


@given(st.from_regex(r"[a-z0-9_+.-]{1,66}@[a-z0-9.-]{1,70}\.(com|test|local|xn--p1ai|c|de)", fullmatch=True) | LETTERS)
def test_the_short_cut_agrees_with_the_library(address: str) -> None:
    """An address that is taken for plain is one for email-validator too, and in the same form."""
    if not _is_plain(address):
        return
    try:
        expected = validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError as error:  # pragma: no cover - this is the failure
        pytest.fail(str(error))
    assert expected == address


def test_the_short_cut_is_taken() -> None:
    """Ordinary addresses do not pay for the library."""
    assert _is_plain("anna.schmidt@mail.example.com")


GOOD_NUMBERS = [
    ("+49 151 123 456 78", None, "+4915112345678"),
    ("0049 (0)151/12345678", None, "+4915112345678"),
    ("0151-12345678", "DE", "+4915112345678"),
    ("(415) 555-0123", "US", "+14155550123"),
    (15112345678, "DE", "+4915112345678"),
    ("+1 500 555 0006", None, "+15005550006"),  # Twilio's number for tests
]


@pytest.mark.parametrize(("written", "region", "expected"), GOOD_NUMBERS)
def test_a_number_is_used_in_e164_form(written: object, region: str | None, expected: str) -> None:
    """Separators do not matter; a national number is understood where a region is given."""
    assert expected == phone_number("f", written, region)


@pytest.mark.parametrize(
    ("written", "region", "problem"),
    [
        ("0151 12345678", None, "has no country code: write it as +…, or set phone_region"),
        (4915112345678, None, "has no country code: write it as +…, or set phone_region"),
        ("+49 151 12345678, +49 151 87654321", None, "is not a phone number"),
        ("+1 800 FLOWERS", "US", "is not a phone number"),
        ("+4930123456;ext=5", None, "is not a phone number"),
        ("undefined", "DE", "is not a phone number"),
        ("+" + "1" * 100_000, None, "is not a phone number"),
        ("+999 1234567", None, "is not a phone number"),
        ("+1 12345", None, "is not a possible phone number"),
        ("012", "DE", "is not a possible phone number"),
        ("+49\x00151", None, "is not a phone number"),
        (-5, "DE", "is not a phone number"),
        (True, "DE", "is not text"),
        ({}, "DE", "is not text"),
        (1.5e10, "DE", "is not text"),
    ],
)
def test_what_is_no_number_is_a_fault(written: object, region: str | None, problem: str) -> None:
    """Letters, extensions, two numbers in one and numbers of no country are not guessed at."""
    with pytest.raises(Fault) as caught:
        phone_number("payload.clientPhone", written, region)
    assert f"payload.clientPhone: {problem}" == str(caught.value)


@pytest.mark.parametrize("absent", [None, "", " "])
def test_nothing_is_no_fault(absent: str | None) -> None:
    """An address that is not there is not malformed."""
    assert (None, None) == (email_address("f", absent), phone_number("f", absent, None))


@given(st.from_regex(r"\A\+(1|7|20|27|3[0-9]|4[0-9]|5[0-9]|6[0-6]|8[0-9]|9[0-9]|[0-9]{3})[0-9]{4,12}\Z"))
def test_a_plain_number_is_what_the_library_gives_back_unchanged(number: str) -> None:
    """The shortcut takes a number only if the library finds it possible and writes it the same way."""
    if _is_plain_number(number):
        parsed = phonenumbers.parse(number, None)
        assert phonenumbers.is_possible_number(parsed)
        assert number == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def test_ordinary_numbers_are_plain() -> None:
    """The shortcut is taken for what nearly every row holds."""
    assert all(_is_plain_number(number) for number in ("+4915112345678", "+14155550123", "+442079460018"))
