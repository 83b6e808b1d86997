"""What an SMS costs: its alphabet, its segments, and which characters made it longer.

GSM-7 (3GPP TS 23.038) holds 160 units in one segment, UCS-2 70; a longer text is cut into segments of 153 and 67,
because each then carries a header. One character outside GSM-7 turns the whole text into UCS-2.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"  # two units each: an escape, and the character

_FOREIGN = re.compile(f"[^{re.escape(_BASIC + _EXTENDED)}]")
_DOUBLE = re.compile(f"[{re.escape(_EXTENDED)}]")

# Typographic twins of what GSM-7 has. Letters are not among them: a name keeps its accents, whatever they cost.
_TWINS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),  # quotes, prime, accents
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),  # quotes, double prime, guillemets
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),  # hyphens, dashes, minus
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f", " "),  # spaces
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),  # of no width
        "\u2026": "...",
        "\u2022": "*",  # bullet
        "\u00b7": "*",  # middle dot
        "\u00d7": "x",  # multiplication sign
    }
)


class Alphabet(StrEnum):
    """How the characters of an SMS are encoded."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_ROOM = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}  # alone, and as one of several


@dataclass(frozen=True, slots=True)
class SmsSize:
    """The size of one SMS.

    Attributes:
        units: Septets of GSM-7, or 16-bit units of UCS-2.
        segments: How many messages the provider will charge.
        culprits: The characters that made it longer, each once: those that GSM-7 does not have, or, where it has them
            all, those that count twice.
    """

    alphabet: Alphabet
    units: int
    segments: int
    culprits: tuple[str, ...]


def measure(body: str) -> SmsSize:
    """Measure an SMS."""
    foreign = _FOREIGN.findall(body)
    alphabet = Alphabet.UCS_2 if foreign else Alphabet.GSM_7
    costly = foreign or _DOUBLE.findall(body)
    double = [character for character in body if character > "\uffff"] if foreign else costly
    units = len(body) + len(double)
    alone, one_of_several = _ROOM[alphabet]
    widths = (2 if character in double else 1 for character in body)
    segments = 1 if units <= alone else _segments(widths, one_of_several)
    return SmsSize(alphabet, units, segments, tuple(dict.fromkeys(costly)))


def fold(body: str) -> str:
    """Replace typographic characters by their plain twins where that brings the whole text into GSM-7.

    A curly quote alone would make a text of 160 characters three segments long. Where another character makes it UCS-2
    anyway, nothing would be won, and the text stays as it was written.
    """
    if _FOREIGN.search(body) is None:
        return body
    folded = body.translate(_TWINS)
    return folded if _FOREIGN.search(folded) is None else body


def _segments(widths: Iterable[int], room: int) -> int:
    """Count the segments; a character of two units is never cut in two."""
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
