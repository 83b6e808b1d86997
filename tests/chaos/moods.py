"""The faults that a stand-in has at the moment, and the scripts that ask them.

A mood comes and goes. Without one, they take a moment to answer, as providers do, so that there are always messages
under way when something else breaks. Bad addresses are refused in every mood: nothing for them is ever accepted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - the type alone: the dice are made in run.py
from typing import Generic, TypeVar

from chaos.orders import CLOSED_MAILBOX, LANDLINES
from notifyd.demo import mail_sink, twilio_stand_in
from notifyd.demo.twilio_stand_in import Refuse

Action = TypeVar("Action")

POST = "post"
"""The one command that Twilio knows, beside the commands of SMTP."""

_ANSWERS_WITHIN = {"mail": 0.1, "dot": 0.6, POST: 0.6}
"""Seconds, by command; the others are answered at once."""


@dataclass(slots=True)
class Moods(Generic[Action]):
    """What goes wrong at present, by command."""

    dice: Random
    _faults: list[tuple[str, Action, float]] = field(default_factory=list)

    @contextmanager
    def during(self, command: str, action: Action, share: float) -> Iterator[None]:
        """Do this, while the block runs, to so large a share of the commands."""
        fault = (command, action, share)
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults.remove(fault)

    def now(self, command: str) -> Action | None:
        """Throw the dice for one command."""
        for wanted, action, share in self._faults:
            if wanted == command and self.dice.random() < share:
                return action
        return None

    def moment(self, command: str) -> float:
        """Return how long the stand-in takes to answer when nothing is wrong."""
        return self.dice.uniform(0, _ANSWERS_WITHIN[command])


MailMoods = Moods[mail_sink.Action]
SmsMoods = Moods[twilio_stand_in.Action]


def mail_script(moods: MailMoods) -> mail_sink.Script:
    """Return the mail sink's script."""

    def script(command: str, argument: str, _count: int) -> mail_sink.Action | None:
        if command == "rcpt" and f"<{CLOSED_MAILBOX}" in argument:
            return "550 5.1.1 no such mailbox"
        action = moods.now(command)
        return mail_sink.Stall(moods.moment(command)) if action is None and command in _ANSWERS_WITHIN else action

    return script


def sms_script(moods: SmsMoods) -> twilio_stand_in.Script:
    """Return the Twilio stand-in's script."""

    def script(attempt: twilio_stand_in.Attempt) -> twilio_stand_in.Action | None:
        if attempt.to.startswith(LANDLINES):
            return Refuse(400, 21614, "The 'To' number is not a valid mobile number.")
        return moods.now(POST) or twilio_stand_in.Stall(moods.moment(POST))

    return script
