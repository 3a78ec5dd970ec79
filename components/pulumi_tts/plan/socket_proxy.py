"""Socket proxies: who may ask a host's Docker engine what, and where."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from pulumi_tts.plan.names import on_host, socket_proxy_name
from pulumi_tts.plan.ports import Published

PORT = 2375
"""Where a proxy listens inside its container: Docker's own port for plain HTTP."""

SOCKET = "/var/run/docker.sock"
"""Where Docker listens on a host, unless the host's endpoint says otherwise; and in a proxy's container."""

DISCOVERY_USER = "discovery"
"""By which name discovery's Traefik asks: it knows no token without one."""


class Client(StrEnum):
    """Whom a proxy is for, and so what it lets through."""

    keeper = "keeper"
    """Lists and inspects the instances of its stack, and restarts them."""
    discovery = "discovery"
    """Lists, inspects and watches the containers that ask to be admitted to the edge; changes nothing."""


@dataclass(frozen=True, slots=True)
class SocketProxyPlan:
    """One proxy in front of one Docker socket."""

    name: str
    stack: str
    """The label of what the client may see."""
    client: Client
    socket: str
    """Docker's socket on the host."""
    pools: tuple[str, ...] = ()
    """What begins the names of the keeper's instances, as in `tts-dev-voice`."""
    published: Published | None = None
    """Its port on its host's private address; absent where its client is on the same host: the two then have a network
    to themselves."""

    @property
    def url(self) -> str:
        """Where its client reaches it."""
        if self.published:
            return self.published.upstream
        return f"http://{self.name}:{PORT}"


def keeper_proxy_url(stack: str) -> str:
    """Where the keeper of a stack reaches the Docker host that it runs on."""
    return f"http://{socket_proxy_name(stack)}:{PORT}"


def keeper_proxy(stack: str, pools: Iterable[str], endpoint: str) -> SocketProxyPlan:
    """What the keeper reaches its own host's Docker through; ``pools`` are what the pools' resources are called."""
    return SocketProxyPlan(
        socket_proxy_name(stack), stack, Client.keeper, socket_of(endpoint), pools=tuple(sorted(pools))
    )


def keeper_proxy_elsewhere(
    stack: str, pools: Iterable[str], endpoint: str, host: str, published: Published
) -> SocketProxyPlan:
    """What it reaches another host's through."""
    here = keeper_proxy(stack, pools, endpoint)
    return replace(here, name=on_host(here.name, host), published=published)


def discovery_proxy(stack: str, discovery: str, endpoint: str) -> SocketProxyPlan:
    """What the edge's discovery reaches its host's Docker through; ``discovery`` is its name."""
    return SocketProxyPlan(socket_proxy_name(discovery), stack, Client.discovery, socket_of(endpoint))


def socket_of(endpoint: str) -> str:
    """Docker's socket on a host, given the endpoint by which Pulumi reaches it."""
    return endpoint.removeprefix("unix://") if endpoint.startswith("unix://") else SOCKET
