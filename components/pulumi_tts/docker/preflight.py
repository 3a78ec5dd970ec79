"""What is asked of the Docker host before anything is touched."""

import socket
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_tts.config import ConfigError, ImageSource, Problem, Stack, versions
from pulumi_tts.config.problems import shown
from pulumi_tts.docker.endpoint import client, endpoint
from pulumi_tts.docker.hardening import GPUS_LABEL
from pulumi_tts.plan import EdgePlan, Place, StackPlan

_ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not bound to


def uses_local_images(stack: Stack) -> bool:
    """Whether images are built on the host without a registry.

    `auto` is decided by what is on the host: who has the local base image made it because no registry answered, and
    the answer stays the same from one `up` to the next. Raises ConfigError if the host does not answer.
    """
    if stack.images is not ImageSource.auto:
        return stack.images is ImageSource.local
    return _has_local_base(_reached(stack))


def running_places(stack: Stack, name: str) -> dict[str, Place]:
    """Where the stack's instances are now, by the names of their containers; nothing is asked where no host has cards.

    Raises ConfigError if the host does not answer.
    """
    if not any(host.gpus for host in stack.hosts):
        return {}
    filters = {"label": [f"pulumi-tts.stack={name}", "pulumi-tts.part=instance"]}
    # Stopped ones too: their cards are theirs again when they start.
    return {
        container["Names"][0].lstrip("/"): _place(stack.hosts[0].name, container["Labels"])
        for container in _reached(stack).api.containers(all=True, filters=filters)
    }


def _place(host: str, labels: Mapping[str, str]) -> Place:
    gpus = labels.get(GPUS_LABEL)
    return Place(host, tuple(gpus.split(",")) if gpus else ())


def check_host(stack: Stack, plan: StackPlan) -> None:
    """Raises ConfigError if the host does not answer, lacks what it was told to have, or has a name or port taken."""
    docker = _reached(stack)
    problems = [*_missing_base(docker, stack), *_taken_names(docker, plan), *_taken_ports(docker, stack, plan)]
    if problems:
        raise ConfigError(problems)


def _reached(stack: Stack) -> Any:
    from docker.errors import DockerException  # noqa: PLC0415  see endpoint.client

    host = stack.hosts[0]
    at = endpoint(host.docker)
    try:
        docker = client(at)
        docker.ping()
    except (DockerException, OSError, ValueError) as error:
        problem = Problem(
            "hosts[0].docker",
            shown(at),
            f"does not answer as a Docker engine (host {host.name!r}: {error})",
            "Start Docker there, or name the right endpoint here or in DOCKER_HOST",
        )
        raise ConfigError([problem]) from None
    return docker


def _has_local_base(docker: Any) -> bool:
    return bool(docker.images.list(name=versions.images().local_base))


def _missing_base(docker: Any, stack: Stack) -> Iterator[Problem]:
    if stack.images is ImageSource.local and not _has_local_base(docker):
        yield Problem(
            "images",
            shown(stack.images.value),
            f"builds on {versions.images().local_base}, which the host {stack.hosts[0].name!r} does not have",
            "Run `make images`, or write `images: registry`",
        )


def _taken_names(docker: Any, plan: StackPlan) -> Iterator[Problem]:
    ours = {instance.name: at for at, pool in enumerate(plan.pools) for instance in pool.instances}
    for container in docker.api.containers(all=True):
        name = container["Names"][0].lstrip("/")
        if name in ours and container["Labels"].get("pulumi-tts.stack") != plan.name:
            yield Problem(
                f"pools[{ours[name]}].name",
                shown(name),
                "is the name of a container that is not this stack's",
                "Choose another name for the pool or the stack, or remove that container",
            )


def _taken_ports(docker: Any, stack: Stack, plan: StackPlan) -> Iterator[Problem]:
    wanted = _wanted_ports(plan.edge)
    published: set[int] = set()
    for container in docker.api.containers():
        for binding in container["Ports"]:
            port = binding.get("PublicPort")
            if port not in wanted or not _same_address(plan.edge.bind, binding.get("IP", "")):
                continue
            published.add(port)
            if container["Labels"].get("pulumi-tts.stack") != plan.name:
                name = container["Names"][0].lstrip("/")
                taken = f"is already published on {binding['IP']} by the container {name!r}"
                yield _taken(wanted[port], port, taken)
    if endpoint(stack.hosts[0].docker).startswith("unix://"):
        for port in wanted.keys() - published:
            if reason := _refusal_to_bind(plan.edge.bind, port):
                yield _taken(wanted[port], port, f"cannot be had on {plan.edge.bind} of this machine ({reason})")


def _taken(path: str, port: int, reason: str) -> Problem:
    return Problem(path, shown(port), reason, "Choose another port or another edge.bind, or stop what has it")


def _refusal_to_bind(address: str, port: int) -> str | None:
    """Why this machine would not give a port to the edge; Docker finds that out when the old edge is gone."""
    with socket.socket() as probe:
        # As Docker binds: connections of an earlier edge that linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return None  # a privileged port, which Docker may take and this user may not
        except OSError as error:
            return error.strerror
    return None


def _wanted_ports(edge: EdgePlan) -> dict[int, str]:
    wanted = {edge.port: "edge.port"}
    if edge.dashboard and edge.dashboard.own_port:
        wanted[edge.dashboard.port] = "edge.dashboard.port"
    return wanted


def _same_address(ours: str, theirs: str) -> bool:
    return ours == theirs or ours in _ANY_ADDRESS or theirs in _ANY_ADDRESS
