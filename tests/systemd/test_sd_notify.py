"""sd_notify over real datagram sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifyd import sd_notify


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd would listen on."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listener


def test_one_datagram_a_message(supervisor: socket.socket) -> None:
    """Messages arrive whole, in order, one datagram each."""
    sd_notify.notify(sd_notify.READY)
    sd_notify.notify(sd_notify.status("claiming,\n3 jobs in flight"))
    assert [b"READY=1", b"STATUS=claiming, 3 jobs in flight"] == [supervisor.recv(4096), supervisor.recv(4096)]


def test_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading @ is a socket in the abstract namespace."""
    name = f"notifyd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        sd_notify.notify(sd_notify.ALIVE)
        assert b"WATCHDOG=1" == listener.recv(4096)


@pytest.mark.parametrize(
    "address", ["", "relative", "/nowhere/at/all", "@nobody-listens", "/" + "x" * 200, "vsock:2:1"]
)
def test_never_raises(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A supervisor that is not there, or an address of another kind, is no error."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    sd_notify.notify(sd_notify.READY)


def test_full_socket_loses_the_message(supervisor: socket.socket) -> None:
    """A supervisor that does not read cannot hold the loop up: the calls return, and what fitted is there."""
    for _ in range(10_000):
        sd_notify.notify(sd_notify.ALIVE)
    assert b"WATCHDOG=1" == supervisor.recv(4096)


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("60000000", None, 60.0),
        ("500000", "ours", 0.5),
        ("60000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, seconds: float | None
) -> None:
    """The interval is read in seconds; one that is meant for another process is not ours."""
    for name, value in {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "ours" else value)
    assert seconds == sd_notify.watchdog_interval()
