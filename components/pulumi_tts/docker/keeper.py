"""The keeper's container beside the guard's, and what it reaches Docker through, on each host."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.hardening import container_options, hardened, own_health
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.kept_hosts import KeptHosts
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.docker.rotation import Keeper
from pulumi_tts.docker.socket_proxy import SocketProxy
from pulumi_tts.plan.guard import USER
from pulumi_tts.plan.images import Image
from pulumi_tts.plan.keeper import KeeperPlan
from pulumi_tts.plan.socket_proxy import keeper_proxy

_PIDS = 128


class KeeperContainer:
    """The program that tells a guard where instances are, and what else it needs."""

    def __init__(
        self,
        plan: KeeperPlan,
        pools: pulumi.Output[list[str]],
        *,
        stack: str,
        networks: Sequence[pulumi.Input[str]],
        volumes: Sequence[docker.ContainerVolumeArgs],
        envoy: pulumi.Input[str],
        envoy_elsewhere: Image,
        at: Endpoint,
        elsewhere: Mapping[str, Elsewhere],
        after: Sequence[pulumi.Resource],
        parent: pulumi.Resource,
    ) -> None:
        """``pools`` are what the guarded pools' resources are called, ``volumes`` what it shares with Envoy.

        ``envoy`` is Envoy's image on this host, ``envoy_elsewhere`` the one that other hosts are to have.
        """
        before_docker = keeper_proxy(stack, (), at.url)
        proxy = SocketProxy(before_docker, stack=stack, image=envoy, at=at, parent=parent, pools=pools)
        hosts = (
            KeptHosts(
                plan,
                pools,
                stack=stack,
                envoy=envoy_elsewhere,
                envoy_here=envoy,
                elsewhere=elsewhere,
                reader=USER,
                parent=parent,
            )
            if plan.elsewhere
            else None
        )
        self.container = docker.Container(
            plan.name,
            name=plan.name,
            image=image_on_host(f"{plan.name}-image", plan.image, parent),
            user=f"{USER}:{USER}",
            envs=hosts.environment if hosts else None,
            read_only=True,
            tmpfs={"/tmp": "rw,nosuid,nodev"},  # noqa: S108  a path inside the container
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=network) for network in (*networks, proxy.network)
            ],
            volumes=[*volumes, *(hosts.volumes if hosts else ())],
            healthcheck=own_health(["python3", "-m", "keeper.healthcheck"], "2s", "2s"),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            **hardened(stack, "keeper", plan.memory),
            opts=container_options(parent, after=[*after, *(hosts.ready if hosts else ())]),
        )
        limit_pids(self.container, at, _PIDS)
        # By this, an instance that is to be replaced is drained first.
        rolling_updates().keepers.add(Keeper(at, plan.name))
