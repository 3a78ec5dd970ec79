"""How Docker hosts are reached, and what their networks let in."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import UNKNOWN, Resource

_ON_THE_HOSTS_NETWORK = ("host", "macvlan", "ipvlan")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TLS = ("certPath", "certMaterial")


def docker_over_tls(provider: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """A Docker host is reached by ssh://, by TLS, or on this machine.

    Certificates may also be where DOCKER_CERT_PATH says, which is no input: say so by making it one.
    """
    host = urlsplit(provider.text("host"))
    if host.scheme not in ("tcp", "http") or host.hostname in _LOOPBACK:
        return
    if not any(provider.inputs.get(key) is UNKNOWN or provider.text(key) for key in _TLS):
        yield Problem(
            "host",
            provider.text("host"),
            "has no certificates: who reaches that port is root on the host, and reads what is sent there",
            "Use ssh://, or a folder of certificates (`certificates` of the host; certPath of a provider)",
        )


def no_open_networks(network: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """Containers are behind their host's address, not beside it."""
    if network.text("driver") in _ON_THE_HOSTS_NETWORK:
        yield Problem(
            "driver",
            network.text("driver"),
            "puts containers on the host's own network, where every port of theirs is open, published or not",
            "Use a bridge, the default",
        )
