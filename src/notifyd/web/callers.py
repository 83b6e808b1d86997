"""Who asks, by the token that he brings. No token is compared in a way that tells how much of it was right."""

import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may ask.

    Attributes:
        role: What he may see is what is shown to this role; None: he may see everything.
        proved: Whether he has brought a token.
    """

    role: str | None
    proved: bool = True

    def may_see(self, roles: Collection[str]) -> bool:
        """Tell whether what is shown to these roles is shown to him."""
        return self.role is None or self.role in roles


EVERYBODY = Caller(None, proved=False)
"""Where no token is set."""

MASTER = Caller(None)
"""Who brings the token that opens everything."""

CALLER = web.RequestKey("caller", Caller)
"""Where the guard leaves him for the handlers."""


class Callers:
    """All who are known."""

    def __init__(self, token: str | None, roles: Iterable[tuple[str, str]] = ()) -> None:
        """Take the tokens.

        Args:
            token: The one that opens everything; None: everybody may do everything.
            roles: Roles with their tokens; a role may have several.
        """
        known = [] if token is None else [(MASTER, token), *((Caller(role), one) for role, one in roles)]
        self._known = [(caller, one.encode()) for caller, one in known]

    def who(self, authorization: str) -> Caller | None:
        """Return who sends this header; None for a stranger."""
        if not self._known:
            return EVERYBODY
        scheme, _, given = authorization.partition(" ")
        # Bytes, because compare_digest refuses a str that is not ASCII, and a stranger may send one.
        token = given.strip().encode("utf-8", "surrogateescape")
        same = [caller for caller, one in self._known if hmac.compare_digest(token, one)]
        return same[0] if same and scheme.lower() == "bearer" else None


def is_near(request: web.Request) -> bool:
    """Tell whether this machine asks, and for itself: what a proxy passes on comes from somewhere else."""
    if request.remote is None or {"Forwarded", "X-Forwarded-For"} & request.headers.keys():
        return False
    address = ip_address(request.remote)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
