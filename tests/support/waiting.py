"""Waiting with a deadline: the only way in which a test lets time pass."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import anyio
import pytest

T = TypeVar("T")
Hint = Callable[[], object] | str

_GLANCE = 0.01  # seconds between two looks


@overload
async def until(condition: Callable[[], Awaitable[T | None]], timeout: float = 10, hint: Hint = "") -> T: ...
@overload
async def until(condition: Callable[[], T | None], timeout: float = 10, hint: Hint = "") -> T: ...
async def until(condition: Callable[[], Any], timeout: float = 10, hint: Hint = "") -> Any:
    """Wait until the condition returns something true, and return it.

    Args:
        condition: Looked at every ten milliseconds; may be asynchronous. What it raises is raised here.
        timeout: Seconds until the test fails.
        hint: More to say about a failure: a text, or a function that is called when it happens.
    """
    end = anyio.current_time() + timeout
    while True:
        seen = condition()
        found = await seen if inspect.isawaitable(seen) else seen
        if found:
            return found
        if anyio.current_time() > end:
            more = hint() if callable(hint) else hint
            pytest.fail(f"not within {timeout} s: {_words(condition)}; last seen: {found!r}\n{more}".rstrip())
        await anyio.sleep(_GLANCE)


def _words(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
