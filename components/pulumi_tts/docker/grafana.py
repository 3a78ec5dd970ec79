"""Grafana on a Docker host."""

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, own_health, settings_label, volume_labels
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.grafana import GrafanaPlan
from pulumi_tts.render import grafana

_USER = "472:0"
"""As its image has it: its volume is that user's."""
_PIDS = 128


class GrafanaContainer:
    """Grafana, its files and its volume."""

    def __init__(
        self, plan: GrafanaPlan, *, stack: str, network: pulumi.Input[str], at: Endpoint, parent: pulumi.Resource
    ) -> None:
        # Grafana's types take 0.07 s to import, which only who has it pays.
        from pulumi_tts.render.dashboards import dashboard_files  # noqa: PLC0415

        image = image_on_host(f"{plan.name}-image", plan.image, parent)
        whom = grafana.datasources_file(plan)
        files = {
            grafana.DATASOURCES: whom,
            grafana.DASHBOARDS: grafana.dashboards_file(plan, CURRENT),
            **dashboard_files(plan.dashboards),
        }
        live = LiveFiles(f"{plan.name}-files", stack, files, image, parent)
        kept = docker.Volume(
            plan.volume,
            name=plan.volume,
            labels=volume_labels(stack, "metrics"),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        start = grafana.command(CURRENT)
        container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            entrypoints=start[:1],
            command=start[1:],
            envs=[f"{name}={value}" for name, value in sorted(grafana.environment(plan, CURRENT).items())],
            user=_USER,
            read_only=True,
            tmpfs={grafana.SCRATCH: "rw,nosuid,nodev"},
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network)],
            volumes=[
                docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True),
                docker.ContainerVolumeArgs(container_path=grafana.DATA, volume_name=kept.name),
            ],
            healthcheck=own_health(grafana.health_command()),
            wait=True,
            wait_timeout=120,
            restart="unless-stopped",
            **hardened(stack, "grafana", plan.memory, settings_label(whom)),
            opts=container_options(parent, after=[live.courier]),
        )
        limit_pids(container, at, _PIDS)
