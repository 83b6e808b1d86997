"""What the booking system is going to do, drawn from the dice before the run begins. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random  # noqa: TID251 - the type alone: the dice are made in run.py

from notifyd.model.job import Channel

CLOSED_MAILBOX = "closed."
"""The mail sink answers 550 5.1.1 for every address that begins so."""

LANDLINES = "+12125555"
"""The Twilio stand-in answers 21614 for every number that begins so."""

STURDY = 50
"""`max_attempts` of a job that chaos must not use up: what is wrong with the world passes, so it must arrive."""

_FEEBLE = (3, 4, 5)
_AREAS = ("212", "312", "415", "512", "617", "702", "808", "917")  # each with ten thousand numbers
_LONGEST_TRANSACTION = 8.0  # seconds
_BURST = 20  # jobs at once, as when a salon closes for a day; one in four jobs comes so


class Fate(StrEnum):
    """What the booking system does with a job beside inserting it."""

    COMMITTED = "committed at once"
    LINGERING = "committed by a transaction that stays open"
    ROLLED_BACK = "rolled back"
    CANCELLED = "cancelled meanwhile"
    DELETED = "deleted meanwhile"


_FATES = {Fate.COMMITTED: 80, Fate.LINGERING: 6, Fate.ROLLED_BACK: 4, Fate.CANCELLED: 6, Fate.DELETED: 4}


@dataclass(frozen=True, slots=True)
class Order:
    """One job to be booked.

    Attributes:
        at: Seconds after the beginning of the run.
        channels: What the payload asks for.
        email: The address in the payload, good or bad, of this job alone.
        phone: The number, likewise.
        due: The channels on which a message must arrive: those with a good address.
        patience: Seconds between the INSERT and what the fate has in store.
    """

    job_id: str
    at: float
    channels: tuple[Channel, ...]
    email: str
    phone: str
    due: frozenset[Channel]
    max_attempts: int
    fate: Fate
    patience: float

    @property
    def sturdy(self) -> bool:
        """Whether its attempts last longer than the chaos does."""
        return self.max_attempts >= STURDY

    @property
    def booked(self) -> bool:
        """Whether it is committed in the end."""
        return self.fate is not Fate.ROLLED_BACK


def draw(dice: Random, count: int, seconds: float) -> list[Order]:
    """Draw so many orders, spread over so many seconds."""
    moments = sorted(islice(_moments(dice, seconds), count))
    return [_order(dice, number, at, seconds - at) for number, at in enumerate(moments)]


def _moments(dice: Random, seconds: float) -> Iterator[float]:
    """Yield moments without end, most of them alone."""
    while True:
        together = _BURST if dice.random() < 1 / (3 * _BURST) else 1
        yield from [dice.uniform(0, seconds)] * together


def _order(dice: Random, number: int, at: float, left: float) -> Order:
    channels = dice.choices([tuple(Channel), (Channel.EMAIL,), (Channel.SMS,)], (6, 2, 2))[0]
    fate = dice.choices(list(_FATES), list(_FATES.values()))[0]
    bad = set(_bad(dice, channels))
    return Order(
        job_id=f"chaos-{number:05}",
        at=at,
        channels=channels,
        email=_email(dice, number, good=Channel.EMAIL not in bad),
        phone=_phone(dice, number, good=Channel.SMS not in bad),
        due=frozenset(channels) - bad,
        max_attempts=dice.choice(_FEEBLE) if dice.random() < 0.1 else STURDY,
        fate=fate,
        patience=min(dice.uniform(0, _LONGEST_TRANSACTION), left),
    )


def _bad(dice: Random, channels: Sequence[Channel]) -> Iterator[Channel]:
    for channel in channels:
        if dice.random() < 0.05:
            yield channel


def _email(dice: Random, number: int, *, good: bool) -> str:
    if good:
        return f"client{number}@example.com"
    return dice.choice([f"{CLOSED_MAILBOX}{number}@example.com", f"client {number} at example.com"])


def _phone(dice: Random, number: int, *, good: bool) -> str:
    if good:
        return f"+1{_AREAS[number // 10_000 % len(_AREAS)]}444{number % 10_000:04}"
    return dice.choice([f"{LANDLINES}{number % 1_000:03}", str(number % 1_000)])
