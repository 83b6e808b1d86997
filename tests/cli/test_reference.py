"""The generated reference and the example configuration agree with the source, and the example is a valid one."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from notifyd.settings import Need, Settings, load

ROOT = Path(__file__).parents[2]


def test_generated_files_are_up_to_date() -> None:
    """docs/reference/*.md and config/notifyd.toml are what `python docs/reference/generate.py` writes."""
    script = ROOT / "docs" / "reference" / "generate.py"
    result = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == result.returncode, result.stderr


def test_every_key_is_in_the_example() -> None:
    """Each key stands in config/notifyd.toml once, commented out, below a sentence."""
    text = (ROOT / "config" / "notifyd.toml").read_text()
    assert list(Settings.model_fields) == re.findall(r"(?m)^# .+\n#(\w+) = ", text)
    assert {} == tomllib.loads(text)


def test_the_example_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every key uncommented the example is a configuration that can be used."""
    for name in [name for name in os.environ if name.startswith("NOTIFYD_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    text = re.sub(r"(?m)^#(?=\w+ = )", "", (ROOT / "config" / "notifyd.toml").read_text())
    for key in ("templates_dir", "dashboards_dir", "bounce_dir"):  # these must exist
        examples = Settings.model_fields[key].examples
        assert examples
        text = text.replace(examples[0], str(tmp_path))
    path = tmp_path / "notifyd.toml"
    path.write_text(text)
    settings = load(path, Need.SENDING)
    defaults = {key: field.default for key, field in Settings.model_fields.items() if not field.examples}
    assert defaults == {key: getattr(settings, key) for key in defaults}


def test_every_default_is_valid() -> None:
    """Each default would be accepted if somebody wrote it."""
    defaults = {key: field.default for key, field in Settings.model_fields.items() if field.default is not None}
    assert Settings() == Settings(**defaults)
