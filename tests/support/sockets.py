"""What can be done to one TCP socket: share a port, end with a reset, and be as deaf as a host without power."""

import ctypes
import socket
import struct
from contextlib import suppress

_RST = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing sends a reset
_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # SO_ATTACH_FILTER and SO_DETACH_FILTER, include/uapi/asm-generic/socket.h
_DROP = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # in classic BPF: return 0, keep no byte
_PROGRAM = struct.pack("@HP", 1, ctypes.addressof(_DROP))  # struct sock_fprog: one instruction


def bound(port: int) -> socket.socket:
    """Return a socket on this port of 127.0.0.1, 0 for any free one; several may be bound to the same."""
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def reset_on_close(sock: socket.socket) -> None:
    """Let closing send a reset, and nothing that was still to be sent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)


def deafen(sock: socket.socket) -> None:
    """Drop every packet that arrives: the kernel acknowledges nothing, and a listening socket answers no SYN."""
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, _PROGRAM)


def undeafen(sock: socket.socket) -> None:
    """Let packets arrive again; what the other end has sent meanwhile it sends anew."""
    with suppress(FileNotFoundError):  # it was not deaf
        sock.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
