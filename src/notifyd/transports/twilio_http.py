"""The HTTP client that the Twilio SDK sends through, in place of its own.

The SDK's own client ignores its time-out, drops the response's headers and can repeat a POST. This one keeps one
session of aiohttp with limits that hold, and repeats nothing. What can go wrong is aiohttp's to say.
"""

import logging
from base64 import b64encode
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

_API = "https://api.twilio.com"
_KEEP_ALIVE = 15.0  # seconds; the shorter, the rarer a POST on a connection that the other end is just closing

last_headers: ContextVar[Mapping[str, str]] = ContextVar("last_headers")
"""The headers of the last response in this task; the SDK's errors do not carry them."""


class TwilioHttpClient(AsyncHttpClient):  # type: ignore[misc]  # the SDK has no types
    """One session for all calls; made inside a running loop, and closed by its owner."""

    def __init__(self, base_url: str | None, timeout: float, connections: int) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=timeout)
        self._base_url = (base_url or _API).rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            # `connect` includes waiting for a connection. It must end before `total` does: what comes after it has
            # been written. `sock_read` starts anew with every piece of the answer, `total` does not.
            timeout=aiohttp.ClientTimeout(total=2 * timeout, connect=timeout, sock_read=timeout),
        )

    async def request(
        self,
        method: str,
        uri: str,
        *,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002  # the SDK's signature; the session's limits hold
        allow_redirects: bool = False,
    ) -> Response:
        """Make one request, as the SDK asks for it."""
        async with self._session.request(
            method,
            uri.replace(_API, self._base_url, 1),
            params=_texts(params),
            data=urlencode(data, doseq=True).encode() if data else None,
            headers={**(headers or {}), **_authorization(auth)},
            allow_redirects=allow_redirects,
        ) as response:
            last_headers.set(response.headers)
            return Response(response.status, await response.text(errors="replace"), response.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _texts(params: Mapping[str, object] | None) -> dict[str, str] | None:
    return {name: str(value) for name, value in params.items()} if params else None


def _authorization(auth: tuple[Any, Any] | None) -> dict[str, str]:
    """Return the header itself: aiohttp's `BasicAuth` warns that it will go."""
    return {"Authorization": "Basic " + b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()} if auth else {}
