"""`notifyd demo` where its extra is not installed."""

import subprocess
import sys
from pathlib import Path

_WITHOUT = """
import sys
sys.modules["aiosmtpd"] = None  # what an import finds where a package is not installed
sys.argv = ["notifyd", "demo", "--for", "1"]
from notifyd.cli import main
main()
"""


def test_missing_extra(tmp_path: Path) -> None:
    """The way to get it is told, in a checkout and elsewhere, without a traceback."""
    command = [sys.executable, "-c", _WITHOUT]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (1, "") == (result.returncode, result.stdout)
    assert result.stderr.startswith("notifyd: the demo needs aiosmtpd, which is not installed")
    assert "`./run`" in result.stderr
    assert "pip install 'notifyd[demo]'" in result.stderr
