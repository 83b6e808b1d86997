"""`GET /jobs`: jobs, newest first, page by page.

Whoever holds no token is told nothing personal: not who the client is, which appointment it is about, or what the
message says; nor an `error`, which another worker may have written with an address in it. With a token each of them may
be asked for by name.
"""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.listing import MOST_ROWS, MOST_ROWS_WITH_TEXTS, STATUSES, TOP, PlaceUnreadable, Wanted, list_jobs
from notifyd.store.pool import Store
from notifyd.web import cursor
from notifyd.web.answers import compressed, document, refusal
from notifyd.web.queries import BadQuery, known, moment, number, several, value

PATH = "/jobs"

FIELDS = (
    "id", "salon_id", "type", "status", "attempts", "max_attempts", "created_at", "updated_at", "processed_at",
)  # fmt: skip
"""What a job is told by."""

PERSONAL = ("client_id", "appointment_id", "error", "payload")
"""What is told to holders of the token alone, when they ask for it."""

TEXTS = ("error", "payload")
"""What is so long that a page with it has fewer jobs."""

UNSERVED = ("type", "appointment_id")
"""Filters that no index of ours serves: every row is read that the others leave."""

PARAMETERS = (
    "status", "salon_id", "type", "appointment_id", "created_from", "created_to", "fields", "limit", "cursor",
)  # fmt: skip

_FROM_THE_TOP = "begin without a cursor, and pass on `next` as it is"


class _NeedsTokenError(Exception):
    """Something personal is asked for where nobody has to show a token."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the handler needs.

    Attributes:
        store: The database, on connections for lists alone: a filter that hardly any row passes takes one for seconds.
        guarded: Whether whoever gets here has shown a token.
    """

    store: Store
    guarded: bool

    def table(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.get(PATH, self.jobs)]

    async def jobs(self, request: web.Request) -> web.Response:
        """One page, and where the next one begins."""
        try:
            fields, wanted = self._read(request.query)
            page = await list_jobs(self.store, wanted)
        except _NeedsTokenError:
            cure = "set http_token and send it, or ask for other fields; appointment_id is personal as a filter too"
            return refusal(HTTPStatus.FORBIDDEN, "personal data are told to holders of a token alone", cure)
        except BadQuery as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error), error.cure)
        except (cursor.CursorUnreadable, PlaceUnreadable):
            return refusal(HTTPStatus.BAD_REQUEST, "cursor is none that was given here", _FROM_THE_TOP)
        except DatabaseUnavailable as error:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, f"the database gave no page: {error}", _cure(wanted), Retry_After="2"
            )
        told: dict[str, Any] = {
            "jobs": [{name: job[name] for name in fields} for job in page.jobs],
            "next": cursor.write(page.end) if page.end else None,
        }
        return compressed(document(told), request)

    def _read(self, query: MultiMapping[str]) -> tuple[tuple[str, ...], Wanted]:
        known(query, PARAMETERS)
        fields = several(query, "fields", (*FIELDS, *PERSONAL), FIELDS)
        appointment_id = value(query, "appointment_id")
        if not self.guarded and (appointment_id or set(fields) & set(PERSONAL)):
            raise _NeedsTokenError
        most = MOST_ROWS_WITH_TEXTS if set(fields) & set(TEXTS) else MOST_ROWS
        wanted = Wanted(
            statuses=several(query, "status", STATUSES, STATUSES),
            salon_id=value(query, "salon_id"),
            type=value(query, "type"),
            appointment_id=appointment_id,
            created_from=moment(query, "created_from"),
            created_to=moment(query, "created_to"),
            error="error" in fields,
            payload="payload" in fields,
            limit=number(query, "limit", 50, most),
        )
        below = value(query, "cursor")
        return fields, replace(wanted, below=cursor.read(below) if below else TOP)


def _cure(wanted: Wanted) -> str:
    """Say how to get the page; what the database lacks of an index, another filter makes up for."""
    unserved = [name for name in UNSERVED if getattr(wanted, name) is not None]
    if not unserved:
        return "ask again in a moment"
    also = "created_from" if wanted.salon_id else "salon_id, or created_from"
    return f"ask again in a moment; no index serves {' and '.join(unserved)}: give {also} too, so that less is read"
