"""What one proof of `notifyd check` came to."""

from dataclasses import dataclass

from notifyd.cli.errors import Exit


class Disproved(Exception):  # noqa: N818 - the end of a proof
    """The text says what is wrong, and the cure."""


class Doubted(Exception):  # noqa: N818 - the end of a proof
    """The text says what does not work here, and need not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one proof came to.

    Attributes:
        name: What was looked at.
        ok: Whether it is well; None where it could not be looked at, or is well without.
        detail: What was found, or what is wrong and the cure.
        code: What it contributes to the exit code.
    """

    name: str
    ok: bool | None
    detail: str
    code: Exit = Exit.WELL
