"""Opens the transports that the settings ask for, and the reader of what comes back.

A provider's library is imported only where it is used.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from notifyd.engine.channels import Outlet, Outlets
from notifyd.model.job import Channel
from notifyd.settings import Settings
from notifyd.transports.folder import FolderTransport
from notifyd.transports.null import NullTransport

if TYPE_CHECKING:
    from notifyd.transports.twilio_receipts import TwilioReceipts


@asynccontextmanager
async def open_outlets(settings: Settings) -> AsyncIterator[Outlets]:
    """Open a transport for each channel that is not off; close them all at the end.

    Opening connects to nobody: a provider that is down is found by the first message.
    """
    async with AsyncExitStack() as stack:
        opened = (await _open_email(settings, stack), await _open_sms(settings, stack))
        yield {outlet.channel: outlet for outlet in opened if outlet is not None}


async def _open_email(settings: Settings, stack: AsyncExitStack) -> Outlet | None:
    if settings.email_transport != "smtp":
        return _open_local(Channel.EMAIL, settings.email_transport, settings)
    from notifyd.transports.smtp import SmtpConfig, SmtpTransport  # noqa: PLC0415 - only where it is used

    config = SmtpConfig(
        host=settings.smtp_host or "",
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        sender=settings.smtp_from or "",
        connections=settings.smtp_connections,
        timeout=settings.smtp_timeout.total_seconds(),
    )
    transport = await stack.enter_async_context(SmtpTransport(config))
    # One slot for each connection: whoever has written its intent need not wait, so few are in doubt after a crash.
    return Outlet(Channel.EMAIL, transport, transport.sender, settings.smtp_connections)


async def _open_sms(settings: Settings, stack: AsyncExitStack) -> Outlet | None:
    if settings.sms_transport != "twilio":
        return _open_local(Channel.SMS, settings.sms_transport, settings)
    from notifyd.transports.twilio import TwilioConfig, TwilioTransport  # noqa: PLC0415 - 25 MB, only where it is used

    config = TwilioConfig(
        account_sid=settings.twilio_account_sid or "",
        auth_token=settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else "",
        sender=settings.twilio_from or "",
        base_url=settings.twilio_base_url,
        timeout=settings.twilio_timeout.total_seconds(),
        connections=settings.twilio_connections,
        callback=settings.receipts_url,
    )
    transport = await stack.enter_async_context(TwilioTransport(config))
    return Outlet(Channel.SMS, transport, transport.sender, settings.twilio_connections, transport.find)


def open_receipts(settings: Settings) -> "TwilioReceipts | None":
    """Return the reader of Twilio's callbacks, where the settings say that there are any."""
    secret = settings.twilio_webhook_secret or settings.twilio_auth_token
    if settings.public_url is None or settings.sms_transport != "twilio" or secret is None:
        return None
    from notifyd.transports.twilio_receipts import TwilioReceipts  # noqa: PLC0415 - only where it is used

    return TwilioReceipts(settings.receipts_origin, secret.get_secret_value())


def _open_local(channel: Channel, kind: str, settings: Settings) -> Outlet | None:
    """Open a transport that reaches nobody."""
    match kind:
        case "folder" if settings.outbox_dir is not None:
            folder = FolderTransport(settings.outbox_dir)
            return Outlet(channel, folder, folder.sender, settings.max_in_flight)
        case "null":
            null = NullTransport()
            return Outlet(channel, null, null.sender, settings.max_in_flight)
        case _:
            return None
