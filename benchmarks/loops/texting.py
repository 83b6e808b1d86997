"""The Twilio SDK over one session of aiohttp: no time limits, no errors looked at, nothing kept."""

import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

_API = "https://api.twilio.com"

SendSms = Callable[[str, str], Awaitable[None]]
"""Sends a text (second) to a number (first)."""


class _Http(AsyncHttpClient):  # type: ignore[misc] # the SDK has no types
    def __init__(self, session: aiohttp.ClientSession, base_url: str, credentials: str) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._session = session
        self._base_url = base_url
        self._headers = {"Authorization": "Basic " + b64encode(credentials.encode()).decode()}

    async def request(self, method: str, uri: str, *, data: Mapping[str, Any], **_: Any) -> Response:
        url = uri.replace(_API, self._base_url, 1)
        async with self._session.request(method, url, data=data, headers=self._headers) as response:
            return Response(response.status, await response.text(), response.headers)


@asynccontextmanager
async def open_twilio(url: str, sender: str) -> AsyncIterator[SendSms]:
    """Open a session to a base URL with account and token in it."""
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    account, _, token = credentials.partition(":")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(account, token, http_client=_Http(session, f"{parts.scheme}://{host}", credentials))

        async def send(to: str, body: str) -> None:
            await client.messages.create_async(to=to, body=body, from_=sender)

        yield send
