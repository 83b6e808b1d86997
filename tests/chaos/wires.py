"""The connections of one daemon to the three things it needs, each through a proxy of its own.

So one daemon can be cut off while its neighbours go on, as happens to one machine of several.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from support.proxy import Proxy

SERVICES = ("PostgreSQL", "SMTP", "Twilio")


@dataclass(frozen=True, slots=True)
class Wires:
    """The proxies of one daemon."""

    postgres: Proxy
    smtp: Proxy
    twilio: Proxy

    def to(self, service: str) -> Proxy:
        """Return the one to a service, by its name in `SERVICES`."""
        return dict(zip(SERVICES, (self.postgres, self.smtp, self.twilio), strict=True))[service]


@asynccontextmanager
async def open_wires(postgres: int, smtp: int, twilio: int) -> AsyncIterator[Wires]:
    """Put a proxy in front of each of these ports."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(port)) for port in (postgres, smtp, twilio)]
        yield Wires(*proxies)
