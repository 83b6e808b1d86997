"""A TCP proxy that can do what networks do to connections: fall silent, stand still, reset, refuse, cut and crawl."""

import asyncio
import socket
from collections import deque
from dataclasses import dataclass
from typing import Self

from support.sockets import bound, deafen, reset_on_close, undeafen

_CHUNK = 65_536


@dataclass
class _Link:  # one connection, and what is to be done to it
    client: socket.socket
    left: int | None  # bytes of the client until the cut
    silent: bool = False


class Proxy:
    """Forwards bytes on 127.0.0.1, and harms connections as it is told, by the loop that runs it.

    Attributes:
        port: Where it listens; the same after `refuse` and `accept`.
        connections: How many it has accepted so far.
    """

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._standing: dict[asyncio.Task[None], _Link] = {}
        self._flowing = asyncio.Event()
        self._rate: float | None = None
        self._cuts: deque[int] = deque()
        self._listener: socket.socket | None = None
        self._reserved = bound(0)  # and never listening: keeps the port ours while connections are refused
        self.port = self._reserved.getsockname()[1]
        self.connections = 0

    @property
    def open(self) -> int:
        """How many connections stand now."""
        return len(self._standing)

    def silence(self) -> None:
        """Swallow, from now on, whatever the connections that stand now carry; new ones work. Closing goes through."""
        for link in self._standing.values():
            link.silent = True

    def stall(self) -> None:
        """Carry nothing, not even the end of a connection, in either direction until `resume`; nothing is lost."""
        self._flowing.clear()

    def resume(self) -> None:
        """Carry what has piled up since `stall`, and all that follows."""
        self._flowing.set()

    def vanish(self) -> None:
        """Stall as a host does that lost its power: not even the kernel answers, and no connection can be opened."""
        self.stall()
        for sock in self._sockets():
            deafen(sock)

    def appear(self) -> None:
        """Be there again, as if packets had been lost since `vanish`."""
        for sock in self._sockets():
            undeafen(sock)
        self.resume()

    def reset(self) -> None:
        """Reset (RST) the connections that stand now, on both sides; new ones work."""
        for task in self._standing:
            task.cancel()

    def refuse(self) -> None:
        """Refuse new connections until `accept`; those that stand go on."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def accept(self) -> None:
        """Take new connections again, on the same port."""
        if self._listener is None:
            self._listener = bound(self.port)
            self._listener.listen(128)
            asyncio.get_running_loop().add_reader(self._listener, self._take, self._listener)

    def cut_after(self, size: int) -> None:
        """Reset the next connection once this many bytes of its client have been forwarded; again: the one after it."""
        self._cuts.append(size)

    def trickle(self, bytes_per_second: float | None) -> None:
        """Let all servers talk this slowly to their clients; None ends it."""
        self._rate = bytes_per_second

    async def __aenter__(self) -> Self:
        self.accept()
        self.resume()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        self.reset()
        await asyncio.gather(*self._standing, return_exceptions=True)
        self._reserved.close()

    def _sockets(self) -> list[socket.socket]:
        listening = [] if self._listener is None else [self._listener]
        return [*listening, *(link.client for link in self._standing.values())]

    def _take(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.setblocking(False)
        self.connections += 1
        link = _Link(client, self._cuts.popleft() if self._cuts else None)
        task = asyncio.get_running_loop().create_task(self._serve(link))
        self._standing[task] = link
        task.add_done_callback(lambda _: client.close())
        task.add_done_callback(self._standing.pop)

    async def _serve(self, link: _Link) -> None:
        reader, writer = await asyncio.open_connection(sock=link.client)
        ends = [writer]
        try:
            await self._flowing.wait()
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(there_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(reader, there_writer, link))
                both.create_task(self._answer(there_reader, writer, link))
            for end in ends:
                end.close()
                await end.wait_closed()
        except* OSError:
            pass
        finally:  # what befell one side befalls the other
            for end in ends:
                _reset(end)

    async def _ask(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: _Link) -> None:
        while data := await source.read(_CHUNK):
            await self._carry(data[: link.left], sink, link)
            if link.left is not None:
                link.left = max(0, link.left - len(data))
            if link.left == 0:
                raise ConnectionResetError
        await self._carry(b"", sink, link)

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: _Link) -> None:
        while data := await source.read(_CHUNK):
            while data:
                size = len(data) if self._rate is None else max(1, int(self._rate / 10))
                await asyncio.sleep(0 if self._rate is None else size / self._rate)
                await self._carry(data[:size], sink, link)
                data = data[size:]
        await self._carry(b"", sink, link)

    async def _carry(self, data: bytes, sink: asyncio.StreamWriter, link: _Link) -> None:
        await self._flowing.wait()
        if not data:  # the end
            sink.write_eof()
        elif not link.silent:
            sink.write(data)
            await sink.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        reset_on_close(writer.get_extra_info("socket"))
    writer.transport.abort()
