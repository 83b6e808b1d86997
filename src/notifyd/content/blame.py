"""What went wrong inside a template, told as a fault: which file and line, without any value of the row."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from notifyd.model.fault import Fault

_UNKNOWN_NAME = re.compile(r"'\w+' is undefined")  # a name as the template spells it, never a value


class Unfit(Exception):  # noqa: N818 - a finding about a value, on its way to become a fault
    """A template prints what no customer may read; the text says why, without the value."""


def blame(error: Exception, template: str, folders: Sequence[Path]) -> Fault:
    """Turn what a template raised into a fault.

    Args:
        error: What was raised.
        template: The template that was to be rendered; the error may come from one that it includes.
        folders: Where templates lie.
    """
    if isinstance(error, TemplateSyntaxError):
        return Fault(f"template {error.name or template} line {error.lineno}", f"is not a template: {error.message}")
    return Fault(f"template {_place(error.__traceback__, folders) or template}", _problem(error))


def _problem(error: Exception) -> str:
    match error:
        case Unfit():
            return f"prints a value that {error}"
        case UndefinedError(message=str(message)) if found := _UNKNOWN_NAME.match(message):
            return f"{found[0]}"
        case SecurityError():
            return "reaches for what the sandbox forbids"
        case UndefinedError():
            return "uses something that is not there"
        case TemplateNotFound():
            return "includes a template that does not exist"
        case _:
            return f"raised {type(error).__name__}"


def _place(traceback: TracebackType | None, folders: Sequence[Path]) -> str | None:
    """Find the innermost line that belongs to a template; Jinja rewrites its tracebacks to name them."""
    place = None
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        for folder in folders:
            if path.is_relative_to(folder) and path.suffix != ".py":
                place = f"{path.relative_to(folder)} line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
