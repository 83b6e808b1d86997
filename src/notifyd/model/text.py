"""Which texts of a row may be read by a customer, and which may stand in a header.

Names are data: what is let through arrives as it is, but for white space. Faults name the field, never the value.
"""

import math
import re

from notifyd.model.fault import Fault

LONGEST = 300
"""Characters a fact may have; longer ones are no names, and would make headers and SMS of absurd size."""

# What JavaScript writes where a value was missing. The case is JavaScript's own: Ms Null and Ms Nan are real people.
_LEFTOVER = re.compile(r"\b(?:undefined|null|NaN|Invalid Date)\b|\[object \w+\]")
# C0 and C1 controls, line and paragraph separators, and lone surrogates, which no encoding can carry.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSENDABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_LINE_BREAK = re.compile("[\\s,]*[\r\n\v\f\x85\u2028\u2029]\\s*")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> bool:
    """Tell whether a `text` of PostgreSQL can hold it: no NUL, and nothing that UTF-8 cannot carry."""
    return not _UNSTORABLE.search(text)


def line(field: str, value: object) -> str:
    """Read a fact of one line; the lines of a longer one (an address) are joined by commas.

    Args:
        field: Where the value stands, for the fault.
        value: The value as JSON gave it. A number is accepted as its digits.

    Returns:
        The text without white space around it; empty where there is none.

    Raises:
        Fault: if it is no text, too long, a JavaScript leftover, or holds a character that cannot be sent.
    """
    text = _text(field, value)
    if text.isprintable():
        return text
    if unsendable := _UNSENDABLE.search(text):
        raise Fault(field, f"holds {_name(unsendable)}, which cannot be sent")
    return " ".join(_LINE_BREAK.sub(", ", text).split())


def header(field: str, value: object) -> str:
    r"""Read a fact that will stand in a header of an e-mail: as `line`, but it may not hold any control character.

    Raises:
        Fault: as `line` does, and for line breaks: `x\r\nBcc: …` is an attack or a mistake, never a name.
    """
    text = _text(field, value)
    if not text.isprintable() and (control := _CONTROL.search(text)):
        raise Fault(field, f"holds {_name(control)}, which may not stand in a header of an e-mail")
    return text


def unfit(text: str) -> str | None:
    """Tell why a text may not be shown to a customer; None where it may.

    Line breaks and tabs are fit. This is for values that a template takes from beyond the known facts.
    """
    if not text.isprintable() and (unsendable := _UNSENDABLE.search(text)):
        return f"holds {_name(unsendable)}, which cannot be sent"
    if leftover := _leftover(text):
        return f"holds the JavaScript leftover {leftover}"
    return None


def without_encoded_words(text: str) -> str:
    """Return the text so that no mail program takes a part of it for an encoded-word (RFC 2047, `=?utf-8?Q?…?=`).

    Some readers, Python's own `email` package among them, decode encoded-words *inside* values and then write what
    was hidden in them, line breaks included, as headers. A space keeps the text readable and breaks the pattern.
    """
    return text.replace("=?", "= ?") if "=?" in text else text


def _text(field: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise Fault(field, "is no finite number")
        text = str(value)
    else:
        raise Fault(field, "is not text")
    if len(text) > LONGEST:
        raise Fault(field, f"is longer than {LONGEST} characters")
    if leftover := _leftover(text):
        raise Fault(field, f"holds the JavaScript leftover {leftover}")
    return text


def _leftover(text: str) -> str | None:
    # five plain searches cost a fifth of the pattern, and nearly every text ends here
    if not ("undefined" in text or "null" in text or "NaN" in text or "Invalid Date" in text or "[object " in text):
        return None
    found = _LEFTOVER.search(text)
    return found[0] if found else None


def _name(character: re.Match[str]) -> str:
    return f"the character U+{ord(character[0]):04X}"
