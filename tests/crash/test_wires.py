"""What the crash-point suite stands on: conversations are cut into the right frames, and wires stop, cut and mend."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import anyio
import pytest

from crash.conductor import Conductor
from crash.dialects import Dialect, Http, Smtp
from crash.events import Event, Frame, Point, Side
from crash.postgres import Postgres
from crash.wire import Wire
from notifyd.demo.mail_sink import MailSink
from support.waiting import until

CLAIM = "select job from jobs"
Said = tuple[str, bytes]


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


STARTUP = struct.pack(">ii", 17, 196608) + b"user\0app\0"
PREPARE = _message(b"P", b"one\0" + CLAIM.encode() + b"\0\0\0") + _message(b"D", b"Sone\0") + _message(b"H")
EXECUTE = _message(b"B", b"\0one\0\0\0\0\0\0\0") + _message(b"E", b"\0\0\0\0\0") + _message(b"S")
ROW = _message(b"D", struct.pack(">hi", 1, 2) + b"42")
READY = _message(b"Z", b"I")

SMTP: list[Said] = [
    ("<", b"220 here\r\n"),
    (">", b"EHLO me\r\n"),
    ("<", b"250-hello\r\n250 SIZE\r\n"),
    (">", b"DATA\r\n"),
    ("<", b"354 go on\r\n"),
    (">", b"Subject: EHLO\r\n\r\n..\r\n.\r\n"),
    ("<", b"250 taken\r\n"),
]
HTTP: list[Said] = [
    (">", b"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\na=b\n"),
    ("<", b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"),
]
SQL: list[Said] = [
    (">", STARTUP),
    ("<", _message(b"R", b"\0\0\0\0") + READY),
    (">", PREPARE),
    ("<", _message(b"t") + _message(b"T")),
    (">", EXECUTE),
    ("<", _message(b"2") + _message(b"C") + READY),
    (">", EXECUTE),
    ("<", _message(b"2") + ROW + READY),
]
CASES: list[tuple[Callable[[], Dialect], list[Said], list[str]]] = [
    (
        Smtp,
        SMTP,
        [
            *("smtp:greeting reply", "smtp:EHLO command", "smtp:EHLO reply", "smtp:DATA command", "smtp:DATA reply"),
            *("smtp:message command", "smtp:message reply"),
        ],
    ),
    (Http, HTTP, ["http:POST command", "http:POST reply"]),
    (
        lambda: Postgres({CLAIM: "sql:claim"}),
        SQL,
        ["sql:claim command", "sql:claim reply idle", "sql:claim command", "sql:claim reply"],
    ),
]


@pytest.mark.parametrize(("make", "talk", "names"), CASES)
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_conversation_is_cut_into_frames(
    make: Callable[[], Dialect], talk: list[Said], names: list[str], piece: int
) -> None:
    """However the bytes arrive: every byte is passed on, in order, and what matters has its name."""
    dialect, frames = make(), list[Frame]()
    for direction, data in talk:
        hear = dialect.said if direction == ">" else dialect.answered
        heard = [frame for start in range(0, len(data), piece) for frame in hear(data[start : start + piece])]
        assert data == b"".join(frame.data for frame in heard)
        frames += heard
    assert names == [
        f"{frame.verb} {frame.half}{' idle' if frame.idle else ''}" for frame in frames if frame.verb is not None
    ]


@pytest.mark.parametrize(("make", "talk", "names"), CASES)
def test_a_server_that_leaves_owing_an_answer_hangs_up(
    make: Callable[[], Dialect], talk: list[Said], names: list[str]
) -> None:
    """The end of a connection is an event where an answer was owed, and none where it was not."""
    dialect = make()
    for direction, data in talk[:-1]:
        (dialect.said if direction == ">" else dialect.answered)(data)
    left = dialect.left()
    assert left is not None
    assert (names[-1].split()[0], "hang-up") == (left.verb, left.half)
    dialect.answered(talk[-1][1])
    assert dialect.left() is None


@asynccontextmanager
async def _wired(target: Point | None = None) -> AsyncIterator[tuple[Wire, MailSink, Conductor]]:
    async def always(_verb: str) -> bool:
        return True

    conductor = Conductor(always, target)
    async with MailSink() as sink, anyio.create_task_group() as tasks, Wire(sink.port, Smtp, tasks) as wire:
        wire.conductor = conductor
        yield wire, sink, conductor


async def _greeted(wire: Wire) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    assert (await reader.readline()).startswith(b"220")
    writer.write(b"EHLO me\r\n")
    return reader, writer


EHLO = Event("smtp:EHLO", 1, "command")


@pytest.mark.parametrize(("side", "seen"), [(Side.BEFORE, 0), (Side.AFTER, 1)])
async def test_a_point_stops_the_world(side: Side, seen: int) -> None:
    """Before a command the server has not had it and never will; after it, it has, and nobody hears the answer."""
    async with _wired(Point(EHLO, side)) as (wire, sink, conductor):
        reader, writer = await _greeted(wire)
        with anyio.fail_after(5):
            await conductor.reached.wait()
            wire.sever()
            await wire.deserted()
        assert seen == sink.commands["ehlo"]
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_the_world_goes_on() -> None:
    """After `resume`, what was held back passes, and the trace has it all."""
    async with _wired(Point(EHLO, Side.BEFORE)) as (wire, _sink, conductor):
        reader, writer = await _greeted(wire)
        with anyio.fail_after(5):
            await conductor.reached.wait()
            conductor.resume()
            assert (await reader.readline()).startswith(b"250")
        writer.close()
        await until(lambda: len(conductor.trace) >= 3)
        assert ["smtp:greeting#1 reply", "smtp:EHLO#1 command", "smtp:EHLO#1 reply"] == _names(conductor.trace)


async def test_a_cut_wire_refuses_and_is_mended() -> None:
    """Standing connections are reset, new ones refused and counted, until it is restored."""
    async with _wired() as (wire, _sink, _conductor):
        reader, writer = await _greeted(wire)
        wire.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        second, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        with pytest.raises(ConnectionResetError):
            await second.read()
        writer.close()
        assert 1 == wire.refused
        wire.restore()
        _, writer = await _greeted(wire)
        writer.close()


def _names(trace: Iterable[Event]) -> list[str]:
    return [str(event) for event in trace]
