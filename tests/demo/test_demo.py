"""The whole demo: it judges itself, survives restarts, leaves nothing behind, and explains why it cannot start."""

import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from demo.running import Demo
from notifyd.demo.home import DemoError, occupy

WELL = "Every job reached its final state, and every message matches the ledger."


def test_it_ends_by_itself_and_again_on_the_same_data(home: Path) -> None:
    """With --for it ends with 0 and a summary; a second run judges its own jobs alone. No person is logged."""
    for _ in range(2):
        with Demo(home, "--for", "3") as demo:
            assert 0 == demo.ready().ended(120), demo.output
            assert WELL in demo.output
            assert [] == demo.survivors()
        log = (home / "data" / "daemon.log").read_text()
        assert "delivery.sent" in log
        assert [] == [personal for personal in ("@", "+1416", "+4917", "+4420", "+6149") if personal in log]
    total = sum(int(figure) for figure in re.findall(r"\d+", demo.output.split("│ all")[1].split("\n")[0]))
    assert 0 < total < 12


def test_the_daemon_can_be_asked_as_announced(home: Path) -> None:
    """The printed command, pasted into a shell elsewhere that has a database of its own, shows the counts."""
    with Demo(home) as demo:
        command, stranger = demo.ready().told("Ask it"), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd="/", env=stranger, capture_output=True, text=True, timeout=60, check=False
        )
    assert (0, "") == (done.returncode, done.stderr)
    assert "completed" in done.stdout


def test_sigterm_ends_all_of_it(home: Path) -> None:
    """SIGTERM ends demo, daemon and PostgreSQL, with exit code 0 and no process left."""
    with Demo(home) as demo:
        demo.ready().process.send_signal(signal.SIGTERM)
        assert 0 == demo.ended(), demo.output
        assert "Stopped." in demo.output
        assert [] == demo.survivors()


def test_interrupted_before_its_end_it_does_not_claim_to_be_well(home: Path) -> None:
    """Ctrl-C ends a run with --for as cleanly, with 1: nothing was judged."""
    with Demo(home, "--for", "60") as demo:
        demo.ready().process.send_signal(signal.SIGINT)
        assert 1 == demo.ended()
        assert "nothing was judged" in demo.output
        assert [] == demo.survivors()


def test_a_second_demo_is_told_what_is_in_its_way(home: Path) -> None:
    """A demo on data in use is told the page of the one that runs, one on a port in use the port; both a way out."""
    with Demo(home) as first:
        url = first.ready().url
        with pytest.raises(DemoError, match=url) as refused, occupy(home / "data"):
            pass
        assert "--data" in str(refused.value)
        port = url.rstrip("/").rpartition(":")[2]
        (home / "other").mkdir()
        with Demo(home / "other", "--port", port) as second:
            assert 1 == second.ended()
            assert f"notifyd: port {port} is in use; --port 0 takes any free one\n" == second.output


def test_a_daemon_that_dies_is_told(home: Path) -> None:
    """When the daemon is killed the demo ends with 1, says so, and stops PostgreSQL."""
    with Demo(home) as demo:
        demo.ready().member("run").kill()
        assert 1 == demo.ended()
        assert "the daemon ended by itself" in demo.output
        assert [] == demo.survivors()


def test_what_a_killed_demo_left_is_cleared_away(home: Path) -> None:
    """After kill -9 the next demo ends the orphaned daemon and server, continues the jobs, and all is well."""
    with Demo(home) as killed:
        daemon = killed.ready().member("run")
        killed.process.kill()
        killed.ended()
        assert daemon.is_running()
        with Demo(home, "--for", "1") as demo:
            assert 0 == demo.ready().ended(120), demo.output
        assert not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE


def test_a_server_that_dies_is_told(home: Path) -> None:
    """When PostgreSQL is killed the demo ends with 1, says so and where its log is, and stops the daemon."""
    with Demo(home) as demo:
        demo.ready().member("-D").kill()
        assert 1 == demo.ended()
        assert "the demo's PostgreSQL went away" in demo.output
        assert "Traceback" not in demo.output
        assert [] == demo.survivors()
