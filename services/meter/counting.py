"""From requests to what is counted for whom."""

from __future__ import annotations

from collections.abc import Iterable

from meter.audio import sounds_for
from meter.ledger import MICRO, Key, Used
from meter.lines import Request
from meter.plan import Plan

NOBODY = "(none)"
"""Who came in where nobody is asked."""
OTHERS = "(other)"
"""All who have no place of their own."""
LONGEST = 128
"""Characters of a name, at most."""


class Names:
    """Whom it is counted for by their names: those of the config, and the first so many others that came.

    An identity provider may know a million people, and each would be some series of Prometheus'.
    """

    def __init__(self, known: Iterable[Key]) -> None:
        self._tenants: set[str] = set()
        self._ways: set[tuple[str, str]] = set()
        for key in known:
            self._tenants.add(key.tenant)
            self._ways.add((key.pool, key.route))

    def tenant(self, name: str | None, plan: Plan) -> str:
        if name is None:
            return NOBODY
        if name in plan.tenants or name in self._tenants:
            return name
        others = len(self._tenants - plan.tenants - {NOBODY, OTHERS})
        if others >= plan.most or len(name) > LONGEST:
            return OTHERS
        self._tenants.add(name)
        return name

    def way(self, pool: str, route: str, plan: Plan) -> tuple[str, str]:
        """The pool and the route, of those that the plan has, or that have been counted before."""
        if (pool, route) in self._ways:
            return pool, route
        if pool not in plan.pools:
            return OTHERS, OTHERS
        return (pool, route) if route in plan.routes else (pool, OTHERS)


def counted(requests: Iterable[Request], plan: Plan, names: Names) -> dict[tuple[str, Key], Used]:
    """What requests used, by day and key."""
    found: dict[tuple[str, Key], Used] = {}
    for request in requests:
        key = Key(names.tenant(request.tenant, plan), *names.way(request.pool, request.route, plan))
        amount = found.setdefault((request.day, key), Used())
        amount += _used(request, plan)
    return found


def _used(request: Request, plan: Plan) -> Used:
    pool = plan.pools.get(request.pool)
    if pool is None:
        return Used(requests=1, sent=request.sent)
    seconds = request.told
    if seconds is None:
        seconds = sounds_for(pool.audio, request.status, request.content_type, request.sent) if pool.audio else 0.0
    busy = request.worked if pool.works and request.instance else 0.0
    share = plan.shares.get(request.instance or "", 0.0)
    return Used(1, round(seconds * MICRO), round(busy * MICRO), round(busy * share * MICRO), request.sent)
