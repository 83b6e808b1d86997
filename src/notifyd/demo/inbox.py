"""What the sinks received, and whose it is. Holds the newest messages for the page and a mark of every one.

Numbers each change, so that a page can ask for what is new. Knows nothing of SQL: others tell it about jobs.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from notifyd.demo.jobs_view import JobView
from notifyd.demo.pulse import Pulse
from notifyd.model.job import Channel

KEEP = 200
"""How many messages can be looked at; older ones are forgotten, but for their marks."""


@dataclass(slots=True)
class Arrival:
    """One message that a sink accepted.

    Attributes:
        number: The first is 1.
        mark: What the ledger knows it by: the job's key for e-mail, the SID for SMS.
        at: When, in seconds of the database's clock.
        content: What the page shows of it: `to`, `from`, `subject` and `preview`, or `body`.
        html: The HTML part of an e-mail.
        job: The job it came from, once that is known.
        version: The beat of its latest change.
    """

    number: int
    channel: Channel
    mark: str
    at: float
    content: Mapping[str, str]
    html: str = ""
    job: JobView | None = None
    version: int = 0

    @property
    def delay_ms(self) -> int | None:
        """Milliseconds from when it was wanted to its arrival."""
        if self.job is None or self.job.since is None:
            return None
        return max(0, round((self.at - self.job.since) * 1000))


@dataclass(slots=True)
class Inbox:
    """The newest messages, oldest first.

    Attributes:
        pulse: Beats with every change.
        marks: Channel and mark of every message there was.
    """

    pulse: Pulse
    marks: list[tuple[Channel, str]] = field(default_factory=list)
    _arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=KEEP))

    def receive(self, channel: Channel, mark: str, at: float, content: Mapping[str, str], html: str = "") -> None:
        """Take a message in."""
        self.marks.append((channel, mark))
        arrival = Arrival(len(self.marks), channel, mark, at, content, html)
        self._arrivals.append(arrival)
        self._touch(arrival)

    def explain(self, arrival: Arrival, job: JobView) -> None:
        """Tell which job a message came from, or what has become of that job."""
        if arrival.job != job:
            arrival.job = job
            self._touch(arrival)

    def unexplained(self) -> list[Arrival]:
        """Return the messages whose job is not known yet."""
        return [arrival for arrival in self._arrivals if arrival.job is None]

    def unfinished(self) -> list[tuple[Arrival, JobView]]:
        """Return the messages whose job may still change, with the job as it was."""
        return [(a, a.job) for a in self._arrivals if a.job is not None and not a.job.finished]

    def since(self, version: int, limit: int) -> list[Arrival]:
        """Return those of the newest messages that changed after a version, oldest first."""
        return [arrival for arrival in list(self._arrivals)[-limit:] if arrival.version > version]

    def find(self, number: int) -> Arrival | None:
        """Return a message by its number, or None if there is none or it was forgotten."""
        return next((arrival for arrival in self._arrivals if arrival.number == number), None)

    def all_marks(self, channel: Channel) -> Iterator[str]:
        """Yield the mark of every message of a channel."""
        return (mark for kind, mark in self.marks if kind is channel)

    def _touch(self, arrival: Arrival) -> None:
        arrival.version = self.pulse.beat()
