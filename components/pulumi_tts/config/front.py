"""What the front door lets in and says of itself, whatever the route."""

import re
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from pulumi_tts.config.fields import Headers, Seconds, Strict, is_host_name, refused

UPLOAD_TIME = 900
"""Seconds for a whole request by default: 32 MiB, the guard's own limit on uploads, over a line of 300 kbit/s."""
FRONTS_OWN = ("X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Server", "X-Powered-By")
"""Headers of answers that the front door sets or takes away, whoever else has set them."""
_ORIGIN = re.compile(r"(https?)://(\*\.)?([^/:*]+)(:[0-9]{1,5})?")


class Encoded(StrEnum):
    """A character that a path may hold percent-encoded; what it stands for separates the parts of a URL."""

    slash = "slash"
    """`%2F`"""
    percent = "percent"
    """`%25`"""
    semicolon = "semicolon"
    """`%3B`"""
    question_mark = "question_mark"
    """`%3F`"""
    hash = "hash"
    """`%23`"""


def _network(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError as error:
        raise refused(
            "is not a range of addresses", "Write an address, or a range as in '10.0.0.0/8', with no bits beyond it"
        ) from error
    if not network.prefixlen:
        raise refused("is everybody, who would then be believed", "Name the proxies in front of the edge, and no more")
    return str(network)


def _origin(value: str) -> str:
    match = _ORIGIN.fullmatch(value)
    if not match or not is_host_name(match[3]):
        raise refused(
            "is not an origin",
            "Write scheme and host name, with no path, as in 'https://portal.example.com' or 'https://*.example.com'",
        )
    return value


def _not_the_fronts(value: dict[str, str]) -> dict[str, str]:
    own = {name.casefold() for name in FRONTS_OWN}
    if taken := [name for name in value if name.casefold() in own]:
        raise refused(
            f"has {', '.join(taken)}, which the edge sets on every answer in the place of any other",
            "Write it under edge.headers, where it holds for all routes",
        )
    return value


AnswerHeaders = Annotated[Headers, AfterValidator(_not_the_fronts)]
"""Headers added to the answers of some routes."""
Network = Annotated[str, AfterValidator(_network)]
"""An address or a range of addresses, in CIDR notation once read."""
Origin = Annotated[str, AfterValidator(_origin)]
"""A scheme and a host name, and a port where it is not the scheme's own."""
EncodedField = Annotated[list[Annotated[Encoded, Field(strict=False)]], Field(max_length=len(Encoded))]


class AccessLog(Strict):
    """What the access logs of edge and guard say: a line of JSON for each request (docs/logs.md)."""

    query: bool = False
    """Whether they say what stands after the `?` of an address, where some engines take their text. Default: no."""


class Front(Strict):
    """The front door, as keys of the edge."""

    trusted_proxies: list[Network] = []
    """Addresses of proxies in front of the edge, whose X-Forwarded-… headers are believed; those of all others are
    dropped. A change replaces the edge. Default: none."""
    framed_by: list[Origin] = []
    """Origins whose pages may show ours in a frame, beside our own. With any, each answer has a
    Content-Security-Policy of the edge's in the place of its own. Default: none, by X-Frame-Options: SAMEORIGIN."""
    upload_time: Seconds = UPLOAD_TIME
    """How long a client may take to send a request, from its first byte to the end of its body; answers and WebSockets
    take as long as they like. A change replaces the edge and ends streams. Default: 15m."""
    access_log: AccessLog = AccessLog()
    """What the access logs of edge and guard say. A change replaces the edge, and the guard ends its streams."""
