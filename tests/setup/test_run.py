"""The script `run`: what it says to somebody whose machine lacks something, and what it does when a check fails."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "run"


def run(*arguments: str, script: Path = SCRIPT, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """Start the script in a Python that has been tampered with by the statements in `before`."""
    start = f"import runpy, sys; sys.argv[1:] = {list(arguments)!r}; {before}"
    start += f"; runpy.run_path({str(script)!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a copy of the script and of what it reads, without an environment."""
    for name in ("run", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_help_names_every_verb() -> None:
    """Somebody who asks for help learns all that it can do, without an installation."""
    done = run("help")
    assert 0 == done.returncode
    for verb in ("demo", "notifyd", "test", "check", "bench", "chaos", "lock"):
        assert f"./run {verb}" in done.stdout


def test_an_unknown_verb_is_wrong_usage() -> None:
    """A typing error names the verbs, exits with 2 and installs nothing."""
    done = run("tset")
    assert (2, "") == (done.returncode, done.stdout)
    assert "does not know 'tset'" in done.stderr


def test_an_old_python_is_told_so() -> None:
    """An old Python gets one line, not a SyntaxError or a traceback."""
    done = run("test", before="sys.version_info = (3, 9, 2, 'final', 0)")
    assert 1 == done.returncode
    assert "needs Python 3.11 or newer, and this is Python 3.9" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_old_syntax_is_enough_to_read_it() -> None:
    """The line about an old Python is reached by one: nothing in the file is newer than Python 3.7's grammar."""
    compile_it = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 7))"
    subprocess.run([sys.executable, "-c", compile_it, str(SCRIPT)], check=True, timeout=60)


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_missing_venv_is_named_with_its_cure(checkout: Path, module: str) -> None:
    """Debian splits the module off; its users are told the package."""
    hide = "import importlib.util as u; real = u.find_spec"
    hide += f"; u.find_spec = lambda name, *more: None if name == {module!r} else real(name, *more)"
    done = run("test", script=checkout / "run", before=hide)
    assert 1 == done.returncode
    assert "apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_change_of_requirements_or_of_place_is_noticed(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The environment is renewed when pyproject.toml or the lock changes, and when the checkout was moved."""
    moved = tmp_path_factory.mktemp("moved") / "checkout"
    seen = {_fingerprint(checkout)}
    with (checkout / "pyproject.toml").open("a") as pyproject:
        pyproject.write("\n# changed\n")
    seen.add(_fingerprint(checkout))
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    seen.add(_fingerprint(checkout))
    shutil.copytree(checkout, moved)
    seen.add(_fingerprint(moved))
    assert 4 == len(seen)


def _fingerprint(checkout: Path) -> str:
    names: dict[str, Any] = runpy.run_path(str(checkout / "run"))
    fingerprint: Callable[[Path], str] = names["fingerprint"]
    return fingerprint(names["SMALL"])


@pytest.mark.parametrize(("codes", "expected"), [((0, 0, 0), 0), ((0, 3, 0), 1)])
def test_check_goes_on_after_a_failure_and_fails(checkout: Path, codes: tuple[int, ...], expected: int) -> None:
    """Every step is run and named in the summary; one failure is enough to fail."""
    patch = (
        "import pathlib, runpy, sys; check = runpy.run_path(sys.argv[1])['check']; names = check.__globals__",
        f"names['CHECKS'] = [('step', ['-c', f'raise SystemExit({{code}})']) for code in {codes!r}]",
        "names['set_up'] = lambda lock: None",
        "names['PYTHON'] = pathlib.Path(sys.executable)",
        "sys.exit(check([]))",
    )
    command = [sys.executable, "-c", "\n".join(patch), str(checkout / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert expected == done.returncode
    summary = done.stdout.partition("──\n")[2]
    assert ["ok" if code == 0 else "FAILED" for code in codes] == [line.split()[0] for line in summary.splitlines()]
