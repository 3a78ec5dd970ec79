"""The front door in Traefik's words: what is refused before any route, and what every answer says.

Traefik's own rule for header names, paths and time-outs is to let through what a backend might want. Here it is the
reverse, and a route asks for what it needs. (docs/decisions/015-the-front-door.md)
"""

from collections.abc import Collection, Iterable

from pulumi_tts.plan.front import HEADER_BYTES, STREAMS, Encoded, FrontPlan
from pulumi_tts.render.yaml_file import Tree

# With an underscore, which no name of a route's can have.
EVERYBODY = "front_everybody"
"""The middleware that every request and every answer passes."""
PATHS = "front_paths"
"""The middleware that refuses encoded characters in a path; every route has it that did not ask for any."""

_ALLOWED = {
    Encoded.slash: "allowEncodedSlash",
    Encoded.percent: "allowEncodedPercent",
    Encoded.semicolon: "allowEncodedSemicolon",
    Encoded.question_mark: "allowEncodedQuestionMark",
    Encoded.hash: "allowEncodedHash",
}
# CONNECT Traefik refuses by itself. A dot segment with parameters is one to Envoy and to Java, and not to Traefik
# (CVE-2026-73551).
_REFUSED = {"front_methods": ("Method(`TRACE`)", 405), "front_dots": ("PathRegexp(`/[.]{1,2};`)", 400)}
"""Routes to nowhere: what they match, and the status they answer."""
_FIRST = 1_000_000  # Traefik's own priorities are the lengths of rules
_NOBODY = "255.255.255.255/32"
_OTHERS_WORDS = ("Forwarded", "X-Forwarded-Scheme", "X-Scheme", "X-Original-Url", "X-Rewrite-Url", "Proxy")
"""By which programs take another address, path or proxy for a request's own, and which Traefik passes on from anybody;
the X-Forwarded-… that it has itself it drops where they are not to be believed."""


def front_arguments(front: FrontPlan, entry_point: str) -> tuple[str, ...]:
    """The command line of an entry point that clients reach: everything of the front door that cannot change live."""
    http, transport = f"--entryPoints.{entry_point}.http", f"--entryPoints.{entry_point}.transport"
    trusted = ",".join(front.trusted_proxies)
    return (
        # X_Forwarded_For and X.Forwarded.For are X-Forwarded-For to many a program (CVE-2026-39858, -88011).
        f"{http}.aliasHeadersStrategy=reject",
        f"{http}.sanitizePath=true",
        # Traefik would otherwise put & for it, which ends a text.
        f"{http}.encodeQuerySemicolons=true",
        # Nobody can ask for these; what else may not be in a path is up to its route.
        f"{http}.encodedCharacters.allowEncodedNullCharacter=false",
        f"{http}.encodedCharacters.allowEncodedBackSlash=false",
        f"{http}.maxHeaderBytes={HEADER_BYTES}",
        f"--entryPoints.{entry_point}.http2.maxConcurrentStreams={STREAMS}",
        # Of the whole request, its body included: Traefik 3.7 has none for the headers alone.
        f"{transport}.respondingTimeouts.readTimeout={front.upload_time}s",
        f"{transport}.respondingTimeouts.writeTimeout=0s",
        f"{transport}.respondingTimeouts.idleTimeout=180s",
        *((f"--entryPoints.{entry_point}.forwardedHeaders.trustedIPs={trusted}",) if trusted else ()),
    )


def front_tree(front: FrontPlan, own_headers: Iterable[str], entry_points: Collection[str]) -> Tree:
    """The file of what every request and answer passes; ``own_headers`` are those that the edge's config sets."""
    own = {name.casefold() for name in own_headers}
    said = {name: value for name, value in answer_headers(front).items() if name.casefold() not in own}
    headers = {"customRequestHeaders": dict.fromkeys(_OTHERS_WORDS, ""), "customResponseHeaders": said}
    return {
        "http": {
            "routers": {name: _refusal(name, rule, entry_points) for name, (rule, _) in _REFUSED.items()},
            "middlewares": {
                EVERYBODY: {"headers": headers},
                PATHS: refusing_encoded(()),
                **{name: _only_nobody(status) for name, (_, status) in _REFUSED.items()},
            },
        }
    }


def _refusal(name: str, rule: str, entry_points: Collection[str]) -> Tree:
    # What it leads to is never reached: nobody has the address that its middleware lets through.
    return {
        "rule": rule,
        "priority": _FIRST,
        "entryPoints": sorted(entry_points),
        "middlewares": [name],
        "service": "noop@internal",
        # Before anything else is known of a request, its client would say whether it is traced.
        "observability": {"tracing": False},
    }


def _only_nobody(status: int) -> Tree:
    return {"ipAllowList": {"sourceRange": [_NOBODY], "rejectStatusCode": status}}


def refusing_encoded(allowed: Iterable[Encoded]) -> Tree:
    """The middleware that refuses a path with an encoded character in it other than these."""
    return {"encodedCharacters": {name: character in set(allowed) for character, name in _ALLOWED.items()}}


def answer_headers(front: FrontPlan) -> dict[str, str]:
    """What every answer has, in place of its own; empty: taken away."""
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        **_framing(front),
        # What runs behind the edge is nobody's business.
        "Server": "",
        "X-Powered-By": "",
    }


def _framing(front: FrontPlan) -> dict[str, str]:
    if not front.framed_by:
        # Gradio shows pages of its own in frames of its own. A page's own Content-Security-Policy goes before this.
        return {"X-Frame-Options": "SAMEORIGIN"}
    return {
        "Content-Security-Policy": f"frame-ancestors 'self' {' '.join(front.framed_by)}",
        # Knows no list of origins, and browsers of old would go by it.
        "X-Frame-Options": "",
    }
