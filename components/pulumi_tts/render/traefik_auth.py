"""Who may come in, and how much they may ask for, as Traefik reads it: the first middlewares of every route.

They are, in this order: the client's own identity is taken away; what the edge shows to the guard is put there, if that
is asked; the login, which puts the right identity in its place; what was shown to come in is taken away; the limits,
which count by who came in; and what the edge shows is taken away, if the request goes straight to an instance.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pulumi_tts.plan.auth import (
    EDGE_HEADER,
    JWT_PATH,
    KEYS_PATH,
    LIMITED_PATH,
    OTHER_SPELLINGS,
    USER_HEADER,
    EdgeAuthPlan,
    LimitsPlan,
    Login,
)
from pulumi_tts.plan.edge import settled
from pulumi_tts.plan.guard import POOL_HEADER
from pulumi_tts.plan.routes import Route
from pulumi_tts.render.yaml_file import Tree, yaml_text

NO_USER = "edge_no-user"
"""Takes away what a client says of who it is; every route to anywhere begins with it."""

TO_GUARD = "edge_to-guard"
"""Puts what the edge shows to the guard where the guard is asked next."""
_PAST_GUARD = "edge_past-guard"
_GUESSES = "edge_guesses"
_BASIC = "edge_basic"
_JWT = "edge_jwt"
_SHOWN = "edge_shown"
_LIMITED = "edge_limited"
HAS_SESSION, HAS_SESSION_PAGE = "session_asked", "session_asked-page"
"""Let pass who has a session by an OpenID provider; the second sends there who has none."""
SESSION_USER = "session_user"
"""Comes after one of them: puts in the session's place whose it is."""
NO_SESSION = "session_none"
"""Takes the session away, on routes that do not ask for it: browsers show it at every name of the stack."""
_CHECKING_MILLISECONDS = 500
"""Of a core in each second, for the passwords that one address shows to one route: what is left, is for speech."""
_MOST_GUESSES = 50
"""A second. Nobody guesses 12 characters at that pace, and no person opens pages at it."""
_GUESSES_AT_ONCE = 200
"""A page of Gradio's or Traefik's dashboard is some 100 files, which a browser asks for with the login each; and twice,
who reloads it. Against a given password that is 12 s of a core once, and then never more than half of one."""
_LONGEST_ANSWER = 16 * 1024  # of the guard: a refusal has some 200 bytes
# One customer has all of them.
_IPV6_SUBNET = 64

_SHOWN_IN = ("Authorization", "X-API-Key")
"""Where a key or a token may be; nowhere else, least of all in an address, which is logged."""


def first_middlewares(route: Route, auth: EdgeAuthPlan, *, page: bool = False) -> list[str]:
    """The names of the middlewares that a request passes before all others of its route.

    ``page`` says that it opens a page: with a login by a provider, who has no session is then sent there.
    """
    settled_route = settled(route, auth)
    login = settled_route.login
    asks = asks_guard(route, auth)
    chain = [NO_USER, *([TO_GUARD] if asks else [])]
    if login is Login.basic:
        chain += [_GUESSES, _BASIC]
    elif login is Login.api_keys:
        chain += [_keys(route.pool), _SHOWN]
    elif login is Login.jwt:
        chain += [_JWT, _SHOWN]
    if login is Login.oidc:
        chain += [HAS_SESSION_PAGE if page else HAS_SESSION, SESSION_USER]
    elif auth.oidc:
        chain.append(NO_SESSION)
    chain += _limits(settled_route, auth.trusted_proxies)
    return chain + ([_PAST_GUARD] if asks and not _leads_to_guard(route) else [])


def without_session(*, shown: bool) -> list[str]:
    """The middlewares of a route to what no session is for; ``shown`` says that browsers show one there."""
    return [TO_GUARD, NO_SESSION, _PAST_GUARD] if shown else []


def asks_guard(route: Route, auth: EdgeAuthPlan) -> bool:
    """Whether the guard is asked about a route's requests, or gets them."""
    own = settled(route, auth)
    return _leads_to_guard(route) or bool(auth.oidc or own.login in (Login.api_keys, Login.jwt) or _limits(own, ()))


def _leads_to_guard(route: Route) -> bool:
    return POOL_HEADER in dict(route.request_headers)


def guard_file(token: str) -> str:
    """The file of what the edge shows to the guard, and takes away again; ``token`` is what the two share."""
    shown = {TO_GUARD: {EDGE_HEADER: token}, _PAST_GUARD: _taken_away(EDGE_HEADER)}
    middlewares = {name: {"headers": {"customRequestHeaders": headers}} for name, headers in shown.items()}
    return yaml_text({"http": {"middlewares": middlewares}})


def login_file(routes: Iterable[Route], auth: EdgeAuthPlan, hashes: Mapping[str, str]) -> str:
    """The file of the middlewares of logins and limits; ``hashes`` has the bcrypt hash of each user's password."""
    settled_routes = [settled(route, auth) for route in routes]
    logins = {route.login for route in settled_routes}
    middlewares: Tree = {NO_USER: {"headers": {"customRequestHeaders": _taken_away(USER_HEADER, *OTHER_SPELLINGS)}}}
    # Without users it would take its routes away; config knows that there are some.
    if Login.basic in logins:
        middlewares[_GUESSES] = guesses(hashes.values(), auth.trusted_proxies)
        middlewares[_BASIC] = _basic(hashes)
    if Login.jwt in logins:
        middlewares[_JWT] = _asked(auth, JWT_PATH)
    for pool in sorted({route.pool for route in settled_routes if route.login is Login.api_keys}):
        middlewares[_keys(pool)] = _asked(auth, KEYS_PATH + pool)
    if {Login.jwt, Login.api_keys} & logins:
        middlewares[_SHOWN] = {"headers": {"customRequestHeaders": _taken_away(*_SHOWN_IN)}}
    for route in sorted(settled_routes, key=lambda route: route.name):
        middlewares |= _limits(route, auth.trusted_proxies)
    sections: Tree = {"middlewares": middlewares}
    if any(route.limits != LimitsPlan() for route in settled_routes):
        sections["services"] = {_LIMITED: {"loadBalancer": {"servers": [{"url": auth.checked_at}]}}}
    return yaml_text({"http": sections})


def _keys(pool: str) -> str:
    return f"edge_keys-{pool}"


def _taken_away(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


def _basic(hashes: Mapping[str, str]) -> Tree:
    users = [f"{name}:{hashed}" for name, hashed in sorted(hashes.items())]
    return {"basicAuth": {"users": users, "realm": "speech", "removeHeader": True, "headerField": USER_HEADER}}


def _asked(auth: EdgeAuthPlan, path: str) -> Tree:
    """The guard is asked; what it says of who it is goes into the header, and into the edge's own log."""
    return {
        "forwardAuth": {
            "address": f"{auth.checked_at}{path}",
            "authRequestHeaders": [*_SHOWN_IN, EDGE_HEADER],
            "authResponseHeaders": [USER_HEADER],
            "headerField": USER_HEADER,
            "maxResponseBodySize": _LONGEST_ANSWER,
        }
    }


def guesses(hashes: Iterable[str], trusted_proxies: Collection[str]) -> Tree:
    """Limits how many passwords one address may try, by what it costs to check them against these bcrypt hashes.

    Traefik cannot tell a guess from a page that shows its login with each file, so both count.
    """
    costliest = max(_check_milliseconds(hashed) for hashed in hashes)
    average = max(1, min(_MOST_GUESSES, int(_CHECKING_MILLISECONDS / costliest)))
    return {
        "rateLimit": {"average": average, "burst": _GUESSES_AT_ONCE, "sourceCriterion": by_address(trusted_proxies)}
    }


def _check_milliseconds(hashed: str) -> float:
    # $2b$10$…: 60 ms, and each further round doubles it.
    return 60.0 * 2.0 ** (int(hashed.split("$")[2]) - 10)


def by_address(trusted_proxies: Collection[str]) -> Tree:
    """By what one client is told from another where nobody has said who they are."""
    if trusted_proxies:
        # The last address of X-Forwarded-For that is not a proxy's: what stands before it, the client itself has said.
        return {"ipStrategy": {"excludedIPs": list(trusted_proxies)}}
    return {"ipStrategy": {"depth": 0, "ipv6Subnet": _IPV6_SUBNET}}


def _limits(route: Route, trusted_proxies: Collection[str]) -> Tree:
    """Those of a route with its own login and limits, in their order."""
    limits = route.limits
    if limits is None or limits == LimitsPlan():
        return {}
    by = by_address(trusted_proxies) if route.login is Login.open else {"requestHeaderName": USER_HEADER}
    # Traefik says when to come again only of a rate, and rounds that to 0 s where it is less than one.
    says_when = {f"{route.name}-limited": _limited()}
    own: Tree = {}
    if limits.rate:
        rate = {"average": limits.rate.average, "period": f"{limits.rate.period}s", "burst": limits.rate.burst}
        if limits.rate.average >= limits.rate.period:
            own |= says_when
        own[f"{route.name}-rate"] = {"rateLimit": {**rate, "sourceCriterion": by}}
    if limits.concurrent:
        own |= says_when
        own[f"{route.name}-busy"] = {"inFlightReq": {"amount": limits.concurrent, "sourceCriterion": by}}
    return own


def _limited() -> dict[str, Any]:
    page = {
        "status": ["429"],
        "service": _LIMITED,
        "query": LIMITED_PATH,
        "errorRequestHeaders": ["Accept", EDGE_HEADER],
    }
    return {"errors": page}
