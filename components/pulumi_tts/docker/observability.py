"""What watches a stack, on its edge's Docker host: each part a container, with its files and what it keeps."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.grafana import GrafanaContainer
from pulumi_tts.docker.hardening import container_options, hardened, made_network, own_health, volume_labels
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan.grafana import GrafanaPlan
from pulumi_tts.plan.images import Image
from pulumi_tts.plan.observability import (
    ALERTMANAGER,
    ALERTMANAGER_PORT,
    BLACKBOX_PORT,
    NODE_PORT,
    PROMETHEUS,
    PROMETHEUS_PORT,
    BlackboxPlan,
    NodePlan,
    ObservabilityPlan,
)
from pulumi_tts.render import alertmanager, blackbox, node, prometheus, reloading, rules
from pulumi_tts.render.health import wget

_GROUP = 65532
_USER = f"65532:{_GROUP}"
_PIDS = 128
_EXPORTERS_MEMORY = 64
_TO_END = 30
"""Seconds that Prometheus has to write down what it holds in memory."""

Secrets = Mapping[str, pulumi.Input[str]]


class ObservabilityArgs(TypedDict):
    """What an Observability is made from."""

    network: pulumi.Input[str]
    """The network of what watches and what is watched."""
    plan: Any
    """In Python only: an ObservabilityPlan."""
    grafana: NotRequired[Any]
    """In Python only: a GrafanaPlan. Default: no Grafana."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the resource name."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """The secrets that `observability` refers to as `{secret: KEY}`, by their keys."""
    authority: NotRequired[pulumi.Input[str]]
    """Who has signed the edge's certificates, in PEM form, where that is an authority of the stack's own."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    certificates: NotRequired[str | None]
    """The folder with what TLS needs for a `tcp://` endpoint. Default: what `DOCKER_CERT_PATH` says."""


class Observability(pulumi.ComponentResource):
    """What watches a stack. Whom it asks, its rules and its receivers are files: changing them restarts nothing."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tts:index:Observability", name, None, opts)
        plan: ObservabilityPlan = args["plan"]
        self._stack = args.get("stack", name)
        self._at: Endpoint = endpoint(args.get("docker"), args.get("certificates"))
        self._network = args["network"]
        secrets = args.get("secrets", {})
        outside = made_network(plan.outside, self._stack, pulumi.ResourceOptions(parent=self)) if plan.outside else None
        self._alertmanager(plan, secrets, outside)
        if plan.blackbox:
            self._blackbox(plan.blackbox, args.get("authority", ""))
        if plan.node:
            self._node(plan.node)
        self._prometheus(plan, secrets, outside)
        grafana: GrafanaPlan | None = args.get("grafana")
        if grafana:
            GrafanaContainer(grafana, stack=self._stack, network=self._network, at=self._at, parent=self)
        self.register_outputs({})

    def _prometheus(self, plan: ObservabilityPlan, secrets: Secrets, outside: pulumi.Output[str] | None) -> None:
        own = plan.prometheus
        files: dict[str, pulumi.Input[str]] = {
            "prometheus.yml": prometheus.prometheus_file(plan),
            "rules.yml": rules.rules_file(plan),
        }
        if own.remote_write:
            secret = secrets[own.remote_write.secret_key]
            files[prometheus.REMOTE_WRITE_SECRET] = pulumi.Output.secret(secret)
        self._reading(
            own.name,
            own.image,
            prometheus.static_arguments(own),
            files,
            memory=own.memory,
            part="prometheus",
            health=f"{PROMETHEUS_PORT}{PROMETHEUS}/-/healthy",
            keeps={prometheus.DATA: self._volume(own.volume, kept=True)},
            outside=outside if own.remote_write else None,
        )

    def _alertmanager(self, plan: ObservabilityPlan, secrets: Secrets, outside: pulumi.Output[str] | None) -> None:
        own = plan.alertmanager
        files: dict[str, pulumi.Input[str]] = {"alertmanager.yml": alertmanager.alertmanager_file(own)}
        for receiver in own.receivers:
            if receiver.secret_key:
                files[alertmanager.secret_file(receiver)] = pulumi.Output.secret(secrets[receiver.secret_key])
        self._reading(
            own.name,
            own.image,
            alertmanager.static_arguments(own),
            files,
            memory=own.memory,
            part="alertmanager",
            health=f"{ALERTMANAGER_PORT}{ALERTMANAGER}/-/healthy",
            keeps={alertmanager.DATA: self._volume(own.volume, kept=True)},
            outside=outside if own.receivers else None,
        )

    def _blackbox(self, plan: BlackboxPlan, authority: pulumi.Input[str]) -> None:
        files: dict[str, pulumi.Input[str]] = {"blackbox.yml": blackbox.blackbox_file(plan)}
        if plan.own_authority:
            files[blackbox.AUTHORITY] = authority
        self._reading(
            plan.name,
            plan.image,
            blackbox.static_arguments(),
            files,
            memory=_EXPORTERS_MEMORY,
            part="blackbox",
            health=f"{BLACKBOX_PORT}/-/healthy",
        )

    def _node(self, plan: NodePlan) -> None:
        self._container(
            plan.name,
            image_on_host(f"{plan.name}-image", plan.image, self),
            list(node.static_arguments()),
            part="node",
            memory=_EXPORTERS_MEMORY,
            health=f"{NODE_PORT}/",
            networks=[self._network],
            volumes=[
                docker.ContainerVolumeArgs(
                    container_path=node.VOLUMES, volume_name=self._volume(plan.volume), read_only=True
                )
            ],
        )

    def _reading(
        self,
        name: str,
        image: Image,
        arguments: Sequence[str],
        files: Mapping[str, pulumi.Input[str]],
        *,
        memory: int,
        part: str,
        health: str,
        keeps: Mapping[str, pulumi.Input[str]] | None = None,
        outside: pulumi.Output[str] | None = None,
    ) -> None:
        """A part that reads files, again when they change; ``keeps`` are its volumes, by where it has them."""
        on_host = image_on_host(f"{name}-image", image, self)
        live = LiveFiles(
            f"{name}-files", self._stack, files, on_host, self, reader=_GROUP, written_by_reader=keeps or {}
        )
        self._container(
            name,
            on_host,
            reloading.command(CURRENT, arguments),
            part=part,
            memory=memory,
            health=health,
            networks=[self._network, *([outside] if outside is not None else [])],
            volumes=[
                docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True),
                *(
                    docker.ContainerVolumeArgs(container_path=path, volume_name=volume)
                    for path, volume in (keeps or {}).items()
                ),
            ],
            after=[live.courier],
        )

    def _container(
        self,
        name: str,
        image: pulumi.Output[str],
        command: Sequence[str],
        *,
        part: str,
        memory: int,
        health: str,
        networks: Sequence[pulumi.Input[str]],
        volumes: Sequence[docker.ContainerVolumeArgs],
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """``health`` is the port and path at which it says that it is there."""
        running = docker.Container(
            name,
            name=name,
            image=image,
            entrypoints=list(command[:1]),
            command=list(command[1:]),
            user=_USER,
            read_only=True,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in networks],
            volumes=list(volumes),
            healthcheck=own_health(wget(f"http://127.0.0.1:{health}")),
            wait=True,
            wait_timeout=120,
            restart="unless-stopped",
            stop_timeout=_TO_END,
            destroy_grace_seconds=_TO_END,
            **hardened(self._stack, part, memory),
            opts=container_options(self, after=after),
        )
        limit_pids(running, self._at, _PIDS)

    def _volume(self, name: str, *, kept: bool = False) -> pulumi.Output[str]:
        """``kept``: what was measured, and who was told, outlives the stack; `make down VOLUMES=1` removes it."""
        labels = volume_labels(self._stack, "metrics")
        opts = pulumi.ResourceOptions(parent=self, retain_on_delete=kept)
        return docker.Volume(name, name=name, labels=labels, opts=opts).name
