"""What goes wrong when, drawn from the dice before the run begins: the same seed gives the same acts. Pure."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from random import Random  # noqa: TID251 - the dice are made in run.py; each act is given its own
from typing import Any

from chaos.stage import Stage

_GAPS = (0.5, 3.0)  # seconds between the beginnings of two acts
_LENGTHS = (0.5, 4.0)  # of most acts
_LONG_LENGTHS = (6.0, 9.0)  # of one in ten: longer than a lease
_CALM = 1.0  # seconds at the beginning, in which the daemons come up


@dataclass(frozen=True, slots=True)
class Cue:
    """One act's turn.

    Attributes:
        at: Seconds after the beginning of the run.
        seconds: How long it lasts at the most.
        dice: Its own.
    """

    at: float
    seconds: float
    dice: Random


Act = Callable[[Stage, Cue], Coroutine[Any, Any, None]]


def plan(dice: Random, acts: Mapping[Act, int], seconds: float) -> Iterator[tuple[Act, Cue]]:
    """Yield acts and their cues in order; all begin, and most end, before the run does.

    Args:
        dice: Where chance comes from.
        acts: How many cards of each are in the deck, which is shuffled anew when it is used up: so all of them come.
        seconds: The length of the run.
    """
    deck: list[Act] = []
    at = _CALM + dice.uniform(*_GAPS)
    while at < seconds:
        if not deck:
            deck = [act for act, cards in acts.items() for _ in range(cards)]
            dice.shuffle(deck)
        length = dice.uniform(*(_LONG_LENGTHS if dice.random() < 0.1 else _LENGTHS))
        yield deck.pop(), Cue(at, min(length, seconds - at), Random(dice.getrandbits(64)))
        at += dice.uniform(*_GAPS)
