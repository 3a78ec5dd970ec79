"""What is asked of the Docker hosts before anything is touched."""

import socket
from collections.abc import Iterator
from typing import Any

from pulumi_tts.config import ConfigError, ImageSource, Problem, Stack, versions
from pulumi_tts.config.problems import shown
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.survey import Reached, reach_edge, written_down
from pulumi_tts.plan import EdgePlan, StackPlan, Survey
from pulumi_tts.plan.names import on_host, places_volume, socket_proxy_name

_ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not bound to


def uses_local_images(stack: Stack) -> bool:
    """Whether images are built on the hosts without a registry.

    `auto` is decided by what is on the edge's host: who has the local base image made it because no registry answered,
    and the answer stays the same from one `up` to the next. Raises ConfigError if that host does not answer.
    """
    if stack.images is not ImageSource.auto:
        return stack.images is ImageSource.local
    return _has_local_base(reach_edge(stack))


def check_hosts(stack: Stack, plan: StackPlan, reached: Reached, found: Survey, *, local_images: bool) -> None:
    """Raises ConfigError if a host that answers lacks what it was told to have, or has a name or port taken."""
    edge = reached.answering[plan.edge_host.name]
    problems = (
        list(_one_engine_twice(stack, reached))
        or list(_edge_elsewhere(plan, reached))
        or list(_come_back(stack, plan, reached))
    )
    for host, docker in reached.answering.items():
        problems += _taken_names(host, docker, plan, found)
    problems += _taken_ports(edge, stack, plan)
    problems += _taken_proxy_ports(stack, plan, reached)
    if local_images:
        problems += _missing_base(stack, plan, reached)
        problems += _missing_programs(plan, reached)
    if problems:
        raise ConfigError(problems)


def _has_local_base(docker: Any) -> bool:
    return bool(docker.images.list(name=versions.images().local_base))


def _one_engine_twice(stack: Stack, reached: Reached) -> Iterator[Problem]:
    """Two endpoints may lead to one engine, whose cards would then be counted twice.

    The ID alone does not tell: machines that were cloned can share it.
    """
    if len(reached.answering) == 1:
        return
    first: dict[tuple[str, ...], str] = {}
    for at, host in enumerate(stack.hosts):
        if docker := reached.answering.get(host.name):
            info = docker.info()
            engine = (info["ID"], info["Name"], info["DockerRootDir"])
            if engine in first:
                url = shown(endpoint(host.docker).url)
                reason = f"is the same Docker engine as that of the host {first[engine]!r}"
                yield Problem(f"hosts[{at}].docker", url, reason, "List each machine once, with all of its cards")
            first.setdefault(engine, host.name)


def _edge_elsewhere(plan: StackPlan, reached: Reached) -> Iterator[Problem]:
    """The edge stays on its host: its certificates and its port are there, and clients find it there."""
    for host in plan.other_hosts:
        docker = reached.answering.get(host.name)
        filters = {"label": [f"pulumi-tts.stack={plan.name}", "pulumi-tts.part=edge"]}
        if docker and docker.api.containers(all=True, filters=filters):
            yield Problem(
                "hosts[0]",
                shown(plan.edge_host.name),
                f"would get the edge, as the first host, but this stack's edge runs on {host.name!r}",
                f"Write {host.name!r} first; or, to move the edge, destroy the stack before",
            )


def _come_back(stack: Stack, plan: StackPlan, reached: Reached) -> Iterator[Problem]:
    """A host that was given up while it was away has containers that Pulumi's state knows nothing of any more.

    A host that only has another name now is none of these: what is on it is remembered under its old name.
    """
    memory = written_down(reached.answering[plan.edge_host.name], plan.name)
    if memory is None:
        return
    names = {host.name for host in stack.hosts}
    renamed = {instance for host, instances in memory.items() if host not in names for instance in instances}
    for at, host in enumerate(stack.hosts):
        docker = reached.answering.get(host.name)
        if at == 0 or docker is None or host.name in memory:
            continue
        label = f"pulumi-tts.stack={plan.name}"
        found = docker.api.containers(all=True, filters={"label": [label]})
        left = sorted(container["Names"][0].lstrip("/") for container in found)
        if left and renamed.isdisjoint(left):
            to = f"docker --host {endpoint(host.docker).url}"
            which = f"$({to} ps --all --quiet --filter label={label})"
            yield Problem(
                f"hosts[{at}]",
                shown(host.name),
                f"has containers of this stack that it knows nothing of ({', '.join(left)}), as a host does that was "
                f"given up and is back; what is on which host is remembered by the volume {places_volume(plan.name)}",
                # The state does know them where the `up` failed that was to take the host out of the stack.
                f"Remove them, and run `pulumi refresh`: {to} rm --force {which}",
            )


def _missing_base(stack: Stack, plan: StackPlan, reached: Reached) -> Iterator[Problem]:
    base = versions.images().local_base
    used = [plan.edge_host.name, *(host.name for host in plan.other_hosts if host.instances)]
    for name in used:
        docker = reached.answering.get(name)
        if docker and not _has_local_base(docker):
            remedy = "Run `make images`, or write `images: registry`"
            if name != plan.edge_host.name:
                remedy = (
                    f"Bring it there, as with `docker save {base} | docker --host … load`, or write `images: registry`"
                )
            yield Problem(
                "images", shown(stack.images.value), f"builds on {base}, which the host {name!r} does not have", remedy
            )


def _missing_programs(plan: StackPlan, reached: Reached) -> Iterator[Problem]:
    """Some programs are built in minutes, from hundreds of modules, and so only where somebody asks for them."""
    jaeger, oidc = plan.jaeger, plan.edge.auth.oidc
    wanted = (
        ("observability.tracing", "Jaeger", "jaeger", jaeger.image if jaeger else None),
        ("edge.auth.oidc", "oauth2-proxy", "oauth2-proxy", oidc.image if oidc else None),
    )
    docker = reached.answering[plan.edge_host.name]
    for path, called, program, image in wanted:
        if image is None or image.build is None or (image.build.context / "collected" / program).is_file():
            continue
        if not docker.images.list(name=image.reference):
            yield Problem(
                path,
                "(given)",
                f"needs {called}, which is not built yet, and images are local here",
                f"Run: make images ALSO={program}",
            )


def _taken_names(host: str, docker: Any, plan: StackPlan, found: Survey) -> Iterator[Problem]:
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
        elif name in ours and found.host_of(name) != host:
            # As on a host that was given up and is back: Pulumi's state knows nothing of it.
            yield Problem(
                f"pools[{ours[name]}].name",
                shown(name),
                f"runs on {found.host_of(name)!r}, and another container of that name is left on the host {host!r}",
                f"Remove that one: docker --host … rm --force {name}",
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
    if endpoint(stack.hosts[0].docker).url.startswith("unix://"):
        for port in wanted.keys() - published:
            if reason := _refusal_to_bind(plan.edge.bind, port):
                yield _taken(wanted[port], port, f"cannot be had on {plan.edge.bind} of this machine ({reason})")


def _taken_proxy_ports(stack: Stack, plan: StackPlan, reached: Reached) -> Iterator[Problem]:
    """Each other host's socket proxy has the last port of its range, whoever else would like it."""
    wanted = {host.name: host.proxy for host in plan.guard.keeper.elsewhere} if plan.guard else {}
    for at, host in enumerate(stack.hosts):
        if host.name not in wanted or host.name not in reached.answering:
            continue
        proxy = wanted[host.name]
        for container in reached.answering[host.name].api.containers():
            labels, name = container["Labels"], container["Names"][0].lstrip("/")
            ours = labels.get("pulumi-tts.stack") == plan.name and labels.get("pulumi-tts.part") == "socket-proxy"
            if name == on_host(socket_proxy_name(plan.name), host.name) and ours:
                continue
            if any(
                binding.get("PublicPort") == proxy.port and _same_address(proxy.ip, binding.get("IP", ""))
                for binding in container["Ports"]
            ):
                remedy = "Write a range that ends with a free port, or stop what has it"
                if ours:
                    # Its host was called otherwise; the new one comes before the old one goes.
                    remedy = f"Remove it, it is the one of the host's old name: docker --host … rm --force {name}"
                yield Problem(
                    f"hosts[{at}].ports",
                    shown(host.ports),
                    f"ends with the port of the socket proxy, {proxy.port}, which the container {name!r} has on "
                    f"{host.name!r}",
                    remedy,
                )


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
    wanted = {edge.http_port: "edge.port"}
    if edge.tls:
        wanted[edge.tls.port] = "edge.tls.port"
    if edge.dashboard and edge.dashboard.own_port:
        wanted[edge.dashboard.port] = "edge.dashboard.port"
    return wanted


def _same_address(ours: str, theirs: str) -> bool:
    return ours == theirs or ours in _ANY_ADDRESS or theirs in _ANY_ADDRESS
