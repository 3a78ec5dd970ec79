"""What admits containers of others: a Traefik of its own behind the edge, and the proxy through which it sees them."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, made_network, own_health, settings_label
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.passwords import generated_token
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.socket_proxy import SocketProxy
from pulumi_tts.plan.edge import EdgePlan
from pulumi_tts.plan.socket_proxy import discovery_proxy
from pulumi_tts.render import discovery, traefik

_PIDS = 256
_SETTINGS = "traefik.yml"


class Discovery:
    """The way in for containers that an edge does not know: it passes on to them what it has no route for itself.

    They are on a network with it alone: neither the edge, nor the engines, nor Docker can be reached from there.
    """

    network: pulumi.Output[str]
    """The name of the network on which the edge reaches it."""
    admitted: pulumi.Output[str]
    """The name of the network that containers join to be admitted."""

    def __init__(
        self, plan: EdgePlan, *, stack: str, image: pulumi.Input[str], user: str, at: Endpoint, parent: pulumi.Resource
    ) -> None:
        """``image`` is Traefik's and ``user`` whom it runs as; ``at`` is the host's Docker endpoint."""
        own = plan.discovery
        assert own  # noqa: S101  made only where the plan has one
        self.network = _network(own.name, stack, parent)
        self.admitted = _network(own.network, stack, parent)
        proxy_plan = discovery_proxy(stack, own.name, at.url)
        envoy = image_on_host(f"{proxy_plan.name}-image", own.proxy_image, parent)
        # The proxy is as near to this Traefik as guests are, and a label may name it: it answers Traefik's own
        # questions only.
        password = generated_token(f"{own.name}-password", parent)
        proxy = SocketProxy(proxy_plan, stack=stack, image=envoy, at=at, parent=parent, token=password)
        settings = password.apply(lambda password: discovery.settings_file(own, stack, proxy.url, plan.drain, password))
        live = LiveFiles(f"{own.name}-files", stack, {_SETTINGS: settings}, image, parent, reader=_group(user))
        running = docker.Container(
            own.name,
            name=own.name,
            image=image,
            command=[f"--configFile={CURRENT}/{_SETTINGS}"],
            user=user,
            read_only=True,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=network)
                for network in (self.network, self.admitted, proxy.network)
            ],
            volumes=[docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True)],
            healthcheck=traefik_health(),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            stop_timeout=plan.drain,
            destroy_grace_seconds=plan.drain,
            # It reads its settings when it starts: others are another container.
            **hardened(stack, "discovery", own.memory, settings_label(settings)),
            opts=container_options(parent, after=[proxy.container, live.courier]),
        )
        limit_pids(running, at, _PIDS)


def _group(user: str) -> int:
    return int(user.partition(":")[2])


def traefik_health() -> docker.ContainerHealthcheckArgs:
    """How Docker asks a Traefik of ours whether it is there."""
    return own_health(["traefik", "healthcheck", *traefik.ping_arguments()])


def _network(name: str, stack: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    # Without a way out: who is admitted has one if its own networks have one, and no other by this.
    return made_network(name, stack, pulumi.ResourceOptions(parent=parent), internal=True)
