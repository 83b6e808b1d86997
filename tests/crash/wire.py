"""A wire between the daemon and a server: a proxy on 127.0.0.1 that passes frames on one by one, and can be cut."""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from crash.conductor import Conductor
from crash.dialects import Dialect, DialectMaker
from crash.events import Frame

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
_LAST_ANSWER = 5.0  # seconds that a server has to answer what it was sent before its client was gone


class Wire:
    """One proxy.

    Attributes:
        port: Where it listens.
        refused: How many connections were refused since it was cut.
    """

    def __init__(self, target: int, make: DialectMaker, tasks: TaskGroup) -> None:
        """Describe a wire; an async context manager.

        Args:
            target: Where it leads, a port on 127.0.0.1.
            make: Makes what cuts a connection into frames.
            tasks: Carries the connections; a bug in here ends it.
        """
        self.port = 0
        self.refused = 0
        self.conductor: Conductor | None = None
        self._target = target
        self._make = make
        self._tasks = tasks
        self._is_cut = False
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        """Reset all connections, and refuse new ones until `restore`."""
        self._is_cut, self.refused = True, 0
        self.sever()

    def restore(self) -> None:
        """Take connections again."""
        self._is_cut = False

    def sever(self) -> None:
        """Reset all connections. What was not passed on yet never is; servers may finish what they were sent."""
        for connection in self._connections:
            connection.sever()

    async def deserted(self) -> None:
        """Wait until no connection that was severed has an answer outstanding."""
        while gone := [each for each in self._connections if each.severed]:
            await gone[0].ended.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.give_up()
        await self.deserted()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self.refused += 1
            _reset(writer)
            return
        assert self.conductor is not None
        self._tasks.start_soon(self._carry, _Connection(reader, writer, self._make(), self.conductor))

    async def _carry(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        try:
            await connection.carry(self._target)
        finally:
            self._connections.discard(connection)
            connection.ended.set()


class _Connection:
    """One connection: two directions, each frame by frame.

    Attributes:
        severed: Whether it was reset: nothing passes any more.
        ended: Set when both ends are closed.
    """

    def __init__(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, dialect: Dialect, conductor: Conductor
    ) -> None:
        self.severed = False
        self.ended = anyio.Event()
        self._client, self._to_client = client, to_client
        self._dialect, self._conductor = dialect, conductor
        self._outstanding = 0  # commands that were passed on and are not answered yet
        self._scope = anyio.CancelScope()
        self._upwards = anyio.CancelScope()

    def sever(self) -> None:
        """Reset the client's end; the server's is closed when it has answered what it was sent."""
        if not self.severed:
            self.severed = True
            self._upwards.cancel()
            _reset(self._to_client)
            if not self._outstanding:
                self._scope.cancel()
            self._scope.deadline = anyio.current_time() + _LAST_ANSWER

    def give_up(self) -> None:
        """Close both ends at once."""
        self.severed = True
        self._scope.cancel()

    async def carry(self, target: int) -> None:
        """Pass everything on until one of the ends closes."""
        server, to_server = await asyncio.open_connection("127.0.0.1", target)
        try:
            with self._scope:
                async with anyio.create_task_group() as both:
                    both.start_soon(self._carry_up, to_server)
                    await self._carry_down(server)
                    both.cancel_scope.cancel()
        finally:
            to_server.close()
            self._to_client.close()

    async def _carry_up(self, to_server: asyncio.StreamWriter) -> None:
        with self._upwards:
            while data := await _read(self._client):
                for frame in self._dialect.said(data):
                    event = await self._conductor.admit(frame)
                    if self.severed:
                        return
                    to_server.write(frame.data)
                    self._outstanding += frame.verb is not None
                    await self._conductor.passed(event)
        if not self.severed:
            self.sever()

    async def _carry_down(self, server: asyncio.StreamReader) -> None:
        while data := await _read(server):
            for frame in self._dialect.answered(data):
                self._outstanding -= frame.verb is not None and frame.verb != "smtp:greeting"
                await self._pass_down(frame)
                if self.severed and not self._outstanding:
                    return
        self._outstanding = 0
        if (hang_up := self._dialect.left()) is not None:
            await self._pass_down(hang_up)

    async def _pass_down(self, frame: Frame) -> None:
        if self.severed:
            return
        event = await self._conductor.admit(frame)
        if not self.severed:
            self._to_client.write(frame.data)
            await self._conductor.passed(event)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except OSError:
        return b""


def _reset(writer: asyncio.StreamWriter) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    if peer.fileno() >= 0:  # or the other end has reset it before, and it is closed
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
