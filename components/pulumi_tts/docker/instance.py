"""One engine in one container, with a volume of its own for what it makes."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.hardening import container_options, duration, hardened, volume_labels
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.plan.graphics import gpu_health, gpu_settings
from pulumi_tts.plan.pools import Container, Instance

SEEN_BY_EDGE = 1.0
"""Seconds beyond its health-check interval until the edge acts on what the check found."""


class TtsInstance(pulumi.ComponentResource):
    """One instance of a pool; made by TtsPool, which knows what all of its instances share."""

    def __init__(
        self,
        instance: Instance,
        container: Container,
        *,
        stack: str,
        image: pulumi.Input[str],
        networks: Sequence[pulumi.Input[str]],
        models: pulumi.Input[str] | None,
        at: str,
        drain: int | None,
        after: Sequence[pulumi.Resource],
        parent: pulumi.Resource,
    ) -> None:
        super().__init__("tts:index:TtsInstance", instance.name, None, pulumi.ResourceOptions(parent=parent))
        health = container.health
        turns = rolling_updates()
        turns.expect(instance.name, settle=health.interval + SEEN_BY_EDGE, drain=drain)
        running = docker.Container(
            instance.name,
            name=instance.name,
            hostname=instance.name,
            image=image,
            command=list(container.command) if container.command else None,
            envs=[
                f"{name}={value}" for name, value in gpu_settings(instance.gpus, dict(container.environment)).items()
            ],
            device_requests=_cards(instance),
            user=container.user,
            read_only=container.read_only,
            tmpfs=dict.fromkeys(container.writable, "rw,nosuid,nodev"),
            volumes=[*self._outputs(instance, container, stack), *_models(container, models)] or None,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in networks],
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", *gpu_health(instance.gpus, health.command)],
                interval=duration(health.interval),
                timeout=duration(health.timeout),
                retries=health.retries,
                start_period=duration(health.startup),
            ),
            wait=True,
            wait_timeout=health.longest_start,
            restart="unless-stopped",
            stop_timeout=container.stop_grace,
            destroy_grace_seconds=container.stop_grace,
            **hardened(stack, "instance", container.memory, gpus=instance.gpus),
            opts=container_options(self, turns.binding, after),
        )
        running.id.apply(lambda _: turns.registered(instance.name))
        limit_pids(running, at, container.pids)
        self.register_outputs({})

    def _outputs(self, instance: Instance, container: Container, stack: str) -> list[docker.ContainerVolumeArgs]:
        if not (instance.volume and container.outputs):
            return []
        volume = docker.Volume(
            instance.volume,
            name=instance.volume,
            labels=volume_labels(stack, "outputs"),
            # What users made outlives the instance, the pool and the stack; `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return [docker.ContainerVolumeArgs(container_path=container.outputs, volume_name=volume.name)]


def _models(container: Container, volume: pulumi.Input[str] | None) -> list[docker.ContainerVolumeArgs]:
    if not (volume and container.models):
        return []
    return [docker.ContainerVolumeArgs(container_path=container.models, volume_name=volume)]


def _cards(instance: Instance) -> list[docker.ContainerDeviceRequestArgs] | None:
    if not instance.gpus:
        return None
    # What `gpus` would say shorter, if the provider did not take `device=0,1` apart at the comma.
    request = docker.ContainerDeviceRequestArgs(
        driver="nvidia", count=0, device_ids=list(instance.gpus), capabilities=["gpu"]
    )
    return [request]
