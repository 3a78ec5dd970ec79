"""A login by an OpenID provider, as Traefik reads it: who has a session, and the pages around it.

The session is a cookie, which browsers show at every name of the stack. So where there is such a login, the guard is
asked on every route, also those that ask for none, what is left of the cookies without it.
"""

from collections.abc import Sequence

from pulumi_tts.plan.auth import (
    COOKIES_PATH,
    EDGE_HEADER,
    EMAIL_HEADER,
    SESSION_PATH,
    SIGNED_OUT_PATH,
    USER_HEADER,
    EdgeAuthPlan,
)
from pulumi_tts.plan.oidc import CALLBACK_PATH, SIGN_OUT_PATH, OidcPlan
from pulumi_tts.render import oauth2_proxy
from pulumi_tts.render.traefik_auth import (
    HAS_SESSION,
    HAS_SESSION_PAGE,
    NO_SESSION,
    NO_USER,
    SESSION_USER,
    TO_GUARD,
    by_address,
)
from pulumi_tts.render.traefik_front import PATHS
from pulumi_tts.render.traefik_tls import entry_point
from pulumi_tts.render.yaml_file import Tree, yaml_text

_PAGES, _SIGNED_OUT, _PACE = "session_pages", "session_signed-out", "session_pace"
_PROXY, _GUARD = "session_proxy", "session_guard"
_UNTRACED = {"observability": {"tracing": False}}  # speech is traced; and here a client's own trace would be followed

_LOGINS, _LOGINS_AT_ONCE = 10, 100
"""A second, of one address: each makes oauth2-proxy ask the provider."""
_LONGEST_ANSWER = 16 * 1024  # of oauth2-proxy: its page for who is not let in has 5 KiB


def opens_a_page(rule: str) -> str:
    """The rule of those of a route's requests by which a browser opens a page: it can go to a login and come back."""
    return f"({rule}) && Method(`GET`) && HeaderRegexp(`Accept`, `text/html`) && !HeaderRegexp(`Upgrade`, `.`)"


def session_file(auth: EdgeAuthPlan, oidc: OidcPlan) -> str:
    """The file of what asks for a session, and of the login's host."""
    guard = str(auth.checked_at)  # without one, routes of sessions are refused (plan/edge.py)
    middlewares = {
        HAS_SESSION: _asked(oidc.asked_at + oauth2_proxy.CHECK_PATH, ["Cookie"], [EMAIL_HEADER]),
        HAS_SESSION_PAGE: _asked(oidc.asked_at + oauth2_proxy.PAGE_PATH, ["Cookie"], [EMAIL_HEADER]),
        # What the guard does not answer, is taken away.
        SESSION_USER: _asked(
            guard + SESSION_PATH,
            ["Cookie", EMAIL_HEADER, EDGE_HEADER],
            ["Cookie", EMAIL_HEADER, USER_HEADER],
            USER_HEADER,
        ),
        NO_SESSION: _asked(guard + COOKIES_PATH, ["Cookie", EDGE_HEADER], ["Cookie"]),
        _PACE: {
            "rateLimit": {
                "average": _LOGINS,
                "burst": _LOGINS_AT_ONCE,
                "sourceCriterion": by_address(auth.trusted_proxies),
            }
        },
        _SIGNED_OUT: {"replacePath": {"path": SIGNED_OUT_PATH}},
    }
    services = {_PROXY: _service(oidc.asked_at), _GUARD: _service(guard)}
    return yaml_text({"http": {"routers": _routers(oidc), "services": services, "middlewares": middlewares}})


def _asked(address: str, shown: Sequence[str], told: Sequence[str], logged: str | None = None) -> Tree:
    """Somebody is asked before a request passes, ``shown`` some of its headers; what is ``told`` takes their place."""
    asked = {"address": address, "authRequestHeaders": list(shown), "authResponseHeaders": list(told)}
    return {
        "forwardAuth": asked | {"maxResponseBodySize": _LONGEST_ANSWER} | ({"headerField": logged} if logged else {})
    }


def _routers(oidc: OidcPlan) -> Tree:
    """Of the host that people are sent back to; who signs out there finds a page that says so."""
    host = f"Host(`{oidc.host}`)"
    pages = [f"Path(`{path}`)" for path in (CALLBACK_PATH, SIGN_OUT_PATH, "/oauth2/sign_in")]
    own = [*pages, "PathPrefix(`/oauth2/static/`)"]
    both = {"entryPoints": [entry_point(https=oidc.https)]}
    return {
        _PAGES: {
            **both,
            "rule": f"{host} && ({' || '.join(own)})",
            "service": _PROXY,
            **_UNTRACED,
            "middlewares": [PATHS, NO_USER, _PACE],
        },
        _SIGNED_OUT: {
            **both,
            "rule": f"{host} && Path(`/`)",
            "service": _GUARD,
            **_UNTRACED,
            "middlewares": [PATHS, NO_USER, TO_GUARD, _SIGNED_OUT],
        },
    }


def _service(url: str) -> Tree:
    return {"loadBalancer": {"servers": [{"url": url}]}}
