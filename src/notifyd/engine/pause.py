"""When a provider may be asked: open, paused, or one probe under way. A state machine; it never waits.

A pause ends by a probe alone: one message that is let through when the time has come. So no request is made before a
Retry-After has passed, and a provider that is down costs one message a minute, not one for every job.
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
    """

    reason: str | None = None
    until: float = 0.0
    _length: float = 0.0
    _streak: int = 0
    _probing: bool = False

    def may_probe(self, now: float) -> bool:
        """Tell whether it is paused and a probe may be let through."""
        return self.reason is not None and not self._probing and now >= self.until

    def admit(self, now: float) -> Paused | None:
        """Ask to send. Returns None for yes; a yes while paused is the probe, whose outcome must be `observe`d."""
        if self.reason is None:
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
            probe: Whether the channel was paused when this send was admitted.

        Returns:
            Whether the channel was opened or paused by it.
        """
        if probe:
            self._probing = False
        reason, asked = self._suspicion(outcome, probe=probe)
        if reason is not None:
            return self._pause(reason, asked, now, probe=probe)
        if probe:
            self._streak, self._length, self.reason = 0, 0.0, None
            return True
        return False

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

    def _pause(self, reason: str, asked: float, now: float, *, probe: bool) -> bool:
        if self.reason is not None and not probe:  # was under way when the pause began
            self.until = max(self.until, now + asked)
            return False
        self._length = min(max(self._length * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        self.reason, self.until = reason, now + (asked or self._length)
        return True


def _bounded(asked: float | None) -> float:
    """Turn what a provider asks for, whatever it is, into a wait that can be kept."""
    return min(asked, LONGEST_ASKED) if asked is not None and asked > 0 else 0.0  # not a number is not greater
