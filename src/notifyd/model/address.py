"""E-mail addresses and phone numbers: what is one, in which form it is handed to a transport.

Syntax alone; nothing is looked up, nothing is remembered (no caches of personal data). Faults never hold the value.
"""

import re
from functools import cache

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email

from notifyd.model.fault import Fault

_LONGEST_EMAIL = 254  # RFC 3696, erratum 1690
_LONGEST_PHONE = 40  # E.164 has 15 digits; the rest is room for spaces and brackets

# Nearly every address is this plain, and recognising it costs 2 µs where the library takes 50: a tenth of what a whole
# e-mail costs. A property test holds this pattern to the library's answer; what it does not match, the library decides.
_PLAIN = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"  # lower case alone: the library writes Postmaster@ its own way
    r"@(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})"
)
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)

# One number, without letters and extensions. phonenumbers would take `+49…, +49…` for a number with an extension.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE = re.compile(r"\+?\s*[\d(][\d\s()./\u2010-\u2015-]+")


def email_address(field: str, value: object) -> str | None:
    """Read an e-mail address.

    Returns:
        The address in ASCII (the domain in its IDNA form), or None where there is none.

    Raises:
        Fault: if it is no single, bare address, or its local part could only be sent with SMTPUTF8.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Fault(field, "is not text")
    address = value.strip()
    if not address:
        return None
    if len(address) > _LONGEST_EMAIL:
        raise Fault(field, f"is longer than {_LONGEST_EMAIL} characters")
    return address if _is_plain(address) else _checked_by_library(field, address)


def phone_number(field: str, value: object, region: str | None) -> str | None:
    """Read a phone number.

    Args:
        field: Where the value stands, for the fault.
        value: `+…` or `00…`, or a national number where a region is given; separators do not matter.
        region: The country of national numbers, ISO 3166-1 (`DE`), or None.

    Returns:
        The number in E.164 form (`+4915112345678`), or None where there is none.

    Raises:
        Fault: if it is no possible number, or national without a region.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Fault(field, "is not text")
    written = value.strip()
    if not written:
        return None
    if len(written) > _LONGEST_PHONE or _PHONE.fullmatch(written) is None:
        raise Fault(field, "is not a phone number")
    return _e164(field, written, region)


def load() -> None:
    """Read the library's tables of all countries, 90 ms, while files can still be opened.

    It would read each when it is first needed, and would never let go of its lock if that failed.
    """
    phonenumbers.PhoneMetadata.load_all()


def _is_plain_number(number: str) -> bool:
    """Recognise what the library would give back unchanged, from its own tables: 1 µs where parsing takes 20."""
    if _E164.fullmatch(number) is None:
        return False
    for end in (2, 3, 4):  # country codes have one to three digits, and none begins with another
        code = int(number[1:end])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            lengths, trunk = _numbering_plan(code)
            rest = number[end:]
            return len(rest) in lengths and rest[0] != "0" and (trunk is None or trunk.match(rest) is None)
    return False


@cache
def _numbering_plan(code: int) -> tuple[frozenset[int], re.Pattern[str] | None]:
    """Return how long a country's numbers may be, and how a trunk prefix that the library strips begins."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    assert metadata is not None, "every country code has metadata"
    assert metadata.general_desc is not None, "and that says how long numbers are"
    trunk = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(trunk) if trunk else None


def _is_plain(address: str) -> bool:
    plain = _PLAIN.fullmatch(address)
    return plain is not None and plain[1] not in _SPECIAL_ENDINGS


def _checked_by_library(field: str, address: str) -> str:
    try:
        # `.test` is let through (RFC 6761 keeps it for testing): a booking system's staging uses it on purpose
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except ValueError:  # the library's own error, and the UnicodeErrors of IDNA
        raise Fault(field, "is not an e-mail address") from None
    if checked.ascii_email is None:  # pragma: no cover - allow_smtputf8=False promises one
        raise Fault(field, "is not an e-mail address")
    return checked.ascii_email


def _e164(field: str, written: str, region: str | None) -> str:
    international = "+" + written[2:] if written.startswith("00") else written
    if region is None and not international.startswith("+"):
        raise Fault(field, "has no country code: write it as +…, or set phone_region")
    if _is_plain_number(international):
        return international
    try:
        number = phonenumbers.parse(international, region)
    except phonenumbers.NumberParseException:
        raise Fault(field, "is not a phone number") from None
    # What was guessed from a region must be a number in use; of a full one the provider knows more than our tables
    plausible = phonenumbers.is_possible_number if international.startswith("+") else phonenumbers.is_valid_number
    if not plausible(number):
        raise Fault(field, "is not a possible phone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
