"""What every container of ours has in common: no privileges, bounded logs, labels to find it by."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

# Docker keeps the logs of a container for ever unless told otherwise: 3 files of 10 MB here.
_LOGS = {"max-size": "10m", "max-file": "3"}

# The provider does not apply edits of these to a running container, and says nothing (pulumi-docker's traps, 1).
REPLACED_ON = ["healthcheck", "tmpfs", "init"]

# On a network with this one nobody reaches anybody else.
APART = {"com.docker.network.bridge.enable_icc": "false"}
# Docker publishes no port on an internal network. On one with these options it does, and what leaves it keeps an
# address that nobody outside its host knows a way back to; nor do its containers reach each other.
NO_WAY_BACK = {"com.docker.network.bridge.enable_ip_masquerade": "false", **APART}

# An internal network leads nowhere by its host, and to the host itself: to whatever listens there on all addresses.
# Without an address of the host's on it, not even there.
_NO_HOST = {"com.docker.network.bridge.inhibit_ipv4": "true"}

GPUS_LABEL = "pulumi-tts.gpus"
"""Says which cards an instance has; placement leaves it on them."""


PORT_LABEL = "pulumi-tts.port"
"""Says on which port of its host an instance is reached; it keeps that port."""

HOST_LABEL = "pulumi-tts.host"
"""On volumes of hosts other than the edge's: a volume cannot move, so that of an instance that moves is another one."""

SETTINGS_LABEL = "pulumi-tts.settings"
"""Says which settings a program was started with that reads them only then, as a digest of them."""

PLACES_LABEL = "pulumi-tts.places"
"""Says what is on hosts other than the edge's, for when they do not answer."""


def hardened(stack: str, part: str, memory: int, more: Mapping[str, pulumi.Input[str]] | None = None) -> dict[str, Any]:
    """The container options that no container of ours goes without.

    ``stack`` and ``part`` become its labels; a part is `edge`, `discovery`, `guard`, `keeper`,
    `socket-proxy`, `oidc`, `files`, `instance`, `mps`, `weights`, `way-out`, `tidy`, `prometheus`, `alertmanager`,
    `blackbox`, `node`, `jaeger`, `meter` or `grafana`. ``memory`` is its limit in MiB. ``more`` are further labels.
    """
    return {
        "memory": memory,
        # No swap beside it: a model that swaps does not speak, and Docker's own default would show as a change.
        "memory_swap": memory,
        "labels": labels(stack, part, more),
        "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        "security_opts": ["no-new-privileges:true"],
        "log_driver": "json-file",
        "log_opts": _LOGS,
    }


def labels(
    stack: str, part: str, more: Mapping[str, pulumi.Input[str]] | None = None
) -> list[docker.ContainerLabelArgs]:
    """The labels by which `docker ps --filter label=…` and `make down` find what is ours."""
    ours = {"pulumi-tts.part": part, "pulumi-tts.stack": stack, **(more or {})}
    return [docker.ContainerLabelArgs(label=label, value=ours[label]) for label in sorted(ours)]


def settings_label(*read: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """The label of a program that reads these settings only when it starts: others are another container.

    64 bits of a digest, which tell next to nothing of what is secret in them.
    """
    texts = pulumi.Output.all(*read)
    digest = texts.apply(lambda texts: hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16])
    return {SETTINGS_LABEL: pulumi.Output.unsecret(digest)}


def volume_labels(stack: str, part: str, more: Mapping[str, str] | None = None) -> list[docker.VolumeLabelArgs]:
    """The same for volumes; a part is `outputs`, `models`, `weights`, `files`, `run`, `places`, `acme`, `metrics`,
    `traces`, `logs` or `usage`."""
    ours = {"pulumi-tts.part": part, "pulumi-tts.stack": stack, **(more or {})}
    return [docker.VolumeLabelArgs(label=label, value=value) for label, value in sorted(ours.items())]


def network_labels(stack: str) -> list[docker.NetworkLabelArgs]:
    """The same for networks."""
    return [docker.NetworkLabelArgs(label="pulumi-tts.stack", value=stack)]


def made_network(
    name: str,
    stack: str,
    opts: pulumi.ResourceOptions,
    *,
    internal: bool | None = None,
    options: Mapping[str, str] | None = None,
) -> pulumi.Output[str]:
    """Makes a network of a stack's; its name.

    ``internal`` ones have no way out, and none to the host that they are on; ``options`` are its driver's.
    """
    made = docker.Network(
        name,
        name=name,
        internal=internal,
        options=_NO_HOST if internal else options,
        labels=network_labels(stack),
        # Docker has one network of a name.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )
    return made.name


def own_health(command: Sequence[str], interval: str = "5s", timeout: str = "3s") -> docker.ContainerHealthcheckArgs:
    """How Docker asks a program of a stack that is no engine, by a command in its container, whether it is there."""
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *command], interval=interval, timeout=timeout, retries=3, start_period="10s"
    )


def container_options(
    parent: pulumi.Resource,
    hooks: pulumi.ResourceHookBinding | None = None,
    after: Sequence[pulumi.Input[pulumi.Resource]] = (),
) -> pulumi.ResourceOptions:
    """The Pulumi options of a container: its name is taken until the old one is gone.

    It comes ``after`` others, and goes before them.
    """
    return pulumi.ResourceOptions(
        parent=parent,
        delete_before_replace=True,
        replace_on_changes=REPLACED_ON,
        hooks=hooks,
        depends_on=list(after) or None,
    )


def duration(seconds: int) -> str:
    """A duration as Docker gives it back, `1m30s`; another way to write it would show as a change at every refresh."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
