"""What asks an OpenID provider who somebody is: oauth2-proxy, beside an edge."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, own_health, settings_label
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.passwords import generated_token
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.oidc import OidcPlan
from pulumi_tts.render import oauth2_proxy

_GROUP = 65532
_PIDS = 64
_MEMORY = 64
"""MiB; it keeps no sessions, they are in the cookies."""


class Oidc:
    """oauth2-proxy on the edge's own network, where no engine is; that network has a way out to the provider."""

    container: docker.Container

    def __init__(
        self,
        plan: OidcPlan,
        client_secret: pulumi.Input[str],
        *,
        stack: str,
        network: pulumi.Input[str],
        courier_image: pulumi.Input[str],
        at: Endpoint,
        parent: pulumi.Resource,
    ) -> None:
        """``network`` is one that the edge is on; ``courier_image`` has a shell; ``at`` is the host's endpoint."""
        image = image_on_host(f"{plan.name}-image", plan.image, parent)
        cookie_secret = generated_token(f"{plan.name}-cookie", parent, length=oauth2_proxy.COOKIE_SECRET_LENGTH)
        given = pulumi.Output.secret(client_secret)
        secrets = pulumi.Output.all(given, cookie_secret)
        names = oauth2_proxy.files(plan, "", "")
        files: dict[str, pulumi.Input[str]] = {
            name: secrets.apply(lambda both, name=name: oauth2_proxy.files(plan, *both)[name])  # type: ignore[misc]
            for name in names
        }
        live = LiveFiles(f"{plan.name}-files", stack, files, courier_image, parent, reader=_GROUP)
        self.container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            command=list(oauth2_proxy.arguments(plan)),
            user=f"65532:{_GROUP}",
            read_only=True,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network)],
            volumes=[docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True)],
            healthcheck=own_health(oauth2_proxy.health_command()),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            # It reads its secrets when it starts: others are another container.
            **hardened(stack, "oidc", _MEMORY, settings_label(given, cookie_secret)),
            opts=container_options(parent, after=[live.courier]),
        )
        limit_pids(self.container, at, _PIDS)
