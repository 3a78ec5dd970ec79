"""One engine in one container, with a volume of its own for what it makes."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.cards import card_requests
from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.hardening import (
    GPUS_LABEL,
    HOST_LABEL,
    PORT_LABEL,
    container_options,
    duration,
    hardened,
    volume_labels,
)
from pulumi_tts.docker.mps import TtsMps
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.docker.way_out import TtsWayOut, resolvers
from pulumi_tts.docker.weights import Weights
from pulumi_tts.plan.graphics import gpu_health, gpu_settings
from pulumi_tts.plan.pools import Container, Instance

PROVIDERS_LIMIT = 1200
"""Seconds after which the provider gives up making a container, whatever `wait_timeout` says."""

_MARGIN = 60
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
        weights: Weights | None,
        way_out: TtsWayOut | None,
        mps: TtsMps | None,
        drain: int | None,
        after: Sequence[pulumi.Resource],
        at: Endpoint,
        away: Elsewhere | None,
        parent: pulumi.Resource,
    ) -> None:
        here = away.options() if away else None
        opts = pulumi.ResourceOptions.merge(here, pulumi.ResourceOptions(parent=parent))
        super().__init__("tts:index:TtsInstance", instance.name, None, opts)
        health = container.health
        settings = gpu_settings(instance.gpus, dict(container.environment) | dict(instance.environment), instance.mps)
        shared = mps.volumes if mps else []
        turns = rolling_updates()
        turns.expect(instance.name, settle=health.interval + SEEN_BY_EDGE, drain=drain)
        self.container = docker.Container(
            instance.name,
            name=instance.name,
            hostname=instance.name,
            image=image,
            command=list(container.command) if container.command else None,
            envs=[f"{name}={value}" for name, value in settings.items()],
            device_requests=card_requests(instance.gpus),
            user=container.user,
            read_only=container.read_only,
            # Shared memory of its own would keep it from the MPS daemon's.
            tmpfs=dict.fromkeys(
                (path for path in container.writable if path not in {volume.container_path for volume in shared}),
                "rw,nosuid,nodev",
            ),
            volumes=[
                *self._outputs(instance, container, stack),
                *_models(container, models),
                *_weights(container, weights),
                *shared,
            ]
            or None,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=network)
                for network in (*networks, *([way_out.network] if way_out else ()))
            ],
            ports=_port(instance, container),
            dns=resolvers(container.unconfined),
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", *gpu_health(instance.gpus, health.command, mps=mps is not None)],
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
            **hardened(stack, "instance", container.memory, _found_again_by(instance)),
            opts=pulumi.ResourceOptions.merge(
                container_options(self, turns.binding, self._first(after, weights, way_out, mps)),
                pulumi.ResourceOptions(custom_timeouts=patience(health.longest_start)),
            ),
        )
        self.container.id.apply(lambda _: turns.registered(instance.name))
        if not (away and away.silent):
            limit_pids(self.container, at, container.pids)
        self.register_outputs({})

    @staticmethod
    def _first(
        after: Sequence[pulumi.Resource], weights: Weights | None, way_out: TtsWayOut | None, mps: TtsMps | None
    ) -> list[pulumi.Input[pulumi.Resource]]:
        """What is there before it is."""
        containers = [part.container for part in (way_out, mps) if part]
        return [*after, *([weights.ready] if weights else []), *containers]

    def _outputs(self, instance: Instance, container: Container, stack: str) -> list[docker.ContainerVolumeArgs]:
        if not (instance.volume and container.outputs):
            return []
        volume = docker.Volume(
            instance.volume,
            name=instance.volume,
            labels=volume_labels(stack, "outputs", {HOST_LABEL: instance.host} if instance.published else None),
            # What users made outlives the instance, the pool and the stack; `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return [docker.ContainerVolumeArgs(container_path=container.outputs, volume_name=volume.name)]


def patience(wait_timeout: int) -> pulumi.CustomTimeouts | None:
    """How long the provider may take for a container that is waited for; absent where its own limit will do."""
    if wait_timeout < PROVIDERS_LIMIT - _MARGIN:
        return None
    return pulumi.CustomTimeouts(create=f"{wait_timeout + _MARGIN}s")


def _models(container: Container, volume: pulumi.Input[str] | None) -> list[docker.ContainerVolumeArgs]:
    if not (volume and container.models):
        return []
    return [docker.ContainerVolumeArgs(container_path=container.models, volume_name=volume)]


def _weights(container: Container, weights: Weights | None) -> list[docker.ContainerVolumeArgs]:
    if not (weights and container.weights):
        return []
    return [docker.ContainerVolumeArgs(container_path=container.weights, volume_name=weights.volume, read_only=True)]


def _port(instance: Instance, container: Container) -> list[docker.ContainerPortArgs] | None:
    port = instance.published
    if not port:
        return None
    return [docker.ContainerPortArgs(internal=container.port, external=port.port, ip=port.ip)]


def _found_again_by(instance: Instance) -> dict[str, str]:
    """The labels by which the next plan knows what this instance has, and leaves it that."""
    cards = {GPUS_LABEL: ",".join(instance.gpus)} if instance.gpus else {}
    return cards | ({PORT_LABEL: str(instance.published.port)} if instance.published else {})
