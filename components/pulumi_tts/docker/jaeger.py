"""What takes traces, on the edge's host: Jaeger, with their volume, or with a way out to who takes them instead."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import (
    container_options,
    hardened,
    made_network,
    own_health,
    settings_label,
    volume_labels,
)
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.tracing import JaegerPlan
from pulumi_tts.render import jaeger
from pulumi_tts.render.health import wget

_GROUP = 65532
_PIDS = 128
_TO_END = 30
"""Seconds for what it holds in memory to be written down."""


class TtsJaeger(pulumi.ComponentResource):
    """Takes the spans of all parts, and keeps their traces, or sends them on. No request waits for it."""

    def __init__(
        self,
        plan: JaegerPlan,
        *,
        stack: str,
        network: pulumi.Input[str],
        secrets: Mapping[str, pulumi.Input[str]],
        at: Endpoint,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """``network`` is that of what watches and what is watched; ``secrets`` are the config's, by their keys."""
        super().__init__("tts:index:TtsJaeger", plan.name, None, opts)
        settings = jaeger.settings_file(plan)
        files: dict[str, pulumi.Input[str]] = {jaeger.SETTINGS: settings}
        shown: dict[str, pulumi.Output[str]] = {}
        networks = [network]
        kept: dict[str, pulumi.Input[str]] = {}
        if plan.export:
            shown = {name: pulumi.Output.secret(secrets[key]) for name, key in plan.export.headers}
            files |= shown
            networks.append(made_network(f"{plan.name}-outside", stack, pulumi.ResourceOptions(parent=self)))
        else:
            kept[jaeger.FOLDER] = self._volume(plan.volume, stack)
        image = image_on_host(f"{plan.name}-image", plan.image, self)
        live = LiveFiles(f"{plan.name}-files", stack, files, image, self, reader=_GROUP, written_by_reader=kept)
        command = jaeger.command(CURRENT)
        running = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            entrypoints=command[:1],
            command=command[1:],
            # Go collects its garbage before the memory is full.
            envs=[f"GOMEMLIMIT={plan.memory * 4 // 5}MiB"],
            user=f"{_GROUP}:{_GROUP}",
            read_only=True,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=name) for name in networks],
            volumes=[
                docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True),
                *(docker.ContainerVolumeArgs(container_path=path, volume_name=name) for path, name in kept.items()),
            ],
            healthcheck=own_health(wget(jaeger.HEALTH)),
            wait=True,
            wait_timeout=120,
            restart="unless-stopped",
            stop_timeout=_TO_END,
            destroy_grace_seconds=_TO_END,
            # It reads its settings and what it shows a collector when it starts: others are another container.
            **hardened(stack, "jaeger", plan.memory, settings_label(settings, *shown.values())),
            opts=container_options(self, after=[live.courier]),
        )
        limit_pids(running, at, _PIDS)
        self.register_outputs({})

    def _volume(self, name: str, stack: str) -> pulumi.Output[str]:
        labels = volume_labels(stack, "traces")
        # What happened is asked for after a stack is gone, too; `make down VOLUMES=1` removes it.
        opts = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        return docker.Volume(name, name=name, labels=labels, opts=opts).name
