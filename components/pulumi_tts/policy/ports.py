"""What can be reached from outside: the edge, with TLS, and nothing beside it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import UNKNOWN, Resource, text

PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
)
"""Addresses that the internet has no way to (RFC 1918, 6598, 4193, and this machine's own)."""

_EVERYWHERE = "0.0.0.0"  # noqa: S104  what Docker takes where no address is written
# On hosts other than the edge's, the edge and the keeper reach these by the private network (docs/decisions/014).
_REACHED_FROM_THE_EDGE = ("instance", "socket-proxy")

_ADDRESS = re.compile(r"--entrypoints\.([^.=]+)\.address=.*:(\d+)(?:/tcp)?", re.IGNORECASE)
_TLS = re.compile(r"--entrypoints\.([^.=]+)\.http\.tls(?:\..+)?(?:=.*)?", re.IGNORECASE)
_REDIRECT = re.compile(
    r"--entrypoints\.([^.=]+)\.http\.redirections\.entrypoint\.(?:scheme=https|to=.+)", re.IGNORECASE
)


def published_ports(container: Resource, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """No port is published but the edge's, and on a private address those that the edge reaches on other hosts."""
    if container.inputs.get("publishAllPorts") is True:
        yield Problem("publishAllPorts", "true", "publishes every port of the image", "Name ports, or none")
    for at, port in enumerate(container.mappings("ports")):
        if container.part == "edge":
            continue
        if container.part not in _REACHED_FROM_THE_EDGE:
            yield Problem(
                f"ports[{at}]",
                _shown(port),
                "is a way in beside the edge: without its login, limits and TLS, and past a firewall such as UFW",
                "Put the container on the edge's network and give it a route of the edge (TraefikEdge's `routes`)",
            )
        elif is_public(port, settings):
            yield Problem(
                f"ports[{at}]",
                _shown(port),
                "passes by the edge's login; between hosts of a stack it may be reached on the private network only",
                "Set `bind` of its host to a private address; if this one is, add it to `private` of this policy",
            )


def tls_on_public_binds(container: Resource, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """An edge that the internet can reach speaks TLS on every port, or sends clients to the one that does."""
    if container.part != "edge":
        return  # of other containers, published_ports refuses the port itself
    secure = secure_ports(container.texts("command"))
    for at, port in enumerate(container.mappings("ports")):
        if text(port.get("internal")) not in secure and is_public(port, settings):
            yield Problem(
                f"ports[{at}]",
                _shown(port),
                "is open to the internet without TLS: logins, keys and what is spoken can be read on the way",
                "Set `edge.tls`, or `edge.bind` to this machine (127.0.0.1) or a private address",
            )


def secure_ports(command: Sequence[str]) -> frozenset[str]:
    """The ports, in its container, of a Traefik's entry points with TLS, or that only redirect to one."""
    ports = {found[1].lower(): found[2] for argument in command if (found := _ADDRESS.fullmatch(argument))}
    secure = {
        found[1].lower()
        for argument in command
        if not argument.lower().endswith("=false")
        if (found := _TLS.fullmatch(argument) or _REDIRECT.fullmatch(argument))
    }
    return frozenset(port for name, port in ports.items() if name in secure)


def is_public(port: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a port is published on an address that the internet may reach; of one that is not known yet, it is not
    said."""
    if port.get("ip") is UNKNOWN:
        return False
    address = ip_address(_ip(port))
    private = (ip_network(str(network)) for network in settings.get("private", PRIVATE))
    return not any(address in network for network in private if network.version == address.version)


def _ip(port: Mapping[str, Any]) -> str:
    return text(port.get("ip")) or _EVERYWHERE


def _shown(port: Mapping[str, Any]) -> str:
    external = text(port.get("external")) or "(any)"
    return f"{_ip(port)}:{external} -> {text(port.get('internal'))}"
