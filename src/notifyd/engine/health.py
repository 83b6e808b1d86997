"""Feeds systemd's watchdog from the progress of the claim loop, and keeps the status line of the service true."""

import anyio

from notifyd import sd_notify
from notifyd.vitals import Vitals

STATUS_EVERY = 5.0
"""Seconds between two status lines."""


async def tell_systemd(vitals: Vitals) -> None:
    """Report, for ever. A claim loop that no longer turns is not reported alive, and systemd restarts the daemon."""
    limit = sd_notify.watchdog_interval()
    rhythm = min(STATUS_EVERY, limit / 2) if limit else STATUS_EVERY
    while True:
        silent_for = anyio.current_time() - vitals.turned_at
        alive = limit is not None and (vitals.draining or silent_for < limit)
        sd_notify.notify("\n".join([sd_notify.status(status(vitals)), *([sd_notify.ALIVE] if alive else [])]))
        await anyio.sleep(rhythm)


def status(vitals: Vitals) -> str:
    """Return the state of the daemon in one line, for `systemctl status`."""
    parts = [f"{vitals.in_flight}/{vitals.slots} in flight", f"{vitals.claimed_total} claimed since the start"]
    if vitals.draining:
        parts.append("draining")
    if not vitals.database_ok:
        parts.append("the database is away")
    elif not vitals.listening:
        parts.append("not listening, polling only")
    parts.extend(f"{channel} paused: {reason}" for channel, reason in vitals.pauses.items())
    return "; ".join(parts)
