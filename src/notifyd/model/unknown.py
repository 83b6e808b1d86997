"""What is done about a message of which nobody knows whether it has left: the policies, and how it is recognised.

Pure. A message is recognised at the provider by its recipient, its sender and its text, since providers echo nothing
else that is ours in their lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from unicodedata import normalize

from notifyd.model.job import Channel, Doubt

SHORTEST_LOOK = timedelta(seconds=1)
"""How long after the cut the provider is asked first; then after as long again, and so on."""

LONGEST_LOOK = timedelta(minutes=1)
"""The longest time between two inquiries: a provider that answers none is asked once a minute."""


class UnknownPolicy(StrEnum):
    """What is done about an unknown outcome."""

    RECONCILE = "reconcile"
    """Ask the provider; send only what it surely does not have."""
    RESEND = "resend"
    """Send again, with the same identity."""
    PARK = "park"
    """Hold the job for a person to look at."""


@dataclass(frozen=True, slots=True)
class UnknownRules:
    """What is done about unknown outcomes, by channel.

    Attributes:
        policies: One for each channel.
        grace: How long the provider's list may lag: what it does not show after this time, it does not have.
    """

    policies: Mapping[Channel, UnknownPolicy]
    grace: timedelta

    def policy(self, channel: Channel, doubt: Doubt | None = None) -> UnknownPolicy:
        """Return what is done about one message.

        Args:
            channel: Its channel.
            doubt: What the ledger knows of it, where it was cut off by an earlier attempt.
        """
        policy = self.policies[channel]
        if policy is UnknownPolicy.RECONCILE and doubt is not None and doubt.trace is None:
            return UnknownPolicy.PARK  # written before the ledger knew what to ask for
        return policy

    def ask_in(self, doubt: Doubt | None) -> timedelta:
        """Return when to ask next: after as long again as it has been unknown, and once when the grace has passed.

        Args:
            doubt: None for a message that was cut off just now.
        """
        age = timedelta() if doubt is None else doubt.unknown_for
        wait = min(max(age, SHORTEST_LOOK), LONGEST_LOOK)
        return min(wait, self.grace - age) if age < self.grace else wait


def fingerprint(body: str) -> str:
    """Return what a text is recognised by: 32 hexadecimal digits of its letters and digits.

    Providers may change the rest: Twilio's smart encoding, say, replaces quotation marks and dashes
    (https://www.twilio.com/docs/messaging/services#smart-encoding).
    """
    kept = "".join(char for char in normalize("NFKC", body).casefold() if char.isalnum())
    return sha256(kept.encode("utf-8", "replace")).hexdigest()[:32]
