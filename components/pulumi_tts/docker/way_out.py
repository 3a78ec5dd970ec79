"""The proxy by which a pool's instances, or what fetches weights, reach the hosts that they may fetch from."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, made_network, own_health
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.way_out import ALIAS, WayOutPlan
from pulumi_tts.render import way_out

NO_DNS = "127.0.0.1"
"""Nobody answers there: names of the world outside, which could carry something out, are not asked for."""

_MEMORY = 128  # MiB; Envoy takes some 30, and connections their buffers
_PIDS = 64
_USER = "65532:65532"


class TtsWayOut(pulumi.ComponentResource):
    """A proxy on one host, and the network that it shares with those who may use it, and nobody else.

    What may be fetched from is a file that Envoy watches: another host on the list restarts nothing.
    """

    network: pulumi.Output[str]
    """What its users join; it has no way out but by the proxy."""
    container: docker.Container
    """What is there before its users are."""

    def __init__(
        self,
        plan: WayOutPlan,
        *,
        stack: str,
        internet: pulumi.Input[str],
        at: Endpoint,
        silent: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """``internet`` is a network with a way out; ``silent`` says that the host does not answer now."""
        super().__init__("tts:index:TtsWayOut", plan.name, None, opts)
        options = pulumi.ResourceOptions(parent=self)
        self.network = made_network(plan.name, stack, options, internal=True)
        image = image_on_host(f"{plan.name}-image", plan.image, self)
        live = LiveFiles(f"{plan.name}-files", stack, dict(way_out.files(plan)), image, self)
        self.container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            # Past the official image's own, which starts as root.
            entrypoints=["envoy"],
            command=[
                "--config-yaml",
                way_out.bootstrap(plan, way_out.Layout(files=CURRENT)),
                "--concurrency",
                "1",
                "--disable-hot-restart",
                # A line is there when somebody looks for it.
                "--file-flush-interval-msec",
                "1000",
                "--log-level",
                "warn",
            ],
            user=_USER,
            read_only=True,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=self.network, aliases=[ALIAS]),
                docker.ContainerNetworksAdvancedArgs(name=internet),
            ],
            volumes=[docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True)],
            healthcheck=own_health(way_out.health_command()),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            **hardened(stack, "way-out", _MEMORY),
            opts=container_options(self, after=[live.courier]),
        )
        if not silent:
            limit_pids(self.container, at, _PIDS)
        self.register_outputs({})


def resolvers(unconfined: bool) -> list[str] | None:
    """The DNS servers that a container is told beside Docker's own for its networks' names."""
    return None if unconfined else [NO_DNS]
