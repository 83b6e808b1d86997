"""A superuser's sessions for acts, straight to the server, which other acts may take away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from chaos.stage import Stage
from notifyd.store.connect import AWAY


@asynccontextmanager
async def cut_short(stage: Stage) -> AsyncIterator[None]:
    """Let an act end early where another one takes the server or a lock away."""
    try:
        yield
    except AWAY:
        stage.say("… which another act cut short")


@asynccontextmanager
async def session(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        yield connection
    finally:
        connection.terminate()
