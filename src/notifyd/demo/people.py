"""Invented salons and clients. Addresses and numbers lie in ranges reserved for documentation and drama.

Numbers: 555-01xx (NANPA), 020 7946 0xxx (Ofcom), 0171 39200xx (Bundesnetzagentur), 0491 570 xxx (ACMA). Domains:
example.com and example.org (RFC 2606). Pure: the same dice give the same people.
"""

from dataclasses import dataclass
from random import Random  # noqa: TID251 - the type alone: the dice are made in app.py


@dataclass(frozen=True, slots=True)
class Salon:
    """A tenant of the booking system.

    Attributes:
        zone: The IANA name of its time zone.
        number: A telephone number of its country, with `{}` for what differs; None where clients give none.
        digits: How many digits differ.
        services: What can be booked, with its length in minutes.
    """

    id: str
    name: str
    address: str
    email: str
    zone: str
    number: str | None
    digits: int
    staff: tuple[str, ...]
    services: tuple[tuple[str, int], ...]


SALONS = (
    Salon(
        "linden-licht",
        "Linden & Licht",
        "Auguststraße 41, Berlin",
        "hallo@linden-licht.example.com",
        "Europe/Berlin",
        "+4917139200{}",
        2,
        ("Jonas", "Mira", "Hannelore"),
        (("Cut & Blow-dry", 60), ("Balayage", 150), ("Beard Trim", 30)),
    ),
    Salon(
        "the-quiet-comb",
        "The Quiet Comb",
        "12 Lamb's Conduit Street, London",
        "desk@quietcomb.example.com",
        "Europe/London",
        "+442079460{}",
        3,
        ("Imogen", "Theo", "Saoirse"),
        (("Wash, Cut & Finish", 60), ("Fringe Trim", 15), ("Gloss Treatment", 45)),
    ),
    Salon(
        "maple-street",
        "Maple Street Barbers",
        "208 Maple Street, Toronto",
        "chairs@maplestreet.example.com",
        "America/Toronto",
        "+141655501{}",
        2,
        ("Desmond", "Aria", "Luc"),
        (("Classic Cut", 45), ("Hot Towel Shave", 30), ("Cut & Beard", 60)),
    ),
    Salon(
        "wattle-fern",
        "Wattle & Fern",
        "77 Crown Street, Sydney",
        "hello@wattlefern.example.com",
        "Australia/Sydney",
        "+61491570{}",
        3,
        ("Matilda", "Arjun", "Zoe"),
        (("Colour & Cut", 120), ("Scalp Ritual", 45), ("Blow Wave", 40)),
    ),
    Salon(
        "neem-rose",
        "Neem & Rose",
        "5 Lane 7, Koregaon Park, Pune",
        "namaste@neemrose.example.com",
        "Asia/Kolkata",
        None,
        0,
        ("Kavya", "Rohan", "Ishita"),
        (("Head Massage", 45), ("Bridal Henna", 180), ("Haircut", 40)),
    ),
)

_FIRST = (
    "Amelie", "Bram", "Chiara", "Daniyar", "Esther", "Farah", "Grace", "Hugo", "Ines", "Jamal", "Keiko", "Leonie",
    "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Stellan", "Tova", "Umar", "Violet", "Wanjiru", "Yusuf",
)  # fmt: skip
_LAST = (
    "Abara", "Brandt", "Costa", "Dvorak", "Eriksen", "Ferrante", "Grieves", "Haddad", "Ito", "Jansen", "Kowalski",
    "Lindqvist", "Moreau", "Nakamura", "O'Brien", "Petrov", "Quispe", "Rao", "Sørensen", "Tanaka", "Urquhart", "Weiss",
)  # fmt: skip
_PLAIN = str.maketrans({"ø": "o", "'": ""})


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who books."""

    name: str
    email: str
    phone: str | None


def somebody(dice: Random, salon: Salon) -> Client:
    """Invent a client of a salon."""
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    local = f"{first}.{last}{dice.randrange(100):02}".lower().translate(_PLAIN)
    ending = str(dice.randrange(10**salon.digits)).zfill(salon.digits)
    return Client(f"{first} {last}", f"{local}@example.com", salon.number.format(ending) if salon.number else None)
