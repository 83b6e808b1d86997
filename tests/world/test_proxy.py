"""The proxy that harms connections: each harm, as a client and a server see it."""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from itertools import pairwise

import anyio
import pytest

from support.proxy import Proxy
from support.waiting import until

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that says back what it hears.

    Attributes:
        heard: All that has arrived, over all connections.
        resets: How many of its connections were reset.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.resets = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its end."""
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionResetError:
            self.resets += 1
        writer.close()


@pytest.fixture
def echo() -> Echo:
    """Give the server's memory."""
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    """Give a proxy in front of a server that echoes."""
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as made:
        yield made


async def _connect(proxy: Proxy) -> Ends:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def _ask(ends: Ends, text: bytes) -> bytes:
    ends[1].write(text)
    return await asyncio.wait_for(ends[0].readexactly(len(text)), 5)


async def _silent(ends: Ends) -> bool:
    """Tell whether nothing comes, for a moment long enough for a loop-back connection."""
    with anyio.move_on_after(0.1):
        await ends[0].read(1)
        return False
    return True


def _unacknowledged(ends: Ends) -> int:
    """Return how many segments the other end's kernel has not confirmed: `tcpi_unacked` of Linux's TCP_INFO."""
    info: bytes = ends[1].get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
    return int.from_bytes(info[24:28], sys.byteorder)


async def test_it_carries_both_ways_and_the_end(proxy: Proxy) -> None:
    """Untouched, a megabyte comes back whole, and closing one end closes the connection."""
    ends = await _connect(proxy)
    assert b"x" * 1_000_000 == await _ask(ends, b"x" * 1_000_000)
    assert (1, 1) == (proxy.connections, proxy.open)
    ends[1].write_eof()
    assert b"" == await asyncio.wait_for(ends[0].read(), 5)
    ends[1].close()
    await until(lambda: proxy.open == 0)
    assert 1 == proxy.connections


async def test_silence_swallows_what_the_standing_ones_carry(proxy: Proxy, echo: Echo) -> None:
    """The standing connection is dead without a word; a new one works."""
    old = await _connect(proxy)
    assert b"one" == await _ask(old, b"one")
    proxy.silence()
    old[1].write(b"two")
    new = await _connect(proxy)
    assert b"three" == await _ask(new, b"three")
    assert await _silent(old)
    assert b"onethree" == echo.heard
    _close(old, new)


async def test_a_stall_loses_nothing(proxy: Proxy, echo: Echo) -> None:
    """Standing and new connections stand still, then both go on with every byte and the end."""
    old = await _connect(proxy)
    assert b"one" == await _ask(old, b"one")
    proxy.stall()
    new = await _connect(proxy)
    for ends in (old, new):
        ends[1].write(b"two")
    old[1].write_eof()
    assert await _silent(old)
    assert await _silent(new)
    assert b"one" == echo.heard
    proxy.resume()
    assert b"two" == await asyncio.wait_for(old[0].read(), 5)
    assert b"two" == await asyncio.wait_for(new[0].readexactly(3), 5)
    _close(old, new)


async def test_a_host_that_vanished_acknowledges_nothing(proxy: Proxy, echo: Echo) -> None:
    """What is sent stays unacknowledged, a new connection gets no answer; after `appear` both go on, with all bytes."""
    old = await _connect(proxy)
    assert b"one" == await _ask(old, b"one")
    proxy.vanish()
    old[1].write(b"two")
    arriving = asyncio.ensure_future(_connect(proxy))
    assert await _silent(old)
    assert _unacknowledged(old) > 0
    assert not arriving.done()
    assert (1, b"one") == (proxy.connections, echo.heard)
    proxy.appear()
    assert b"two" == await asyncio.wait_for(old[0].readexactly(3), 5)
    new = await asyncio.wait_for(arriving, 5)
    assert b"three" == await _ask(new, b"three")
    _close(old, new)


async def test_a_reset_is_seen_on_both_sides(proxy: Proxy, echo: Echo) -> None:
    """Client and server get ECONNRESET, not an orderly end; a new connection works."""
    old = await _connect(proxy)
    assert b"one" == await _ask(old, b"one")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(old[0].read(), 5)
    await until(lambda: echo.resets == 1)
    await until(lambda: proxy.open == 0)
    new = await _connect(proxy)
    assert b"two" == await _ask(new, b"two")
    _close(old, new)


async def test_a_connection_reset_as_it_arrives_is_closed(proxy: Proxy) -> None:
    """Reset before anything was carried, while the proxy stalls: nothing is left open."""
    proxy.stall()
    ends = await _connect(proxy)
    await until(lambda: proxy.open == 1)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(ends[0].read(), 5)
    await until(lambda: proxy.open == 0)
    _close(ends)


async def test_refused_connections_are_refused_until_accept(proxy: Proxy) -> None:
    """No listener, while what stands goes on; then the same port answers."""
    old = await _connect(proxy)
    assert b"one" == await _ask(old, b"one")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await _connect(proxy)
    assert b"two" == await _ask(old, b"two")
    proxy.accept()
    new = await _connect(proxy)
    assert b"three" == await _ask(new, b"three")
    assert 2 == proxy.connections
    _close(old, new)


async def test_a_cut_forwards_so_many_bytes_of_the_next_connection(proxy: Proxy, echo: Echo) -> None:
    """Five bytes arrive and no more; both sides are reset; the connection after that is whole."""
    proxy.cut_after(5)
    cut = await _connect(proxy)
    assert b"one" == await _ask(cut, b"one")
    cut[1].write(b"two")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(cut[0].read(), 5)
    await until(lambda: echo.resets == 1)
    assert b"onetw" == echo.heard
    new = await _connect(proxy)
    assert b"a longer one" == await _ask(new, b"a longer one")
    _close(cut, new)


async def test_a_trickle_is_slow_and_whole(proxy: Proxy) -> None:
    """Twenty bytes a second, from the server alone; the rest at full speed once it ends."""
    ends = await _connect(proxy)
    assert b"one" == await _ask(ends, b"one")
    proxy.trickle(20)
    ends[1].write(b"0123456789")
    moments = []
    for _ in range(3):
        await asyncio.wait_for(ends[0].readexactly(2), 5)
        moments.append(anyio.current_time())
    assert all(0.08 < later - sooner < 1 for sooner, later in pairwise(moments))
    proxy.trickle(None)
    assert b"6789" == await asyncio.wait_for(ends[0].readexactly(4), 5)
    _close(ends)


async def test_a_dead_target_resets_the_client(echo: Echo) -> None:
    """Where nobody listens behind the proxy, the client hears of it."""
    async with await asyncio.start_server(echo.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    async with Proxy(port) as proxy:
        ends = await _connect(proxy)
        with pytest.raises(ConnectionResetError, match=re.escape("reset")):
            await asyncio.wait_for(ends[0].read(), 5)
        _close(ends)


def _close(*connections: Ends) -> None:
    for _, writer in connections:
        writer.transport.abort()
