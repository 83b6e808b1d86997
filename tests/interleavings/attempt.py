"""An attempt as a daemon remembers it, perhaps long after it has lost the job."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from interleavings.counting import SEGMENTS
from notifyd.model.decide import decide, final, owed
from notifyd.model.job import Channel, DeliveryState, Job
from notifyd.model.outcome import Outcome, Paused
from notifyd.model.retry import RetryPolicy
from notifyd.model.unknown import UnknownPolicy, UnknownRules
from notifyd.model.verdict import Verdict
from notifyd.store.deliveries import Intent
from notifyd.store.inquiries import Absent, Answer, Found
from notifyd.store.record import SendRecord

EMAIL, SMS = Channel.EMAIL, Channel.SMS

GRACE = timedelta(minutes=30)
RULES = UnknownRules({SMS: UnknownPolicy.RECONCILE, EMAIL: UnknownPolicy.RESEND}, GRACE)
BACKOFF = RetryPolicy(timedelta(minutes=5), timedelta(hours=1))
SENDER = "us"
INTERRUPTED = Paused("stopped", whole_channel=False)


@dataclass(slots=True, eq=False)
class Attempt:
    """One claimed job in a daemon's hands.

    Attributes:
        daemon: In whose hands.
        job: As it was claimed, and as the provider's answers have made it since.
        recipient: Of both channels.
        good_until: Its deadline, in minutes.
        outcomes: What each intent that was granted has come to, so far as the daemon knows.
        handed_over: The channels on which a message has left.
        asked: Whether the provider was asked, whatever it said.
    """

    daemon: str
    job: Job
    recipient: str
    good_until: int
    outcomes: dict[Channel, Outcome] = field(default_factory=dict)
    handed_over: set[Channel] = field(default_factory=set)
    asked: bool = False

    @property
    def must_ask(self) -> bool:
        """Whether the provider has to be asked before anything else."""
        delivery = self.job.deliveries.get(SMS)
        return delivery is not None and delivery.state in {DeliveryState.INTENDED, DeliveryState.UNKNOWN}

    @property
    def owed(self) -> tuple[Channel, ...]:
        """What this attempt still has to send."""
        untried = [] if self.job.exhausted else [channel for channel in Channel if channel not in self.outcomes]
        return owed(self.job, untried, RULES)

    @property
    def granted(self) -> tuple[Channel, ...]:
        """What it may hand over, and has not."""
        return tuple(channel for channel in self.outcomes if channel not in self.handed_over)

    def intents(self) -> list[Intent]:
        """Return an intent for all that is owed."""
        return [
            Intent(self.job, channel, SENDER, self.recipient, *(("text", SEGMENTS) if channel is SMS else (None, 0)))
            for channel in self.owed
        ]

    def hear(self, channel: Channel, outcome: Outcome) -> None:
        """Take in what a send has come to."""
        self.outcomes[channel] = final(outcome, self.job)
        self.handed_over.add(channel)

    def learn(self, answer: Answer) -> None:
        """Take in what the provider's list has shown."""
        self.asked = True
        state = {Found: DeliveryState.SENT, Absent: DeliveryState.RETRYING}.get(type(answer))
        if state is not None:
            shown = replace(self.job.deliveries[SMS], state=state)
            self.job = replace(self.job, deliveries={**self.job.deliveries, SMS: shown})

    def records(self, *, at_the_end: bool) -> list[SendRecord]:
        """Return what its intents have come to, at the end also those of which nothing has left."""
        return [
            SendRecord(self.job, channel, outcome, SENDER, self.recipient)
            for channel, outcome in self.outcomes.items()
            if at_the_end or channel in self.handed_over
        ]

    def verdict(self) -> Verdict:
        """Decide, as the engine does; what has not been tried was interrupted."""
        return decide(self.job, dict.fromkeys(self.owed, INTERRUPTED) | self.outcomes, BACKOFF, 0.0, RULES)
