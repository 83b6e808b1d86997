"""What can be seen on the wires of one run: events with stable names, and the points before and after each."""

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """On which side of an event a fault strikes."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Frame:
    """What is passed on in one piece.

    Attributes:
        data: The bytes; empty for a hang-up.
        verb: `sql:record`, `smtp:MAIL`, `http:POST`; None for what is of no interest.
        half: `command`, `reply`, or `hang-up`: the server closed instead of answering.
        idle: An answer that shows that the command was none of a job's: a claim that found nothing.
    """

    data: bytes
    verb: str | None = None
    half: str = ""
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One frame of a job, by a name that is the same in every run.

    Attributes:
        number: The first of its kind in a run is 1.
    """

    verb: str
    number: int
    half: str

    @property
    def wire(self) -> str:
        """`sql`, `smtp` or `http`."""
        return self.verb.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.verb}#{self.number} {self.half}"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a fault strikes."""

    event: Event
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.event}"
