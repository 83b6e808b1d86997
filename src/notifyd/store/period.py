"""The calendar of a dashboard, in SQL: month bounds by the salon's wall clock, as `timestamptz`.

    current     [current_start, next_start)        the calendar month of `now`
    previous    [previous_start, current_start)    the whole month before
    to date     [current_start, now) beside [previous_start, previous_to_date)

Months are half-open. They begin at the first instant whose local day is the first of a month: an hour that occurs twice
belongs to it from its first time on, and a midnight that the clocks skip is the moment of the change (RFC 5545, section
3.3.5). The span of the month so far is measured by the wall clock, in days, hours and minutes, and ends with the
previous month where that is shorter: on 31 March at noon all of February stands beside the month so far.
"""

from collections.abc import Mapping

_HOUR = "interval '1 hour'"


def period(zone: str, now: str, days: Mapping[str, str], names: list[str]) -> str:
    """Return the CTEs that end in `notifyd_period`: one row, or none where the zone's statement finds none.

    Behind it stands `notifyd_spans`: both months in four pieces, in the order of `model.comparison.SPANS`.

    Args:
        zone: A statement with a column `timezone`. What is no zone of the server's is UTC.
        now: A `timestamptz` expression, null for the database's clock.
        days: `date` expressions, by the parameter they come from; each gives the beginning of the day, and its end.
        names: The zones that the server has.
    """
    bounds = {
        "previous_start": "l.month - interval '1 month'",
        "current_start": "l.month",
        "next_start": "l.month + interval '1 month'",
        "previous_to_date": "least(l.clock - l.month + (l.month - interval '1 month'), l.month)",
    }
    for name, day in days.items():
        bounds |= {name: f"{day}::timestamp", f"{name}_end": f"({day} + 1)::timestamp"}
    columns = ",\n    ".join(f'{_first(local)} as "{name}"' for name, local in bounds.items())
    known = "{" + ",".join(names) + "}"
    return f"""
notifyd_zone as (
    select case when z.timezone::text = any('{known}'::text[]) then z.timezone::text else 'UTC' end as timezone,
        coalesce({now}, now()) as now
    from (
{zone}
    ) z limit 1
), notifyd_local as materialized (
    select timezone, now, now at time zone timezone as clock, date_trunc('month', now at time zone timezone) as month
    from notifyd_zone
), notifyd_period as materialized (
    select l.timezone, l.now,
    {columns}
    from notifyd_local l
), notifyd_spans as materialized (
    select s.* from notifyd_period p cross join lateral (values
        (0, p.previous_start, p.previous_to_date), (1, p.previous_to_date, p.current_start),
        (2, p.current_start, p.now), (3, p.now, p.next_start)
    ) s (number, since, until)
)"""  # noqa: S608 - names of zones and parameters are letters and digits; the rest was written by an operator


def _first(local: str) -> str:
    """Return the first instant of a local time. Of two PostgreSQL takes the second; clocks go back by an hour."""
    instant = f"(({local}) at time zone l.timezone)"
    earlier = f"({instant} - {_HOUR})"
    return f"case when {earlier} at time zone l.timezone = ({local}) then {earlier} else {instant} end"
