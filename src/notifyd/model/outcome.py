"""What one send (one channel of one job) can come to.

A transport returns `Sent`, or raises `SendError` with one of the other values inside; the engine passes the values on.
A reason is a short text for people: it never holds an address, a number, a secret or a message body.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took responsibility; never sent again.

    Attributes:
        provider_id: The provider's name for the message: an SMTP queue id or reply, a Twilio SID.
    """

    provider_id: str


@dataclass(frozen=True, slots=True)
class Retryable:
    """Surely not sent, may work later; an attempt is spent.

    Attributes:
        retry_after: Seconds to wait at the least, where the provider or its protocol names a time.
        suspicious: Many of these in a row mean that the provider is at fault, not the jobs.
    """

    reason: str
    retry_after: float | None = None
    suspicious: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """Will never work for this job; the channel is settled as failed.

    Attributes:
        loud: An operator should look at it: the configuration or the content is at fault.
        suspicious: Many of these in a row mean that the provider or our configuration is at fault.
    """

    reason: str
    loud: bool = False
    suspicious: bool = False


@dataclass(frozen=True, slots=True)
class Suppress:
    """Permanent, and this recipient must not be contacted again from this sender on this channel."""

    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The provider or our configuration is at fault, not the job: no attempt is spent, the channel pauses and probes.

    Attributes:
        retry_after: Seconds until the provider may be asked again, where it named a time.
        loud: An operator must act (bad credentials); otherwise the fault is expected to pass.
        whole_channel: Whether other jobs of the channel wait too; if not, this one alone was put off.
    """

    reason: str
    retry_after: float | None = None
    loud: bool = False
    whole_channel: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """Cut off after the message may have been accepted; never blindly repeated."""

    reason: str


Failure = Retryable | Permanent | Suppress | Paused | Unknown
Outcome = Sent | Failure


class SendError(Exception):
    """A send that did not end in a receipt.

    Attributes:
        outcome: What it came to.
    """

    def __init__(self, outcome: Failure) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome
