"""The guard on a Docker host: Envoy between the edge and the pools, and its keeper."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import load_part
from pulumi_tts.config.guard import Guard
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, volume_labels
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.plan import GuardPlan, PoolGuardPlan, plan_guard
from pulumi_tts.render import envoy, envoy_process, keeper

RUN = "/run/guard"
"""What Envoy and its keeper share, in memory: the endpoints, and Envoy's admin socket, which no engine can reach."""
_CONFIG = f"{RUN}/config"
_PIDS = 128
_USER = "65532:65532"
# What the keeper leaves there is a few KiB for each pool.
_RUN_OPTIONS = {"type": "tmpfs", "device": "tmpfs", "o": "uid=65532,gid=65532,mode=0700,size=16m"}


class EnvoyGuardArgs(TypedDict):
    """What an EnvoyGuard is made from."""

    network: pulumi.Input[str]
    """The Docker network that the pools' instances are on; the edge must be on it too."""
    pools: NotRequired[pulumi.Input[list[Any]]]
    """The pools to guard: what `TtsPool.guarded` gives."""
    guard: NotRequired[dict[str, Any]]
    """The guard as under `guard:` in docs/config.yaml."""
    images: NotRequired[str]
    """`registry` or `local`. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the guard's resource name."""
    plan: NotRequired[Any]
    """In Python only: a GuardPlan, where SpeechStack has planned everything; `pools` and `guard` are then not read."""
