"""Where engines, and what fetches for them, may fetch from."""

import re
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, field_validator

from pulumi_tts.config.fields import Strict, is_host_name, is_ip_address, refused

HUGGING_FACE = ("huggingface.co", "*.huggingface.co", "*.hf.co")
"""The hub, and where it sends downloads: an open-ended set of hosts below these two, by where one is and how a file is
stored (huggingface/hub-docs' models-downloading.md, "Downloading behind a proxy or firewall"; its pull requests 2628
and 2727)."""
MODELSCOPE = ("modelscope.cn", "*.modelscope.cn")
"""ModelScope, which sends downloads to hosts such as cdn-lfs-cn-1.modelscope.cn."""

_SOURCE = re.compile(r"(?P<host>[^:]+)(:(?P<port>[0-9]{1,5}))?")
_LAST_PORT = 65535
_METADATA = IPv4Address("168.63.129.16")
"""Azure's, the one service for machines of a cloud that is on a public address."""


def _parts(source: str) -> tuple[str, int | None]:
    match = _SOURCE.fullmatch(source)
    if not match:
        return source, None
    return match["host"], int(match["port"]) if match["port"] else None


def _refuse_forbidden(text: str) -> None:
    address = IPv4Address(text)
    never = (address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified)
    if any(never) or address in (_METADATA, IPv4Address("255.255.255.255")):
        raise refused(
            "is an address of a machine's own, or of what clouds tell their machines secrets by",
            "Use the address of a server on your network, as in '10.0.0.7'",
        )


def _source(value: str) -> str:
    host, port = _parts(value)
    if is_ip_address(host):
        _refuse_forbidden(host)
    elif not is_host_name(host.removeprefix("*.")):
        raise refused(
            "is not a host to fetch from",
            "Write a host name, '*.' and one for all below it, or an IPv4 address; with a port if it is not 443 or 80, "
            "and no scheme or path: as in 'huggingface.co', '*.hf.co' or 'mirror.example.com:8443'",
        )
    elif host.startswith("*.") and "." not in host.removeprefix("*."):
        raise refused("is everything below a top-level domain", "Name what it fetches from, as in '*.hf.co'; or `any`")
    if port is not None and not 1 <= port <= _LAST_PORT:
        raise refused("has no port that there is", f"Use one from 1 to {_LAST_PORT}")
    return value


def _named_address(value: str) -> str:
    if not is_ip_address(value):
        raise refused("is not an IPv4 address", "Write it as in '10.0.0.7'")
    _refuse_forbidden(value)
    return value


SourceHost = Annotated[str, AfterValidator(_source), WithJsonSchema({"type": "string"})]


class NamedSource(Strict):
    """A server whose name stands for a certain address, which may be a private one; no other is then believed."""

    host: SourceHost
    """Its host name, with a port if that is not 443 or 80."""
    address: Annotated[str, AfterValidator(_named_address)]
    """Its IPv4 address, as in `10.0.0.7`."""

    @field_validator("host")
    @classmethod
    def _is_one(cls, value: str) -> str:
        if value.startswith("*."):
            raise refused("is many names, and address is one server", "Name each server")
        return value


SOURCE_TAGS = ("<host>", "<host with an address>")
Source = Annotated[
    Annotated[SourceHost, Tag(SOURCE_TAGS[0])] | Annotated[NamedSource, Tag(SOURCE_TAGS[1])],
    Discriminator(lambda value: SOURCE_TAGS[isinstance(value, dict | NamedSource)]),
]
Sources = Annotated[list[Source], Field(max_length=64)]

FETCHES_TAGS = ("<any>", "<sources>")


def _kind_of(value: Any) -> str:
    return FETCHES_TAGS[not isinstance(value, str)]


FetchesFrom = Annotated[
    Annotated[Literal["any"], Tag(FETCHES_TAGS[0])] | Annotated[Sources, Tag(FETCHES_TAGS[1])],
    Discriminator(_kind_of),
]
"""`any`, or hosts."""


def host_and_port(source: str) -> tuple[str, int | None]:
    """A source's host, and its port if one is written."""
    return _parts(source)


def source_of(url: str) -> str:
    """The source that a web address is at."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
