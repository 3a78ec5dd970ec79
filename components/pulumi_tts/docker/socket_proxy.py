"""What stands between a program of ours and Docker's socket: Envoy, with a list of what may be asked."""

from collections.abc import Sequence
from dataclasses import replace

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import NO_WAY_BACK, container_options, hardened, made_network, own_health
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.socket_proxy import PORT, SOCKET, Client, SocketProxyPlan
from pulumi_tts.render import socket_proxy

_MEMORY = 96  # MiB; Envoy takes some 30
_PIDS = 64

# Root, but without any capability, on a root file system that cannot be written, and with no file of the host but the
# socket. Docker gives its socket to root and to a group, whose number differs from host to host and cannot be asked of
# Docker; and who may talk to the socket is root on the host in any case: what protects is the list.
_USER = "0:0"


class SocketProxy:
    """A proxy on the same host as the Docker engine that it stands before, and the network that its client joins.

    What may be asked is a file that Envoy watches: another pool, or another token, restarts nothing.
    """

    network: pulumi.Output[str]
    """The name of the network that the client joins. Nobody else is on it, and it has no way out."""
    url: str
    """Where the client reaches the proxy."""

    def __init__(
        self,
        plan: SocketProxyPlan,
        *,
        stack: str,
        image: pulumi.Input[str],
        at: Endpoint,
        parent: pulumi.Resource,
        token: pulumi.Input[str] | None = None,
        pools: pulumi.Input[Sequence[str]] | None = None,
        silent: bool = False,
    ) -> None:
        """``image`` is Envoy's; ``at`` the host's Docker endpoint.

        A client sends ``token``: the keeper as a bearer token, discovery's Traefik as the password of DISCOVERY_USER.

        ``pools`` stand for the plan's, where they are another resource's output; ``silent`` says that the host does not
        answer now.

        Raises ValueError for a proxy that asks for no token and that others than its client can reach: other machines,
        or, by way of discovery's Traefik, whoever writes a label.
        """
        if token is None and plan.published:
            raise ValueError(f"{plan.name} is published, and would let anybody in: give it a token")
        if token is None and plan.client is Client.discovery:
            raise ValueError(f"{plan.name} can be named by a label, and would let anybody in: give it a token")
        self.url = plan.url
        self.network = made_network(
            f"{plan.name}-network",
            stack,
            pulumi.ResourceOptions(parent=parent),
            internal=plan.published is None,
            # Docker publishes no port of a container that is on an internal network only.
            options=NO_WAY_BACK if plan.published else None,
        )
        live = LiveFiles(f"{plan.name}-files", stack, {socket_proxy.ROUTES: _routes(plan, token, pools)}, image, parent)
        self.container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            # Past the official image's own, which would leave root for a user that cannot open the socket.
            entrypoints=["envoy"],
            command=[
                "--config-yaml",
                socket_proxy.bootstrap(plan, CURRENT),
                "--concurrency",
                "1",
                "--log-level",
                "warn",
            ],
            user=_USER,
            read_only=True,
            ports=_ports(plan),
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=self.network)],
            mounts=[docker.ContainerMountArgs(type="bind", source=plan.socket, target=SOCKET)],
            volumes=[docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True)],
            healthcheck=own_health(socket_proxy.health_command()),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            **hardened(stack, "socket-proxy", _MEMORY),
            opts=container_options(parent, after=[live.courier]),
        )
        if not silent:
            limit_pids(self.container, at, _PIDS)


def _routes(
    plan: SocketProxyPlan, token: pulumi.Input[str] | None, pools: pulumi.Input[Sequence[str]] | None
) -> pulumi.Output[str]:
    secret = None if token is None else pulumi.Output.secret(token)
    return pulumi.Output.all(plan.pools if pools is None else pools, secret).apply(
        lambda both: socket_proxy.routes_file(replace(plan, pools=tuple(sorted(both[0]))), both[1])
    )


def _ports(plan: SocketProxyPlan) -> list[docker.ContainerPortArgs] | None:
    if not plan.published:
        return None
    return [docker.ContainerPortArgs(internal=PORT, external=plan.published.port, ip=plan.published.ip)]
