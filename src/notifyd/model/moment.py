"""Times and zones as booking systems write them: ISO 8601, with `Z`, an offset, or none (the salon's local time).

Faults name the field. Nothing here asks what time it is.
"""

from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from notifyd.model.fault import Fault

_LONGEST = 40  # 2026-11-24T14:30:00.123456789+01:00 has 35


def time_zone(field: str, value: object) -> ZoneInfo | None:
    """Read the name of a time zone.

    Returns:
        The zone, or None where none is named.

    Raises:
        Fault: if the IANA database has no zone of that name.
    """
    if value is None or value == "":
        return None
    # The list, not the file system, says what a zone is: `localtime` and `../../etc/passwd` are none.
    if not isinstance(value, str) or value not in _zone_names():
        raise Fault(field, "is not an IANA time zone such as Europe/Berlin")
    return _zone(value)


def read(field: str, value: object, zone: ZoneInfo | None) -> datetime | None:
    """Read a moment.

    A local time that a change of the clocks skips is read with the offset before the change, and one that occurs twice
    means the first of the two (RFC 5545, section 3.3.5).

    Args:
        field: Where the value stands, for the fault.
        value: ISO 8601 text with a time of day.
        zone: The salon's zone: that of the answer, and of a text without an offset.

    Returns:
        The moment in `zone` (in its own offset where there is no zone); None where there is none, or where it has no
        offset and there is no zone to read it in.

    Raises:
        Fault: if it cannot be read, or lies beyond the years 1 to 9999.
    """
    if value is None or value == "":
        return None
    moment = _parsed(field, value)
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC).astimezone(zone or moment.tzinfo)
    except (OverflowError, ValueError):
        raise Fault(field, "lies beyond the years that can be reckoned with") from None


def _parsed(field: str, value: object) -> datetime:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Fault(field, "is not an ISO 8601 time such as 2026-11-24T14:30:00+01:00")
    text = value.strip().upper()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Fault(field, "is not an ISO 8601 time such as 2026-11-24T14:30:00+01:00") from None
    if "T" not in text and " " not in text and _is_date(text):
        raise Fault(field, "is a date without a time of day")
    return moment


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
