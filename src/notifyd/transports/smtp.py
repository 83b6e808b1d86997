"""E-mail by SMTP: composes, sends over a pooled connection, and says what it came to.

It raises `SendError` alone. The message is surely not accepted before the final dot, and `Unknown` after it until the
server has answered; it is repeated here in one case only: a relay hung up on an idle connection before it took MAIL.
"""

import re
import ssl
from functools import partial
from typing import Self

import aiosmtplib

from notifyd.model.message import Email, Message
from notifyd.model.outcome import Permanent, SendError, Sent
from notifyd.transports.mime import Letter, compose
from notifyd.transports.smtp_codes import Phase, classify
from notifyd.transports.smtp_pool import SmtpPool
from notifyd.transports.smtp_session import SmtpConfig, SmtpSession, is_hang_up, is_refusal

__all__ = ["SmtpConfig", "SmtpTransport"]

_NOT_FOR_THE_LEDGER = re.compile(r"\S*@\S*|[^\x20-\x7e]+")  # addresses, and what is not printable
_LONGEST_ID = 120
_PROTECTION = {"starttls": "encrypted by STARTTLS", "tls": "encrypted by TLS", "none": "not encrypted"}


class SmtpTransport:
    """Sends e-mails; an async context manager that closes its connections.

    Attributes:
        sender: The address that all mail is from.
    """

    def __init__(self, config: SmtpConfig) -> None:
        self.sender = config.sender
        login = "logged in" if config.username else "without a login"
        self._reached = f"{config.host}:{config.port} takes mail, {_PROTECTION[config.tls]}, {login}"
        context = None if config.tls == "none" else ssl.create_default_context()
        self._pool = SmtpPool(partial(SmtpSession.open, config, context), config.connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def send(self, message: Message) -> Sent:
        """Hand one e-mail to the mail server.

        Returns:
            The server's yes; `provider_id` is its text, which names the queue id on most servers.

        Raises:
            SendError: with what it came to instead.
        """
        assert isinstance(message, Email)
        try:
            letter = compose(message, self.sender)
        except ValueError as exc:
            raise SendError(Permanent(str(exc))) from None
        async with self._pool.slots:
            return Sent(_provider_id(await self._send(letter)))

    async def prove(self) -> str:
        """Connect, encrypt and log in as for an e-mail, and send none.

        Raises:
            SendError: with what an e-mail would have come to.
        """
        async with self._pool.slots:
            try:
                session = await self._pool.open()
            except (aiosmtplib.SMTPException, OSError) as exc:
                raise SendError(classify(exc, Phase.CONNECT)) from None  # its text may hold addresses
            self._pool.give_back(session)
        return self._reached

    async def _send(self, letter: Letter) -> str:
        if (reused := self._pool.take()) is not None:
            try:
                return await self._deliver(reused, letter)
            except (aiosmtplib.SMTPException, OSError) as exc:
                if reused.phase is not Phase.MAIL or not is_hang_up(exc):
                    raise SendError(classify(exc, reused.phase)) from None
        try:
            session = await self._pool.open()
        except (aiosmtplib.SMTPException, OSError) as exc:
            raise SendError(classify(exc, Phase.CONNECT)) from None
        try:
            return await self._deliver(session, letter)
        except (aiosmtplib.SMTPException, OSError) as exc:
            raise SendError(classify(exc, session.phase)) from None

    async def _deliver(self, session: SmtpSession, letter: Letter) -> str:
        """Deliver, and keep the connection only after a complete reply; cancellation is no reply."""
        try:
            text = await session.deliver(letter)
        except aiosmtplib.SMTPResponseException as exc:
            if is_refusal(exc):
                await self._clean_up(session)
            else:
                session.abort()
            raise
        except BaseException:
            session.abort()
            raise
        self._pool.give_back(session)
        return text

    async def _clean_up(self, session: SmtpSession) -> None:
        try:
            await session.reset()
        except (aiosmtplib.SMTPException, OSError):  # the first answer is what counts
            session.abort()
        except BaseException:
            session.abort()
            raise
        else:
            self._pool.give_back(session)


def _provider_id(text: str) -> str:
    return " ".join(_NOT_FOR_THE_LEDGER.sub(" ", text).split())[:_LONGEST_ID]
