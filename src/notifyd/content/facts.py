"""The names that templates may use, and what they stand for.

Facts have the names that the payload gives them (`clientName`, …) and are empty where the payload has none, so that
`{% if staffName %}` works. Beside them: `when`, `start`, `end`, `type`, and `data`, the whole data object, for keys
that only the operator's own templates know. `subject` and `text` are there for `email.html`.
"""

from datetime import datetime
from typing import NoReturn

from notifyd.content.when import When, as_written, tell
from notifyd.model.fault import Fault
from notifyd.model.job import Job
from notifyd.model.payload import Booking


class NoTime:
    """Stands for a time that the row does not have: false, and a fault for the template that needs it all the same."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        raise self._fault

    def __getattr__(self, name: str) -> NoReturn:
        raise self._fault


def facts(job: Job, booking: Booking) -> dict[str, object]:
    """Return the names for the templates of one job."""
    when, start, end = _times(booking)
    return {
        "type": job.type,
        "clientName": booking.client_name,
        "serviceName": booking.service_name,
        "staffName": booking.staff_name,
        "salonName": booking.salon_name,
        "salonAddress": booking.salon_address,
        "salonEmail": booking.reply_to or "",
        "dateTime": booking.date_time,
        "when": when,
        "start": start,
        "end": end,
        "data": booking.data,
    }


def _times(booking: Booking) -> tuple[When | NoTime, datetime | NoTime, datetime | NoTime]:
    """Tell the time from `startTime` and the zone; the preformatted `dateTime` is the fallback."""
    if booking.start is not None and booking.zone is not None:
        no_end = NoTime(Fault(f"{booking.path}.endTime", "is missing, and the template needs it"))
        return tell(booking.start, booking.end), booking.start, no_end if booking.end is None else booking.end
    nothing = NoTime(_fault(booking))
    return as_written(booking.date_time) if booking.date_time else nothing, nothing, nothing


def _fault(booking: Booking) -> Fault:
    if booking.data.get("startTime"):
        return Fault(f"{booking.path}.salonTimezone", "is missing: without it startTime is not the salon's time")
    return Fault(f"{booking.path}.startTime", "is missing, and so is dateTime")
