"""What keeps outputs within their limits, as a container."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.hardening import container_options, hardened
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.tidy import TidyPlan
from pulumi_tts.render.tidy import tidy_limits

_MOUNT = "/outputs"
_MEMORY = 64
_PIDS = 16


class TtsTidy(pulumi.ComponentResource):
    """Removes the oldest outputs where they are over their limits; it sees the volumes with limits, and nothing else.

    It has no network, and the rights of the engines' own user. ``after`` are the components that make the volumes.
    """

    def __init__(
        self,
        tidy: TidyPlan,
        *,
        stack: str,
        at: Endpoint,
        away: Elsewhere | None,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("tts:index:TtsTidy", tidy.name, None, opts)
        image = image_on_host(f"{tidy.name}-image", tidy.image, self)
        container = docker.Container(
            tidy.name,
            name=tidy.name,
            image=image,
            envs=[f"TIDY={tidy_limits(tidy)}"],
            user=tidy.user,
            read_only=True,
            network_mode="none",
            volumes=[
                docker.ContainerVolumeArgs(container_path=f"{_MOUNT}/{volume}", volume_name=volume)
                for volume, _ in tidy.limits
            ],
            restart="unless-stopped",
            **hardened(stack, "tidy", _MEMORY),
            # A volume that is not there yet would be made by Docker, without its labels.
            opts=container_options(self, after=after),
        )
        if not (away and away.silent):
            limit_pids(container, at, _PIDS)
        self.register_outputs({})
