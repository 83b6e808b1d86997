"""When a provider may be asked: open, paused, or one probe under way. A state machine; it never waits.

A pause ends by a probe: one message that is let through when the time has come. So no request is made before a
Retry-After has passed, and a provider that is down costs one message a minute, not one for every job. A pause that
rests on suspicion alone lets inquiries pass, and ends as well when one finds that a message was accepted after all.
"""

from dataclasses import dataclass
from typing import assert_never

from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown

SHORTEST_PAUSE = 1.0
"""Seconds of the first pause where the provider names no time; each further one doubles."""

LONGEST_PAUSE = 60.0
"""Seconds between two probes at the most, where the provider names no time."""

LONGEST_ASKED = 86_400.0
"""Seconds; no provider is obeyed for longer, whatever stands in its Retry-After."""

LONGEST_STREAK = 5
"""So many suspicious outcomes in a row, and the provider is at fault, not the jobs."""


@dataclass(slots=True)
class Pause:
    """The pause of one channel. Moments are seconds of the monotonic clock.

    Attributes:
        reason: Why it is paused; None while it is open.
        until: When the provider may be asked again.
        suspected: Whether it rests on suspicious outcomes in a row, and not on the provider's own word.
    """

    reason: str | None = None
    until: float = 0.0
    suspected: bool = False
    _length: float = 0.0
    _streak: int = 0
    _probing: bool = False

    def may_probe(self, now: float) -> bool:
        """Tell whether it is paused and a probe may be let through."""
        return self.reason is not None and not self._probing and now >= self.until

    def admit(self, now: float, *, asking: bool = False) -> Paused | None:
        """Ask to send, or to make an inquiry (`asking`).

        Returns:
            None for yes. A yes while paused is the probe, whose outcome must be `observe`d, unless it is to an inquiry
            that passes because the pause is `suspected`.
        """
        if self.reason is None or (asking and self.suspected):
            return None
        if self.may_probe(now):
            self._probing = True
            return None
        return Paused(self.reason, retry_after=max(self.until - now, SHORTEST_PAUSE))

    def abandon(self, *, probe: bool) -> None:
        """An admitted message was not sent after all."""
        if probe:
            self._probing = False

    def observe(self, outcome: Outcome, now: float, *, probe: bool) -> bool:
        """Learn what a send came to.

        Args:
            outcome: The outcome.
            now: The monotonic clock.
            probe: Whether it is the probe: the channel was paused when it was admitted.

        Returns:
            Whether the channel was opened or paused by it.
        """
        if probe:
            self._probing = False
        reason, asked = self._suspicion(outcome, probe=probe)
        if reason is not None:
            return self._pause(reason, asked, now, probe=probe, suspected=not isinstance(outcome, Paused))
        return probe and self._open()

    def vindicate(self) -> bool:
        """Learn from an inquiry that a message was accepted although its answer was lost.

        Returns:
            Whether the channel was opened by it.
        """
        self._streak = 0
        return self.suspected and self._open()

    def _open(self) -> bool:
        self._streak, self._length, self.reason, self.suspected = 0, 0.0, None, False
        return True

    def _suspicion(self, outcome: Outcome, *, probe: bool) -> tuple[str | None, float]:
        """Return why the channel should pause, if it should, and for how long the provider asks."""
        match outcome:
            case Paused(reason, retry_after):
                return reason, _bounded(retry_after)
            case Retryable(reason, _, suspicious) | Permanent(reason, _, suspicious) if suspicious:
                self._streak += 1
            case Unknown(reason):
                self._streak += 1
            case Sent() | Retryable() | Permanent() | Suppress():
                self._streak = 0
                return None, 0.0
            case _:
                assert_never(outcome)
        tired = probe or self._streak >= LONGEST_STREAK
        return (f"{self._streak} in a row: {reason}" if tired else None), 0.0

    def _pause(self, reason: str, asked: float, now: float, *, probe: bool, suspected: bool) -> bool:
        if self.reason is not None and not probe:  # was under way when the pause began
            self.until, self.suspected = max(self.until, now + asked), self.suspected and suspected
            return False
        self._length = min(max(self._length * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        self.reason, self.until, self.suspected = reason, now + (asked or self._length), suspected
        return True


def _bounded(asked: float | None) -> float:
    """Turn what a provider asks for, whatever it is, into a wait that can be kept."""
    return min(asked, LONGEST_ASKED) if asked is not None and asked > 0 else 0.0  # not a number is not greater
