"""An answer that the cache has, beside a bare handler that sends the same bytes: what guard, key and cache take.

One viewer asks again and again over one connection, taking turns among all that is compared. Two times are taken of
each request: in the server, from the parsed request to the answer that is ready to be written; and by the viewer.
"""

import socket
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

import anyio
import asyncpg
from aiohttp import web
from anyio import to_thread

from benchmarks.figures import percentile
from benchmarks.salon_schema import PRISMA
from notifyd.dashboards import load
from notifyd.demo.postgres import Cluster
from notifyd.store.migrate import migrate
from notifyd.store.pool import open_store
from notifyd.store.snapshots import open_snapshots
from notifyd.vitals import Vitals
from notifyd.web.cache import Cache
from notifyd.web.dashboards import Dashboards
from notifyd.web.routes import Routes
from notifyd.web.server import HttpConfig, application

BARE, TOKEN = "/bare", "a-token"
DASHBOARD = "/dashboards/contacts?user_id=user-1"

KINDS = {
    "a bare handler": (BARE, False),
    "a dashboard": (DASHBOARD, False),
    "a dashboard, 304": (DASHBOARD, True),
    "/stats": ("/stats", False),
}
"""What is compared: a path, and whether the viewer has the answer already."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Times = dict[str, list[float]]


async def cached(cluster: Cluster, rounds: int) -> str:
    """Measure, and return the figures as text.

    Args:
        cluster: Where the answers are made, once.
        rounds: How often each is asked for.
    """
    dsn = cluster.dsn("cached")
    cluster.run("create database cached")
    await migrate(dsn)
    booking = await asyncpg.connect(dsn)
    await booking.execute(PRISMA.tables())
    await booking.close()
    served: Times = defaultdict(list)
    async with (
        open_store(dsn, "notification_jobs", connections=1, pinned=False) as store,
        open_snapshots(dsn, store.table, pooled=False, replica=False) as reader,
        anyio.create_task_group() as house,
    ):
        vitals = Vitals(started_at=anyio.current_time())
        cache = Cache(house, vitals)
        routes = [
            *Routes(store, store, vitals, 5.0, cache).table(),
            *Dashboards(load(None).dashboards, reader, cache).table(),
        ]
        runner = web.AppRunner(_timed(application(HttpConfig(token=TOKEN), routes), served), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        seen = await to_thread.run_sync(_view, runner.addresses[0][1], rounds)
        await runner.cleanup()
        house.cancel_scope.cancel()
    return _told({kind: served[kind] for kind in KINDS}, seen)


def _timed(guarded: web.Application, served: Times) -> web.Application:
    """Put a clock before the guard, and the bare handler beside it."""
    guard = guarded.middlewares[0]

    async def bare(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * int(request.query["length"]), content_type="application/json")

    @web.middleware
    async def clock(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        answer = await (bare(request) if request.path == BARE else guard(request, handler))
        served[request.headers["Kind"]].append((time.perf_counter() - began) * 1_000)
        return answer

    guarded.middlewares.clear()
    guarded.middlewares.append(clock)
    return guarded


def _view(port: int, rounds: int) -> Times:
    seen: Times = defaultdict(list)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head, body = _ask(line, DASHBOARD, {"Kind": "first"})
        for _ in range(rounds):
            for kind, (path, has) in KINDS.items():
                headers = {"Kind": kind} | ({"If-None-Match": head["etag"]} if has else {})
                asked = f"{path}?length={len(body)}" if path == BARE else path
                began = time.perf_counter()
                _ask(line, asked, headers)
                seen[kind].append((time.perf_counter() - began) * 1_000)
    return seen


def _ask(line: socket.socket, path: str, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    line.sendall("\r\n".join([*lines, "", ""]).encode())
    got = b""
    while b"\r\n\r\n" not in got:
        got += line.recv(65_536)
    top, body = got.split(b"\r\n\r\n", 1)
    told = dict(each.lower().split(": ", 1) for each in top.decode().splitlines()[1:])
    while len(body) < int(told.get("content-length", 0)):
        body += line.recv(65_536)
    return told, body


def _told(served: Times, seen: Times) -> str:
    lines = [
        f"{'milliseconds, p50 / p99':26} {'in the server':>18} {'to the viewer':>18} {'p50 to bare, in the server':>28}"
    ]
    bare = percentile(served["a bare handler"], 50)
    for kind, times in served.items():
        ratio = percentile(times, 50) / bare
        lines.append(f"{kind:26} {_pair(times):>18} {_pair(seen[kind]):>18} {ratio:28.1f}")
    return "\n".join(lines) + "\n"


def _pair(times: list[float]) -> str:
    return f"{percentile(times, 50):.3f} / {percentile(times, 99):.3f}"
