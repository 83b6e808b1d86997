"""The connections kept open to the mail server: at most so many, none kept too long.

Relays close connections that idle or have carried many messages (a message or two late, some of them), so that we
close them first. What can go wrong is opening one: the error of `SmtpSession.open` comes through.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import anyio

from notifyd.transports.smtp_session import SmtpSession

_IDLE = 60.0  # seconds
_MESSAGES = 100
_AGE = 300.0  # seconds


class SmtpPool:
    """Open sessions.

    A slot is held (`async with pool.slots`) by whoever takes or opens a session, until it was given back or aborted.
    """

    def __init__(self, open_session: Callable[[], Awaitable[SmtpSession]], size: int) -> None:
        self._open_session = open_session
        self._idle: list[SmtpSession] = []  # the last one used is taken first, so that the others grow old
        self._sweep: asyncio.TimerHandle | None = None
        self.slots = anyio.Semaphore(size, fast_acquire=True)

    def take(self) -> SmtpSession | None:
        """Return a session that has carried a message before and looks alive, if there is one."""
        while self._idle:
            session = self._idle.pop()
            if session.is_open and not _is_spent(session):
                return session
            session.abort()
        return None

    async def open(self) -> SmtpSession:
        """Return a new session."""
        return await self._open_session()

    def give_back(self, session: SmtpSession) -> None:
        """Keep a session whose last reply was complete."""
        if not session.is_open or _is_spent(session):
            session.abort()
            return
        self._idle.append(session)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE, self._close_spent)

    async def close(self) -> None:
        """Say goodbye on every idle connection, all at once, within a second."""
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, []
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as goodbyes:
                for session in idle:
                    goodbyes.start_soon(session.close)

    def _close_spent(self) -> None:
        kept = [session for session in self._idle if not _is_spent(session)]
        for session in self._idle:
            if session not in kept:
                session.abort()
        self._idle = kept
        self._sweep = asyncio.get_running_loop().call_later(_IDLE / 4, self._close_spent) if kept else None


def _is_spent(session: SmtpSession) -> bool:
    now = monotonic()
    return session.carried >= _MESSAGES or now - session.used >= _IDLE or now - session.opened >= _AGE
