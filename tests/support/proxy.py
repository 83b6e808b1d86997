"""A TCP proxy that can fall silent without closing anything: what a lost packet filter state looks like."""

import asyncio
from types import TracebackType
from typing import Self


class SilentProxy:
    """Forwards bytes on 127.0.0.1 until it is told to swallow them.

    Attributes:
        port: Where it listens.
        connections: How many it has accepted.
    """

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._silent: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0

    def silence(self) -> None:
        """Swallow, from now on, whatever the connections that stand now carry; new ones work."""
        self._silent.update(range(1, self.connections + 1))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.get_running_loop().create_task(self._carry(source, sink, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, number: int) -> None:
        try:
            while data := await source.read(65536):
                if number not in self._silent:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()
