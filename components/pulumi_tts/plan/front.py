"""The front door: whom the edge believes, who may frame its pages, and how long and large a request may be."""

from dataclasses import dataclass

from pulumi_tts.config.front import Encoded, Front

__all__ = ["EDGES", "HEADER_BYTES", "STREAMS", "Encoded", "FrontPlan", "plan_front"]

EDGES = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Where the edge itself is, on a network of Docker's; nobody else is believed for whom a request came."""
HEADER_BYTES = 32 * 1024
"""Of a request's headers together: as much as nginx takes, room for a login's cookies, and less than Envoy's 60 KiB, so
that what the edge lets through does not fail behind it."""
STREAMS = 100
"""Requests under way on one HTTP/2 connection; a page needs a few dozen. Traefik's own is 250."""


@dataclass(frozen=True, slots=True)
class FrontPlan:
    """What holds for every request, whatever its route; times in seconds."""

    trusted_proxies: tuple[str, ...]
    """In CIDR notation."""
    framed_by: tuple[str, ...]
    upload_time: int
    query_in_logs: bool = False
    """Whether access logs say what stands after the `?` of an address."""


def plan_front(front: Front) -> FrontPlan:
    """What follows from the edge's config for the front door; an Edge is one."""
    return FrontPlan(tuple(front.trusted_proxies), tuple(front.framed_by), front.upload_time, front.access_log.query)
