"""Takes Twilio's status callbacks: proves the caller, writes down what he says, and tells strangers nothing.

The signature is the authentication: no token is asked for here, and whoever cannot sign gets the same answer whatever
he sends. A callback is answered when it is committed; many share one statement.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from notifyd import log
from notifyd.model.receipt import Forged, Receipt, ReceiptState
from notifyd.store.receipts import Heard, Received
from notifyd.vitals import Vitals
from notifyd.web.answers import refusal

PATH = "/receipts/twilio"

MOST_FIELDS = 100
"""Fields of one callback; Twilio sends about a dozen."""


class Reader(Protocol):
    """Proves and reads one callback."""

    def read(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Receipt | None:
        """Return what it says, None for nothing of ours; raises `Forged` where the caller is not the provider."""
        ...


@dataclass(frozen=True, slots=True)
class Receipts:
    """What the handler needs.

    Attributes:
        reader: Proves and reads a callback.
        write: Commits a receipt.
    """

    reader: Reader
    write: Callable[[Receipt], Awaitable[Heard]]
    vitals: Vitals

    def table(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.post(PATH, self.twilio)]

    async def twilio(self, request: web.Request) -> web.Response:
        """Take one callback; 204 when it is committed, or of no use."""
        try:
            form = _form(await request.read())
            receipt = self.reader.read(request.raw_path, form, request.headers)
        except Forged:
            self.vitals.receipts_total["sms", "forged"] += 1
            log.at_most_every(60.0, "receipt.forged", what="a callback without Twilio's signature was turned away")
            return refusal(HTTPStatus.FORBIDDEN, "the signature is missing or wrong", "only Twilio may call this")
        if receipt is not None:
            heard = await self.write(receipt)
            self.vitals.receipts_total["sms", heard.result.value] += 1
            _tell(receipt, heard)
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _form(body: bytes) -> MultiDict[str]:
    """Read `application/x-www-form-urlencoded`, whatever the header says; what is none cannot be signed either."""
    try:
        return MultiDict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Forged from None


def _tell(receipt: Receipt, heard: Heard) -> None:
    fields = {"job": heard.job_id, "channel": receipt.channel.value, "provider_id": receipt.provider_id}
    if heard.result is Received.STRAY:
        what = "the ledger has no such message: the job is gone, or this is a second message of one delivery"
        log.warning("receipt.stray", **fields, job_key=receipt.key, state=receipt.state.value, what=what)
    elif heard.result is Received.RESENT:
        log.warning("receipt.undelivered", **fields, reason=receipt.reason, next="sent once more, later")
    elif heard.result is Received.APPLIED and receipt.state is ReceiptState.UNDELIVERED:
        tell = log.error if receipt.loud else log.warning
        after = "this number is not written to again" if receipt.suppress else None
        tell("receipt.undelivered", **fields, reason=receipt.reason, what=after)
    else:
        log.debug("receipt.received", **fields, state=receipt.state.value, result=heard.result.value)
