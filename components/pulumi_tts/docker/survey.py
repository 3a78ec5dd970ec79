"""A look at the Docker hosts: who answers, what runs where, and what was where on a host that does not answer."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pulumi_tts.config import ConfigError, Problem, Stack
from pulumi_tts.config.host import Host
from pulumi_tts.config.problems import shown
from pulumi_tts.docker.endpoint import client, endpoint
from pulumi_tts.docker.hardening import GPUS_LABEL, PLACES_LABEL, PORT_LABEL
from pulumi_tts.plan import Place, Survey
from pulumi_tts.plan.names import places_volume

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Reached:
    """The hosts of a stack: a client for each one that answers, and why the others do not."""

    answering: Mapping[str, Any]
    silent: Mapping[str, Problem]


@dataclass(frozen=True, slots=True)
class Remembered:
    """An instance on a host other than the edge's, as the last `up` left it."""

    host: str
    port: int | None
    gpus: tuple[str, ...]


def reach_edge(stack: Stack) -> Any:
    """A client for the first host, which has the edge. Raises ConfigError if it does not answer."""
    found = _reach(0, stack.hosts[0])
    if isinstance(found, Problem):
        raise ConfigError([found])
    return found


def reach(stack: Stack, name: str) -> Reached:
    """Asks every host at once whether it answers.

    Raises ConfigError if the edge's host does not, or one that nothing is known of from an earlier `up`: a host that is
    new in the config and does not answer is more often a wrong endpoint.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(_reach, range(len(stack.hosts)), stack.hosts))
    by_name = dict(zip((host.name for host in stack.hosts), found, strict=True))
    answering = {host: docker for host, docker in by_name.items() if not isinstance(docker, Problem)}
    silent = {host: problem for host, problem in by_name.items() if isinstance(problem, Problem)}
    edge = stack.hosts[0].name
    known = remembered(answering[edge], name) if silent and edge in answering else {}
    unknown = [problem for host, problem in silent.items() if host not in known]
    if unknown:
        raise ConfigError(unknown)
    return Reached(answering, silent)


def survey(stack: Stack, name: str, reached: Reached) -> Survey:
    """What is on the hosts now."""
    places: dict[str, Place] = {}
    ports: dict[str, int] = {}
    taken: dict[str, frozenset[int]] = {}
    memory = dict(_instances(remembered(reached.answering[stack.hosts[0].name], name)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        listed = pool.map(lambda docker: docker.api.containers(all=True), reached.answering.values())
    for host, containers in zip(reached.answering, listed, strict=True):
        for container in containers:
            labels = container["Labels"]
            if labels.get("pulumi-tts.stack") != name or labels.get("pulumi-tts.part") != "instance":
                continue
            # Stopped ones too: their cards are theirs again when they start.
            instance = container["Names"][0].lstrip("/")
            if instance in places and not (instance in memory and memory[instance].host == host):
                continue  # what is left of it from before (preflight says so)
            gpus = labels.get(GPUS_LABEL)
            places[instance] = Place(host, tuple(gpus.split(",")) if gpus else ())
            if PORT_LABEL in labels:
                ports[instance] = int(labels[PORT_LABEL])
        taken[host] = frozenset(_ports_of_others(containers, name))
    for instance, kept in memory.items():
        # Of a host that does not answer, or that is gone from the config; what is seen elsewhere is not there.
        if kept.host not in reached.answering and instance not in places:
            places[instance] = Place(kept.host, kept.gpus)
            if kept.port:
                ports[instance] = kept.port
    return Survey(places, ports, taken, frozenset(reached.silent))


def missing(stack: Stack, name: str, reached: Reached, found: Survey) -> dict[str, str]:
    """The instances that the last `up` put on a host which answers, and are not there; their hosts, by instance."""
    memory = _instances(remembered(reached.answering[stack.hosts[0].name], name))
    return {
        instance: kept.host
        for instance, kept in memory
        if kept.host in reached.answering and instance not in found.running
    }


def remembered(docker: Any, name: str) -> dict[str, dict[str, Remembered]]:
    """What the last `up` put on hosts other than the edge's, by host and container; the edge's host remembers it."""
    return written_down(docker, name) or {}


def written_down(docker: Any, name: str) -> dict[str, dict[str, Remembered]] | None:
    """The same; None where nothing was ever written down, or a destroy has begun to take the stack away."""
    filters = {"name": f"^{places_volume(name)}$"}
    volumes = docker.api.volumes(filters=filters).get("Volumes") or []
    if not volumes:
        return None
    written = (volumes[0].get("Labels") or {}).get(PLACES_LABEL, "{}")
    return {
        host: {instance: Remembered(host, port, tuple(gpus)) for instance, (port, gpus) in instances.items()}
        for host, instances in json.loads(written).items()
    }


def _instances(memory: Mapping[str, Mapping[str, Remembered]]) -> Iterator[tuple[str, Remembered]]:
    for instances in memory.values():
        yield from instances.items()


def _ports_of_others(containers: list[dict[str, Any]], name: str) -> Iterator[int]:
    for container in containers:
        if container["Labels"].get("pulumi-tts.stack") != name:
            yield from (binding["PublicPort"] for binding in container["Ports"] if "PublicPort" in binding)


def _reach(at: int, host: Host) -> Any:
    """A client, or the problem that there is none."""
    from docker.errors import DockerException  # noqa: PLC0415  see endpoint.client

    where = endpoint(host.docker, host.certificates)
    try:
        docker = client(where)
        docker.ping()
    except (DockerException, OSError, ValueError) as error:
        return Problem(
            f"hosts[{at}].docker",
            shown(where.url),
            f"does not answer as a Docker engine (host {host.name!r}: {error})",
            "Start Docker there, or name the right endpoint here or in DOCKER_HOST",
        )
    return docker
