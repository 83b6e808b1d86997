"""What is sent, and what a transport is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from notifyd.model.job import Channel, JobId, LeaseId, Trace
from notifyd.model.outcome import Sent
from notifyd.model.unknown import fingerprint


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail, ready to be put into bytes. All texts are free of control characters and of encoded-words.

    Attributes:
        job_id: The job it belongs to, for the folder transport and the demo's inbox.
        key: 32 hexadecimal digits, the same for every attempt of the job: the local part of the Message-ID.
        to: The address, syntactically valid, in ASCII (IDNA) where the domain allows it.
        to_name: The recipient's display name, may be empty.
        from_name: The salon's name, shown beside the sender's address; may be empty.
        reply_to: The salon's address, where it has one.
        date: When it is written, by the database's clock.
    """

    job_id: JobId
    key: str
    to: str
    to_name: str
    from_name: str
    reply_to: str | None
    subject: str
    text: str
    html: str
    date: datetime

    @property
    def channel(self) -> Channel:
        """The channel it leaves by."""
        return Channel.EMAIL

    @property
    def fingerprint(self) -> None:
        """No mail server can be asked for it."""
        return None


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS.

    Attributes:
        key: As in `Email`.
        lease_id: Under which lease it is sent: with the key it tells this send from every other one.
        to: The number in E.164 form.
    """

    job_id: JobId
    key: str
    lease_id: LeaseId
    to: str
    body: str

    @property
    def channel(self) -> Channel:
        """The channel it leaves by."""
        return Channel.SMS

    @property
    def fingerprint(self) -> str:
        """By what its text is recognised in the provider's list."""
        return fingerprint(self.body)


Message = Email | Sms


class Transport(Protocol):
    """Code that reaches one provider."""

    async def send(self, message: Message) -> Sent:
        """Hand one message over.

        Returns:
            The provider's yes.

        Raises:
            notifyd.model.outcome.SendError: with what it came to instead. Nothing else, except cancellation.
        """
        ...

    async def prove(self) -> str:
        """Go as far as a send would, credentials included, and send nothing.

        Returns:
            What was reached, in a few words.

        Raises:
            notifyd.model.outcome.SendError: with what a send would have come to. Nothing else, except cancellation.
        """
        ...


class Inquiry(Protocol):
    """Asks one provider what became of a message."""

    async def __call__(self, trace: Trace) -> tuple[str, ...]:
        """Look for a message that may have been accepted.

        Returns:
            The provider's names for all messages that may be the one, oldest first.

        Raises:
            notifyd.model.outcome.SendError: if the provider cannot be asked now. Nothing else, except cancellation.
        """
        ...
