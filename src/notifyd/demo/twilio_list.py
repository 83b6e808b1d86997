"""How the stand-in lists its messages: by number, newest first, in pages, and a while late if it is told to be.

Pure. Like Twilio's, a page names the next one; unlike Twilio's, filters by date are ignored, so every message shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from notifyd.demo.twilio_words import ReceivedSms, resource

_PAGE_SIZE = 50  # https://www.twilio.com/docs/usage/twilios-response#pagination
_LARGEST_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list request is answered from.

    Attributes:
        messages: Those that show by now, oldest first.
    """

    account_sid: str
    messages: Iterable[ReceivedSms]

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer one request.

        Args:
            query: `To`, `From`, `PageSize`, and `PageToken` (the SID that the page before ended with).
        """
        size = min(int(query.get("PageSize", _PAGE_SIZE)), _LARGEST_PAGE)
        found = self._found(query.get("To"), query.get("From"))
        sids = [message.sid for message in found]
        start = sids.index(query["PageToken"]) + 1 if query.get("PageToken") in sids else 0
        shown, rest = found[start : start + size], found[start + size :]
        following = {**query, "PageSize": str(size), "PageToken": shown[-1].sid} if rest else None
        return {
            "messages": [resource(self.account_sid, message) for message in shown],
            "page_size": size,
            "uri": self._uri(query),
            "first_page_uri": self._uri({**query, "PageToken": ""}),
            "next_page_uri": None if following is None else self._uri(following),
            "previous_page_uri": None,
        }

    def _found(self, to: str | None, sender: str | None) -> list[ReceivedSms]:
        matching = [m for m in self.messages if to in {None, m.to} and sender in {None, m.sender}]
        return matching[::-1]

    def _uri(self, query: Mapping[str, str]) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Messages.json?{urlencode(query)}"
