"""The page's server: static files, a stream of what is new, each mail as a document of its own, and one button.

Binds to loopback. A mail is a stranger's HTML: it is served with a policy that forbids it everything but its looks.
"""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from errno import EADDRINUSE
from importlib.resources import files

import anyio
from aiohttp import web

from notifyd.demo.events import Stream
from notifyd.demo.home import DemoError
from notifyd.demo.watcher import Watcher

PORT = 8320
"""Where the page is, if nobody says otherwise and nobody else is there."""

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_NAMES = (
    "index.html", "icon.svg", "app.css", "inbox.css", "narrow.css",
    "app.js", "figures.js", "mail.js", "phone.js", "words.js",
)  # fmt: skip

Book = Callable[[], Awaitable[str]]
"""Books one visit and returns the job's id."""


class Routes:
    """Path to function."""

    def __init__(self, watcher: Watcher, book: Book, daemon: str) -> None:
        self._watcher = watcher
        self._book = book
        self._daemon = daemon
        self._closing = anyio.Event()

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=1024)
        for name in _NAMES:
            app.router.add_get("/" if name == "index.html" else f"/{name}", self._file)
        app.router.add_get("/daemon", self._lead_on)
        app.router.add_get("/events", self._events)
        app.router.add_get(r"/mail/{number:\d{1,9}}", self._mail)
        app.router.add_post("/bookings", self._booking)
        app.on_shutdown.append(self._close)
        return app

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.path.lstrip("/") or "index.html"
        kind = _KINDS[name.rpartition(".")[2]]
        text = files("notifyd.demo").joinpath("page", name).read_text("utf-8")
        headers = _COMMON | {"Content-Security-Policy": _PAGE_POLICY}
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)

    async def _lead_on(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(self._daemon)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=_COMMON | {"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        async with aclosing(Stream(self._watcher, since).events(self._closing)) as events:
            with suppress(ConnectionResetError, BrokenPipeError):  # the page went away
                async for event in events:
                    await response.write(event)
        return response

    async def _mail(self, request: web.Request) -> web.StreamResponse:
        arrival = self._watcher.inbox.find(int(request.match_info["number"]))
        if arrival is None or not arrival.html:
            raise web.HTTPNotFound(
                text="This mail is no longer kept.", headers={"Content-Security-Policy": _MAIL_POLICY}
            )
        headers = _COMMON | {"Content-Security-Policy": _MAIL_POLICY}
        return web.Response(text=arrival.html, content_type="text/html", charset="utf-8", headers=headers)

    async def _booking(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise web.HTTPForbidden(text="Only the demo's own page books visits.")
        return web.Response(text=json.dumps({"job": await self._book()}), content_type="application/json", status=201)

    async def _close(self, _app: web.Application) -> None:
        self._closing.set()
        self._watcher.inbox.pulse.beat()


def listening(port: int | None) -> socket.socket:
    """Take the page's port before anything else is started.

    Args:
        port: Which one; 0 takes any free one, None the usual one or else any.

    Raises:
        DemoError: the port is in use.
    """
    try:
        return socket.create_server(("127.0.0.1", PORT if port is None else port))
    except OSError as error:
        if error.errno != EADDRINUSE:
            raise
    if port is not None:
        raise DemoError(f"port {port} is in use; --port 0 takes any free one")
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def serve(watcher: Watcher, book: Book, daemon: str, door: socket.socket) -> AsyncIterator[str]:
    """Serve the page while the block runs.

    Args:
        watcher: What the page shows.
        book: What the button does.
        daemon: Where the daemon's own page is.
        door: Where it listens; closed at the end.

    Yields:
        The page's address.
    """
    app = Routes(watcher, book, daemon).app()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, door).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
