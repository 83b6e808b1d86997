"""The lock files: whole, pinned with hashes, and free of any machine's peculiarities."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
ASKED = {
    "requirements.lock": [
        *PYPROJECT["project"]["dependencies"],
        *EXTRAS["demo"],
        *PYPROJECT["build-system"]["requires"],
    ],
    "requirements-test.lock": [*PYPROJECT["project"]["dependencies"], *EXTRAS["demo"], *EXTRAS["test"]],
}

_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)( ; [^\\]+)?( \\)?$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock file."""
    found = (_PIN.match(line) for line in (ROOT / name).read_text().splitlines())
    return {match["name"]: match["version"] for match in found if match}


@pytest.mark.parametrize("name", ASKED)
def test_holds_every_dependency(name: str) -> None:
    """What pyproject.toml asks for is pinned, to a release that it allows."""
    locked = pins(name)
    wanted = [Requirement(text) for text in ASKED[name]]
    missing = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert [] == missing, "./run lock brings them in"


@pytest.mark.parametrize("name", ASKED)
def test_is_nothing_but_pins_and_hashes(name: str) -> None:
    """Every line is a pin or a hash: no index, no URL, no path; and no pin is without a hash."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    assert [] == [line for line in lines if not _PIN.match(line) and not _HASH.match(line)]
    assert [] == [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if _PIN.match(line) and not _HASH.match(after)
    ]


def test_the_small_one_is_part_of_the_full_one() -> None:
    """A checkout that ran the demonstration first and then the tests keeps every release."""
    small, full = pins("requirements.lock"), pins("requirements-test.lock")
    assert {} == {name: version for name, version in small.items() if full.get(name) != version}
