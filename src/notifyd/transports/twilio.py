"""SMS by Twilio's official SDK: one POST for one message, never a second; and the question what became of one.

It raises `SendError` alone. What was cut off after the request was written is `Unknown`, and `find` asks Twilio whether
it has such a message.
"""

from dataclasses import dataclass, field
from typing import Self

from twilio.rest import Client

from notifyd.model.job import Trace
from notifyd.model.message import Message, Sms
from notifyd.model.outcome import Paused, SendError, Sent, Unknown
from notifyd.transports.twilio_codes import ERRORS, classify, classify_inquiry
from notifyd.transports.twilio_find import find
from notifyd.transports.twilio_http import TwilioHttpClient, last_headers

__all__ = ["TwilioConfig", "TwilioTransport"]

_MESSAGING_SERVICE = "MG"


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """How to reach Twilio.

    Attributes:
        callback: Where Twilio reports what became of a message; None asks for no reports.
        sender: A number in E.164 form, an alphanumeric sender, or the SID of a messaging service ("MG…").
        base_url: Where the API is; None means https://api.twilio.com.
        timeout: Seconds to get a connection, and seconds to wait for each piece of the answer; twice that in all.
        connections: The most connections open at once.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str
    base_url: str | None
    timeout: float
    connections: int
    callback: str | None = None


class TwilioTransport:
    """Sends SMS; an async context manager that closes its connections.

    Attributes:
        sender: The number or messaging service that all SMS are from.
    """

    def __init__(self, config: TwilioConfig) -> None:
        self.sender = config.sender
        self._config = config
        serviced = config.sender.startswith(_MESSAGING_SERVICE)
        self._from = {"messaging_service_sid" if serviced else "from_": config.sender}

    async def __aenter__(self) -> Self:
        config = self._config
        self._http = TwilioHttpClient(config.base_url, config.timeout, config.connections)
        self._client = Client(
            config.account_sid,
            config.auth_token,
            http_client=self._http,
            environment={"TWILIO_EDGE": ""},  # not the process's: settings alone read that
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def send(self, message: Message) -> Sent:
        """Hand one SMS to Twilio.

        Returns:
            Twilio's yes; `provider_id` is the message's SID.

        Raises:
            SendError: with what it came to instead.
        """
        assert isinstance(message, Sms)
        last_headers.set({})
        try:
            created = await self._client.messages.create_async(
                to=message.to, body=message.body, **self._from, **self._callback(message)
            )
        except ERRORS as exc:
            raise SendError(classify(exc, last_headers.get())) from None
        if not created.sid:
            raise SendError(Unknown("Twilio said yes with an answer that names no message"))
        return Sent(created.sid)

    async def find(self, trace: Trace) -> tuple[str, ...]:
        """Look for a message that Twilio may have accepted, as `model.message.Inquiry` has it.

        Raises:
            SendError: if Twilio cannot be asked now.
        """
        last_headers.set({})
        try:
            return await find(self._client.messages, trace)
        except ERRORS as exc:
            raise SendError(classify_inquiry(exc, last_headers.get())) from None

    async def prove(self) -> str:
        """Fetch the account: Twilio knows it, takes the token, and has not closed or suspended it.

        Raises:
            SendError: with what an SMS would have come to.
        """
        last_headers.set({})
        try:
            account = await self._client.api.v2010.accounts(self._config.account_sid).fetch_async()
        except ERRORS as exc:
            raise SendError(classify(exc, last_headers.get())) from None
        if account.status != "active":
            raise SendError(Paused(f"account is {account.status}", loud=True))
        return "Twilio knows the account, and takes the token"

    def _callback(self, message: Sms) -> dict[str, str]:
        """Return the address for reports; its query comes back with each, and says which send it is about."""
        if self._config.callback is None:
            return {}
        return {"status_callback": f"{self._config.callback}?delivery={message.key}.{message.lease_id}"}
