"""Runs a stand-in as a process of its own: it says where it serves, then writes down every message it takes."""

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TextIO

import anyio

Write = Callable[[str], None]
"""Takes a message as one line of JSON."""

Opening = Callable[[int, Write], AbstractAsyncContextManager[Mapping[str, object]]]
"""Opens a stand-in on a port (0 means any free one), and gives its address as JSON has it."""


def run_alone(module: str, opening: Opening) -> None:
    """Print the address as one line of JSON, then serve until killed.

    Args:
        module: What Python was told to run.
        opening: Opens the stand-in.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description="A stand-in, served until it is killed.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--out", help="append every message to this file, as one line of JSON; '-' is stdout")
    given = parser.parse_args()
    uvloop = importlib.util.find_spec("uvloop") is not None
    out = sys.stdout if given.out == "-" else Path(given.out).open("a", encoding="utf-8") if given.out else None  # noqa: SIM115
    anyio.run(_serve, opening, given.port, out, backend_options={"use_uvloop": uvloop})


async def _serve(opening: Opening, port: int, out: TextIO | None) -> None:
    def write(message: str) -> None:
        if out is not None:
            out.write(message + "\n")
            out.flush()

    async with opening(port, write) as address:
        sys.stdout.write(json.dumps(address) + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()
