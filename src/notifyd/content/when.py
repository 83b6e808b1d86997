"""When an appointment is, in words, by the salon's clock.

English, with the day before the month and a 24-hour clock; a template that wants it otherwise formats `start` itself.
"""

from dataclasses import dataclass
from datetime import datetime

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # not strftime's, which follow the process's locale


@dataclass(frozen=True, slots=True)
class When:
    """An appointment's time as texts; `{{ when }}` in a template is `text`.

    Attributes:
        text: `Tuesday, 24 November 2026 at 14:30`.
        date: `Tuesday, 24 November 2026`.
        time: `14:30`, with the zone where the clocks show this time twice on that day: `02:30 CET`.
        until: The end: `15:15`, or as `text` where it is on another day; empty where it is not known.
        zone: `CET`, or `UTC+10:30` for a zone without a name of letters.
        short: `Tue 24 Nov at 14:30`, for an SMS.
    """

    text: str
    date: str
    time: str
    until: str
    zone: str
    short: str

    def __str__(self) -> str:
        return self.text


def tell(start: datetime, end: datetime | None) -> When:
    """Put an appointment's time into words.

    Args:
        start: When it begins, in the salon's zone.
        end: When it ends, in the same zone, if that is known.
    """
    date, time = _date(start), _time(start)
    short = f"{_DAYS[start.weekday()][:3]} {start.day} {_MONTHS[start.month - 1][:3]} at {time}"
    return When(f"{date} at {time}", date, time, _until(start, end), _zone(start), short)


def as_written(text: str) -> When:
    """Take the booking system's own words for it, where there is nothing to reckon with."""
    return When(text=text, date=text, time="", until="", zone="", short=text)


def _date(moment: datetime) -> str:
    return f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _time(moment: datetime) -> str:
    clock = f"{moment.hour:02}:{moment.minute:02}"
    twice = moment.replace(fold=1 - moment.fold).utcoffset() != moment.utcoffset()
    return f"{clock} {_zone(moment)}" if twice else clock


def _until(start: datetime, end: datetime | None) -> str:
    if end is None or end == start:
        return ""
    return _time(end) if end.date() == start.date() else f"{_date(end)} at {_time(end)}"


def _zone(moment: datetime) -> str:
    name = moment.tzname() or ""
    if name.isalpha():
        return name
    offset = moment.strftime("%z")  # +1030
    return f"UTC{offset[:3]}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
