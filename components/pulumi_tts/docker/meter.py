"""The meter on a Docker host: what counts who used how much, and the volume of logs through which it is told."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, own_health, volume_labels
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.guard import USER
from pulumi_tts.plan.meter import LOGS, MeterPlan
from pulumi_tts.render.meter import meter_file

_PIDS = 32
_DATA = "/data"


class Meter(pulumi.ComponentResource):
    """Reads what edge and guard write into its volume of logs, and keeps what it has counted in another one."""

    logs: pulumi.Output[str]
    """The volume into which they write."""
    ready: pulumi.Resource
    """What must be there before they do."""

    def __init__(
        self, plan: MeterPlan, *, stack: str, network: pulumi.Input[str], at: Endpoint, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("tts:index:Meter", plan.name, None, opts)
        image = image_on_host(f"{plan.name}-image", plan.image, self)
        logs = docker.Volume(
            plan.logs,
            name=plan.logs,
            labels=volume_labels(stack, "logs"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        data = docker.Volume(
            plan.data,
            name=plan.data,
            labels=volume_labels(stack, "usage"),
            # Bills are made of it: it outlives the stack, and `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.logs = logs.name
        files = LiveFiles(
            f"{plan.name}-files",
            stack,
            {"meter.json": meter_file(plan)},
            image,
            self,
            reader=USER,
            written_by_reader={LOGS: logs.name, _DATA: data.name},
        )
        self.ready = files.courier
        self.container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            user=f"{USER}:{USER}",
            read_only=True,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network)],
            volumes=[
                docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=files.volume.name, read_only=True),
                docker.ContainerVolumeArgs(container_path=LOGS, volume_name=logs.name),
                docker.ContainerVolumeArgs(container_path=_DATA, volume_name=data.name),
            ],
            healthcheck=own_health(["python3", "-m", "meter.healthcheck"]),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            **hardened(stack, "meter", plan.memory),
            opts=container_options(self, after=[files.courier]),
        )
        limit_pids(self.container, at, _PIDS)
        self.register_outputs({})
