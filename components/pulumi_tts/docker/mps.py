"""NVIDIA's Multi-Process Service on a card: its daemon as a container, and what its clients share with it."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.cards import card_requests
from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.hardening import HOST_LABEL, container_options, hardened, own_health, volume_labels
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.graphics import MPS_PIPES, gpu_settings
from pulumi_tts.plan.mps import MpsDaemon
from pulumi_tts.render import mps

# No figure of NVIDIA's is known for any of these, and none was measured: the server has a thread for each client.
_MEMORY = 1024
_PIDS = 512
_SIZES = {MPS_PIPES: "16m", mps.SHARED_MEMORY: "1g"}
"""What they may take of memory at most; the latter is all of its engines' shared memory, too."""


class TtsMps(pulumi.ComponentResource):
    """The MPS daemon of one card: without network, capabilities or rights of its own, as the user that its clients are.

    It does not set the card to EXCLUSIVE_PROCESS, which takes SYS_ADMIN and reaches past the stack: who else uses the
    card takes turns with all of its clients together.
    """

    volumes: list[docker.ContainerVolumeArgs]
    """What its clients mount: where they meet it, and shared memory, which the daemon and they have in common."""

    def __init__(
        self, daemon: MpsDaemon, *, stack: str, at: Endpoint, away: Elsewhere | None, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("tts:index:TtsMps", daemon.name, None, opts)
        self.volumes = [
            self._in_memory(f"{daemon.name}-pipes", MPS_PIPES, stack, away),
            self._in_memory(f"{daemon.name}-shm", mps.SHARED_MEMORY, stack, away),
        ]
        settings = gpu_settings([daemon.gpu], mps.environment())
        self.container = docker.Container(
            daemon.name,
            name=daemon.name,
            image=image_on_host(f"{daemon.name}-image", daemon.image, self),
            command=mps.command(),
            envs=[f"{name}={value}" for name, value in settings.items()],
            device_requests=card_requests([daemon.gpu]),
            user=daemon.user,
            read_only=True,
            network_mode="none",
            tmpfs={mps.LOGS: "rw,nosuid,nodev,size=16m"},
            volumes=self.volumes,
            healthcheck=own_health(mps.health_command()),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            **hardened(stack, "mps", _MEMORY),
            opts=container_options(self),
        )
        if not (away and away.silent):
            limit_pids(self.container, at, _PIDS)
        self.register_outputs({})

    def _in_memory(self, name: str, path: str, stack: str, away: Elsewhere | None) -> docker.ContainerVolumeArgs:
        volume = docker.Volume(
            name,
            name=name,
            driver="local",
            # For everybody, since only the daemon and its clients have it: of another user it would be another volume.
            driver_opts={"type": "tmpfs", "device": "tmpfs", "o": f"mode=1777,nosuid,nodev,size={_SIZES[path]}"},
            labels=volume_labels(stack, "run", {HOST_LABEL: away.name} if away else None),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return docker.ContainerVolumeArgs(container_path=path, volume_name=volume.name)
