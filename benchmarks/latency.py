"""A network that takes its time: a proxy on 127.0.0.1 that holds back whatever a client says."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65_536


@contextmanager
def slow_wire(target: int, delay: float) -> Iterator[int]:
    """Give the port of a proxy, in threads of its own, that leads to another port.

    Args:
        target: A port on 127.0.0.1.
        delay: Seconds for which each thing a client says is held back: the time added to a round trip.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, target, delay), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: int, delay: float) -> None:
    with suppress(OSError):  # closed
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", target))
            for one, other, wait in ((client, server, delay), (server, client, 0.0)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=_carry, args=(one, other, wait), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, delay: float) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            time.sleep(delay)
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
