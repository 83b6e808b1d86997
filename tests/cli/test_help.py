"""Help, version and wrong usage."""

from importlib.metadata import version

import pytest

from support.command_line import CommandLine

VERBS = ["run", "migrate", "check", "stats", "indexes", "bounce", "preview", "demo"]


def test_version(notifyd: CommandLine) -> None:
    """`--version` prints the version that is installed, and nothing else."""
    answer = notifyd("--version")
    assert (0, f"notifyd {version('notifyd')}\n", "") == (answer.code, answer.out, answer.err)


def test_verbs_are_listed(notifyd: CommandLine) -> None:
    """The help names every verb of the interface, each with a sentence."""
    lines = notifyd("--help").out.partition("Commands:")[2].strip().splitlines()
    assert VERBS == [line.split()[0] for line in lines]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(notifyd: CommandLine, verb: str) -> None:
    """`--help` of every verb shows an example that one can copy."""
    answer = notifyd(verb, "--help")
    assert 0 == answer.code
    assert f"\n  Examples:\n    notifyd {verb}" in answer.out


@pytest.mark.parametrize(
    "arguments",
    [("unknown-verb",), ("run", "--no-such-option"), ("migrate", "everything"), ("preview",), ("demo", "--for", "x")],
)
def test_wrong_usage_exits_with_2(notifyd: CommandLine, arguments: tuple[str, ...]) -> None:
    """Wrong usage is told on standard error, with the way to the help."""
    answer = notifyd(*arguments)
    assert (2, "") == (answer.code, answer.out)
    assert "--help" in answer.err


def test_no_verb_shows_the_help(notifyd: CommandLine) -> None:
    """Without a verb the help is shown."""
    answer = notifyd()
    assert "Commands:" in answer.out + answer.err
