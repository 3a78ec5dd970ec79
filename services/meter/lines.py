"""A line of an access log, of the guard's or of the edge's, as the request that it tells of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meter.plan import Plan

_ORDERED = 24 * 3600.0
"""Seconds of audio in one answer, at most, that an engine is believed."""
_NANO = 1e-9
_NOT_LET_IN = (
    "rbac_access_denied",
    # By Envoy itself, before it asks any filter.
    "absolute_path_rejected", "http1.", "low_version", "missing_host_header", "path_normalization_failed",
    "upgrade_failed",
)  # fmt: skip
"""How Envoy's words begin for what its first filter refuses, which lets the edge in and nobody else, or what does not
even come to it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be known of one request that reached a pool."""

    day: str
    """When it began, in UTC: `2026-11-21`."""
    tenant: str | None
    """Who came in; None where nobody was asked."""
    pool: str
    route: str
    instance: str | None
    """None where none had a slot."""
    worked: float
    """Seconds that an instance had it."""
    status: int
    content_type: str
    sent: int
    """Bytes of its answer."""
    told: float | None
    """Seconds of audio that the engine says it has; None where it says nothing."""


class DamagedLineError(Exception):
    """A line that is not what edge or guard write."""


def parsed(line: bytes) -> Mapping[str, Any]:
    """The object in a line. Before it may stand the beginning of another one, whose writer was killed.

    Raises DamagedLineError.
    """
    # Neither writes objects within objects, and a quotation mark within a text is escaped.
    begins = line.rfind(b'{"')
    try:
        found = json.loads(line[begins:]) if begins >= 0 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DamagedLineError(line[:200].decode(errors="replace"))
    return found


def of_guard(line: Mapping[str, Any]) -> Request | None:
    """None for what was not seen to come from the edge: its names may be anybody's. Raises DamagedLineError."""
    try:
        # A guard from before it said so writes no details.
        if str(line.get("details")).startswith(_NOT_LET_IN):
            return None
        waited, worked = line["waited_ms"], line["worked_ms"]
        if worked is None:
            # Cut before its answer was complete; or nobody had it at all.
            worked = line["duration_ms"] - waited if waited is not None else 0
        return Request(
            day=str(line["timestamp"])[:10],
            tenant=_name(line["tenant"]),
            pool=str(line["pool"] or ""),
            route=str(line["route"] or ""),
            instance=line["instance"],
            worked=max(0.0, worked / 1000),
            status=int(line["status"] or 0),
            content_type=str(line["content_type"] or ""),
            sent=int(line["bytes_sent"] or 0),
            told=_told(line["audio_seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedLineError(f"{type(error).__name__}: {error}") from error


def of_edge(line: Mapping[str, Any], plan: Plan) -> Request | None:
    """None for what did not reach a pool, or reached it by way of the guard. Raises DamagedLineError."""
    try:
        route, provider = _route(line)
        pool, dot, _ = route.rpartition(".")
        upstream = line.get("ServiceAddr")
        # A pool's routes, and they alone, are called after it and how they lead there.
        if provider != "file" or not dot or not upstream or upstream in plan.guards:
            return None
        tenant = line["ClientUsername"]
        return Request(
            day=str(line["StartUTC"])[:10],
            tenant=None if tenant == "-" else _name(tenant),
            pool=pool,
            route=route,
            instance=plan.upstreams.get(upstream, upstream),
            worked=line["OriginDuration"] * _NANO,
            status=int(line["DownstreamStatus"]),
            content_type=str(line.get("origin_Content-Type", "")),
            sent=int(line["DownstreamContentSize"]),
            told=_told(line.get("origin_X-Audio-Seconds")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedLineError(f"{type(error).__name__}: {error}") from error


def _route(line: Mapping[str, Any]) -> tuple[str, str]:
    """The route and who named it. It may have further routers: `voice.1_page` opens pages, `voice.1_untraced` is for
    requests that bring a trace. What is no pool's (`session_pages`) has no dot before it."""
    router, _, provider = str(line.get("RouterName", "")).partition("@")
    route = router.partition("_")[0]
    return route if "." in route else router, provider


def _name(tenant: Any) -> str | None:
    """A name as it can be kept: half a character, which JSON can hold and nothing else can, becomes a question mark."""
    return None if tenant is None else str(tenant).encode(errors="replace").decode()


def in_the_guards_words(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the edge's by the names that the guard's have; what Traefik does not know is not there."""
    route, provider = _route(line)
    tenant = line.get("ClientUsername")
    return {
        "log": "edge",
        "timestamp": line.get("StartUTC"),
        "method": line.get("RequestMethod"),
        "host": line.get("RequestHost"),
        "path": line.get("RequestPath"),
        "status": line.get("DownstreamStatus"),
        "duration_ms": round(line.get("Duration", 0) * _NANO * 1000),
        "user_agent": line.get("request_User-Agent"),
        "client_ip": line.get("ClientHost"),
        "request_id": line.get("downstream_X-Request-Id"),
        "tenant": None if tenant == "-" else tenant,
        "pool": (route.rpartition(".")[0] or None) if provider == "file" else None,
        "route": route or None,
        "instance": line.get("downstream_X-Pulumi-Tts-Instance") or line.get("ServiceAddr"),
        "bytes_received": line.get("RequestContentSize"),
        "bytes_sent": line.get("DownstreamContentSize"),
        "content_type": line.get("downstream_Content-Type"),
    }


def _told(seconds: object) -> float | None:
    """What an engine says, where that can be."""
    try:
        number = float(str(seconds))
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number <= _ORDERED else None
