"""The kinds of answers: a JSON document, a copy that the cache keeps, and a refusal with what to do about it."""

import re
from http import HTTPStatus
from typing import Any

from aiohttp import web

from notifyd.store.connect import DatabaseUnavailable
from notifyd.web.copies import Served, compact

CLIENTS_KEEP = 1
"""Seconds that a client may use an answer without asking again: it does not hear what takes the answer out of date."""

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


WORTH_PACKING = 1_024
"""Bytes of a body from which it is packed, where the other side takes that: below, packing saves no packet."""

PACKED_ASIDE = 131_072
"""Bytes of a body from which it is packed in a thread: it takes milliseconds then, and nothing else would turn."""

_REFUSES_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)


def document(body: dict[str, Any], status: int = HTTPStatus.OK) -> web.Response:
    """Answer with a JSON document."""
    text = compact(body) + "\n"
    return web.Response(text=text, status=status, content_type="application/json", zlib_executor_size=PACKED_ASIDE)


def kept(request: web.Request, served: Served[Any]) -> web.Response:
    """Answer with a copy, or with 304 and no body where the client's says the same.

    The etag is weak, because the body's `as_of` moves on while what it says stays: `Notifyd-As-Of` tells it of a 304.
    https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1
    """
    copy, age = served.copy, int(served.age)
    headers = {
        "Age": str(age),
        "Cache-Control": f"private, max-age={age + CLIENTS_KEEP}, stale-while-revalidate={CLIENTS_KEEP}",
        "ETag": f'W/"{copy.etag}"',
        "Notifyd-As-Of": copy.as_of.isoformat(),
        "Vary": "Authorization",
    }
    if any(one.value in {copy.etag, "*"} for one in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=copy.body, content_type="application/json", charset="utf-8", headers=headers)


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


def silence(error: Exception) -> str:
    """Say why the database does not answer: a time limit of ours has no words of its own."""
    return str(DatabaseUnavailable.because(error) if isinstance(error, TimeoutError) else error)


def compressed(answer: web.Response, request: web.Request) -> web.Response:
    """Pack an answer by gzip where it is large and the other side takes gzip (RFC 9110, section 12.5.3)."""
    answer.headers["Vary"] = "Accept-Encoding"
    takes = request.headers.get("Accept-Encoding", "").lower()
    large = isinstance(answer.body, bytes) and len(answer.body) >= WORTH_PACKING
    if large and "gzip" in takes and not _REFUSES_GZIP.search(takes):
        answer.enable_compression(web.ContentCoding.gzip)
    return answer
