"""The two kinds of answer: a JSON document, and a refusal that says what is wrong and what to do about it."""

import json
from http import HTTPStatus
from typing import Any

from aiohttp import web

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "notifyd",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer, unless its handler knows better.

https://owasp.org/www-project-secure-headers/ names what each is for.
"""


def document(body: dict[str, Any], status: int = HTTPStatus.OK) -> web.Response:
    """Answer with a JSON document."""
    text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    return web.Response(text=text + "\n", status=status, content_type="application/json")


def refusal(status: int, error: str, cure: str, **headers: str) -> web.Response:
    """Answer that it cannot be done.

    Args:
        status: The HTTP status.
        error: What is wrong; never repeats what the stranger sent.
        cure: What to do about it.
        headers: More headers; an underscore stands for a hyphen.
    """
    answer = document({"error": error, "cure": cure}, status)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer
