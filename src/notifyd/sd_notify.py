"""Tells systemd how the service is, one datagram a message (sd_notify(3)); does nothing where nobody asked.

Never raises: a supervisor that cannot be told is no reason to stop sending. Datagrams are not awaited, so a full
socket loses the message rather than stopping the loop.
"""

import os
import socket
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def status(text: str) -> str:
    """Build the message that puts one line beside the service in `systemctl status`."""
    return "STATUS=" + " ".join(text.split())


def notify(state: str) -> None:
    """Send one message.

    Args:
        state: One or several assignments such as `READY`, separated by line feeds.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace, unix(7)
    with (
        suppress(OSError, ValueError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.setblocking(False)
        sender.sendto(state.encode(), address)


def watchdog_interval() -> float | None:
    """Return the seconds within which `ALIVE` has to be sent again and again, or None without a watchdog.

    Half of this is a good rhythm (sd_watchdog_enabled(3)). The request may be meant for another process of the
    service: then it is not ours to answer.
    """
    try:
        seconds = int(os.environ["WATCHDOG_USEC"]) / 1_000_000
        meant_for = int(os.environ.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    return seconds if seconds > 0 and meant_for == os.getpid() else None
