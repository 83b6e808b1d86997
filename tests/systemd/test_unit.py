"""The unit file of the service, judged by the tools of systemd."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notifyd.settings import Settings

UNIT = Path(__file__).parents[2] / "systemd" / "notifyd.service"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60, check=False)


def value(key: str) -> str:
    """Return what the unit says for a key that it has once."""
    (found,) = re.findall(rf"(?m)^{key}=(.*)$", UNIT.read_text())
    return str(found)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine."""
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable} -m notifyd", UNIT.read_text()))
    return unit


@needs_systemd
def test_systemd_has_no_complaint(installed: Path) -> None:
    """Every key is known and every value understood: `verify` exits 0 even on unknown keys, so its words count."""
    result = analyze("verify", str(installed))
    assert (0, "") == (result.returncode, result.stderr)


@needs_systemd
def test_a_complaint_would_be_seen(installed: Path) -> None:
    """The test above can fail: a misspelt key shows up on standard error."""
    installed.write_text(installed.read_text().replace("ProtectClock=", "ProtectClok="))
    assert "ProtectClok" in analyze("verify", str(installed)).stderr


@needs_systemd
def test_exposure_is_low() -> None:
    """`systemd-analyze security` rates the unit no worse than 1.5."""
    result = analyze("security", "--offline=true", "--threshold=15", str(UNIT))
    assert 0 == result.returncode, result.stdout


def test_a_stop_has_time_to_drain() -> None:
    """The kill comes later than the default grace leaves to the work in flight."""
    assert int(value("TimeoutStopSec")) > Settings.model_fields["grace"].default.total_seconds()


def test_a_wrong_configuration_is_not_retried() -> None:
    """Exit code 2 ends the service instead of starting it for ever."""
    assert ("always", "2") == (value("Restart"), value("RestartPreventExitStatus"))


def test_credentials_are_keys() -> None:
    """Each credential in the examples is a key that `notifyd` reads from $CREDENTIALS_DIRECTORY."""
    named = re.findall(r"(?m)^#LoadCredential=notifyd_(\w+):", UNIT.read_text())
    assert "smtp_password" in named
    assert set() == set(named) - Settings.model_fields.keys()
