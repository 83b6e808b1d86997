"""Dashboards over HTTP: who may see which, what he asks for, and what stands in the way of an answer.

Everything that an answer depends on is in its key in the cache: all parameters, and `now` where it is given. So whoever
may see a dashboard gets the copy that was made for another who may see it, and who may is decided before that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web

from notifyd import log
from notifyd.model.dashboard import Dashboard
from notifyd.model.parameters import Unacceptable, accept
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.dashboards import NothingThere, run
from notifyd.store.pool import Store
from notifyd.store.unusable import Unusable
from notifyd.web.answers import document, kept, silence
from notifyd.web.cache import Cache, TooManyLoads
from notifyd.web.callers import CALLER, Caller, is_near
from notifyd.web.copies import Copy, Keep, Served, Source
from notifyd.web.queries import BadQuery, values

NOW = "now"
"""The parameter that stands in for the database's clock; no definition can have one of this name."""

OUR_SCHEMA = "notifyd."
"""Dashboards whose SQL names it show notifyd's own counts."""


class _Refused(Exception):  # noqa: N818 - an answer
    """There will be no answer, and why; where asking again helps, after how many seconds."""

    def __init__(self, status: HTTPStatus, error: str, cure: str, again: int | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.cure, self.again = status, error, cure, again

    def told(self) -> web.Response:
        answer = document({"success": False, "error": self.error, "cure": self.cure}, self.status)
        if self.again is not None:
            answer.headers["Retry-After"] = str(self.again)
        return answer


class Dashboards:
    """What the handlers need."""

    def __init__(self, definitions: Mapping[str, Dashboard], store: Store, cache: Cache) -> None:
        """Take what there is.

        Args:
            definitions: What there is to see, by name.
            store: Where it is read.
            cache: Where it is kept.
        """
        self._definitions = definitions
        self._cache = cache
        self._sources = {name: _source(store, dashboard) for name, dashboard in definitions.items()}

    def table(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/dashboards", self.index), web.get("/dashboards/{name}", self.show)]

    async def index(self, request: web.Request) -> web.Response:
        """Name the dashboards that this caller may see, and what they take."""
        caller: Caller = request[CALLER]
        seen = [_described(each) for each in self._definitions.values() if caller.may_see(each.roles)]
        return document({"success": True, "data": seen})

    async def show(self, request: web.Request) -> web.Response:
        """Answer with one dashboard."""
        try:
            dashboard = self._wanted(request)
            return kept(request, await self._asked(dashboard, _given(request, dashboard)))
        except _Refused as refused:
            return refused.told()
        except Unusable as error:
            return _unusable(error, request[CALLER]).told()

    def _wanted(self, request: web.Request) -> Dashboard:
        dashboard, caller = self._definitions.get(request.match_info["name"]), request[CALLER]
        if dashboard is None:
            raise _Refused(
                HTTPStatus.NOT_FOUND, "there is no dashboard of this name", "/dashboards names those there are"
            )
        if not caller.may_see(dashboard.roles):
            cure = "send another token, or name the role in the dashboard's `roles`"
            raise _Refused(HTTPStatus.FORBIDDEN, "this dashboard is not shown to this token's role", cure)
        return dashboard

    async def _asked(self, dashboard: Dashboard, given: Mapping[str, str]) -> Served[None]:
        try:
            return await self._cache.get(self._sources[dashboard.name], given)
        except TooManyLoads:
            busy, why = "too many different answers are asked for at once", "ask again in a moment"
        except (DatabaseUnavailable, TimeoutError) as error:
            busy, why = (
                f"the database does not answer: {silence(error)}",
                "ask again in a moment; notifyd waits for it too",
            )
        raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, busy, why, again=2)


def _source(store: Store, dashboard: Dashboard) -> Source[None]:
    load, keep = partial(_load, store, dashboard), Keep(dashboard.ttl, dashboard.stale)
    return Source(f"dashboards/{dashboard.name}", keep, load, ours=is_ours(dashboard))


async def _load(store: Store, dashboard: Dashboard, parameters: Mapping[str, str]) -> Copy[None]:
    given = dict(parameters)
    now = given.pop(NOW, None)
    try:
        answer = await run(store, dashboard, given, None if now is None else datetime.fromisoformat(now))
    except Unacceptable as error:
        raise _unacceptable(error) from None
    except NothingThere:
        cure = "give its id as it stands in the table"
        raise _Refused(HTTPStatus.NOT_FOUND, "there is nothing to show: no such salon", cure) from None
    except Unusable as error:
        name = dashboard.name
        log.at_most_every(60.0, "dashboard.unusable", name, dashboard=name, reason=str(error), cure=error.cure)
        raise
    shown = {"success": True, "data": answer.data, "as_of": answer.as_of.isoformat()}
    return Copy.of(None, shown, answer.as_of)


def _unusable(error: Unusable, caller: Caller) -> _Refused:
    """Return what a caller is told: names of tables are for who may see everything. Asking again does not help."""
    told, cure = "this dashboard cannot be shown", "tell whoever runs notifyd; its log says why"
    if caller.role is None:
        told, cure = str(error), error.cure
    return _Refused(HTTPStatus.SERVICE_UNAVAILABLE, told, cure)


def _given(request: web.Request, dashboard: Dashboard) -> dict[str, str]:
    """Return all that the answer depends on, as it was read: defaults too, and 12 for +012."""
    try:
        given = values(request.query)
        now = given.pop(NOW, None)
        read = accept(dashboard.parameters, given)
    except BadQuery as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error), "give each parameter once") from None
    except Unacceptable as error:
        raise _unacceptable(error) from None
    told = {name: str(value) for name, value in read.items() if value is not None}
    return told if now is None else {**told, NOW: _moment(request, now)}


def _moment(request: web.Request, text: str) -> str:
    caller: Caller = request[CALLER]
    if (caller.role is not None or not caller.proved) and not is_near(request):
        raise _Refused(HTTPStatus.FORBIDDEN, "now is not for everybody", "leave it out, or ask with http_token")
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        cure = "give it as in 2026-11-30T12:00:00Z; a + is written %2B"
        raise _Refused(HTTPStatus.BAD_REQUEST, "now is no moment", cure) from None


def _unacceptable(error: Unacceptable) -> _Refused:
    return _Refused(HTTPStatus.BAD_REQUEST, f"{error.parameter} {error.why}", error.cure)


def is_ours(dashboard: Dashboard) -> bool:
    """Tell whether a dashboard shows notifyd's own counts."""
    sql = (variant.pieces for part in dashboard.parts for variant in part.variants)
    return any(OUR_SCHEMA in piece for pieces in sql for piece in pieces)


def _described(dashboard: Dashboard) -> dict[str, Any]:
    parameters = [
        {"name": each.name, "kind": each.kind.value, "required": each.required}
        for each in dashboard.parameters.values()
    ]
    return {"name": dashboard.name, "title": dashboard.title, "parameters": parameters}
