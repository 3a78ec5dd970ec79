"""Routes between components: plain dictionaries, as other languages have them (docs/decisions/006)."""

from typing import Any

from pulumi_tts.config import WrittenRoute, load_part
from pulumi_tts.plan import Route, route_from
from pulumi_tts.plan.auth import LimitsPlan


def route_args(route: Route) -> dict[str, Any]:
    """A planned route as TraefikEdge takes it."""
    check = route.health
    health = {"path": check.path, "interval": f"{check.interval}s", "timeout": f"{check.timeout}s"} if check else None
    return {
        "name": route.name,
        "host": route.host,
        "upstreams": list(route.upstreams),
        "path": route.prefix,
        "strip": route.strip,
        "service": route.service,
        "kind": route.kind.value,
        "headers": dict(route.headers),
        **({"request_headers": dict(route.request_headers)} if route.request_headers else {}),
        **({"health": health} if health else {}),
        **({"auth": route.login.value} if route.login else {}),
        **({"limits": _limits(route.limits)} if route.limits else {}),
        **({"pool": route.pool} if route.pool else {}),
        **({"encoded": [character.value for character in route.encoded]} if route.encoded else {}),
    }


def _limits(limits: LimitsPlan) -> dict[str, Any] | str:
    rate = limits.rate
    written = {"average": rate.average, "period": f"{rate.period}s", "burst": rate.burst} if rate else None
    own = {"rate": written, "concurrent": limits.concurrent}
    return {name: value for name, value in own.items() if value} or "none"


def route_of(written: Any, path: str) -> Route:
    """The route that such a dictionary describes. Raises ConfigError, with its problems below ``path``."""
    return route_from(load_part(WrittenRoute, written, path))
