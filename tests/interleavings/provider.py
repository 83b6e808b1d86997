"""The provider as the machine plays it: what it has accepted, its list of it, which lags, and what may be too much."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from interleavings.picture import Picture
from notifyd.model.job import Channel, Job

LAGS = (20, 0, 5)
"""Minutes after which the list shows a message."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message in a customer's mailbox.

    Attributes:
        seen_from: The minute from which the list shows it.
    """

    provider_id: str
    job: Job
    channel: Channel
    recipient: str
    seen_from: int


@dataclass(slots=True)
class Provider:
    """Takes messages of both channels, and answers for those of SMS.

    Attributes:
        accepted: What it took, oldest first.
        allowed: How many SMS each recipient may get: one for each job, and one more where somebody has said so.
        doubts: How often the ledger has said `unknown` of a job's e-mail, and the operator `again`.
        vouched: What arrived by the word of the operator, by recipient of an SMS or by job of an e-mail.
    """

    accepted: list[Accepted] = field(default_factory=list)
    allowed: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    vouched: Counter[str] = field(default_factory=Counter)

    def accept(self, job: Job, channel: Channel, recipient: str, now: int) -> str:
        """Take a message, and show it in the list at once or later. Returns its id."""
        lag = LAGS[self._received(channel).total() % len(LAGS)]
        self.accepted.append(Accepted(f"SM{len(self.accepted)}", job, channel, recipient, now + lag))
        return self.accepted[-1].provider_id

    def list(self, recipient: str, now: int) -> list[str]:
        """Return the ids of the SMS to a recipient that the list shows, oldest first."""
        of = [message for message in self.accepted if message.channel is Channel.SMS and message.recipient == recipient]
        return [message.provider_id for message in of if message.seen_from <= now]

    def note(self, before: Picture, after: Picture) -> None:
        """Count the e-mails of which the ledger says `unknown` now."""
        for (job, channel), entry in after.ledger.items():
            old = before.ledger.get((job, channel))
            if channel == "email" and entry.state == "unknown" and (old is None or old.state != "unknown"):
                self.doubts[job] += 1

    def decided(self, job: str, recipient: str, picture: Picture, *, arrived: bool) -> None:
        """Take in what the operator decides about a job's messages in doubt: they arrived, or may go out again."""
        unknown = [channel for (of, channel), entry in picture.ledger.items() if of == job and entry.state == "unknown"]
        self.allowed[recipient] += "sms" in unknown
        self.doubts[job] += "email" in unknown
        self.vouched += Counter({recipient: arrived and "sms" in unknown, job: arrived and "email" in unknown})

    def complaints(self) -> Iterator[str]:
        """Tell who got more than he may: an SMS twice, or an e-mail whose copy was never in doubt on record."""
        for recipient, count in self._received(Channel.SMS).items():
            if count > self.allowed[recipient]:
                yield f"{recipient} got {count} SMS for {self.allowed[recipient]}"
        for job, count in self._received(Channel.EMAIL).items():
            if count > 1 + self.doubts[job]:
                yield f"{job} was sent {count} times by e-mail, and {self.doubts[job]} times in doubt"

    def lies(self, picture: Picture, recipients: dict[str, str]) -> Iterator[str]:
        """Tell what the ledger calls sent, and nobody ever got."""
        sent = [key for key, entry in picture.ledger.items() if entry.state == "sent"]
        claimed = {
            Channel.SMS: Counter(recipients[job] for job, channel in sent if channel == "sms"),
            Channel.EMAIL: Counter(job for job, channel in sent if channel == "email"),
        }
        for channel, counts in claimed.items():
            received = self._received(channel) + self.vouched
            for who, count in counts.items():
                if count > received[who]:
                    yield f"{count} {channel} to {who} are sent, and {received[who]} were"

    def _received(self, channel: Channel) -> Counter[str]:
        of = (message for message in self.accepted if message.channel is channel)
        return Counter(message.recipient if channel is Channel.SMS else message.job.id for message in of)
