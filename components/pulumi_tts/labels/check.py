"""Everything about a container's labels that would silently not become what was meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pulumi_tts.labels.finding import Finding, nearest
from pulumi_tts.labels.keys import key_findings
from pulumi_tts.labels.rules import RuleError, hosts
from pulumi_tts.labels.way import WayIn
from pulumi_tts.labels.written import Http, Part, http_of
from pulumi_tts.plan.admission import ADMIT, ENABLE

ENTRY_POINT = "web"
"""The one that the edge's discovery has; TLS ends at the edge."""

NETWORK = "traefik.docker.network"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A container as Docker tells of it."""

    name: str
    labels: Mapping[str, str]
    ports: tuple[str, ...] = ()
    """What it exposes, as `80/tcp`."""
    networks: tuple[str, ...] = ()
    running: bool = True
    healthy: bool = True
    """Also where it has no health check."""

    @property
    def service(self) -> str:
        """What Traefik calls it where it has to name a service or router itself."""
        labels = self.labels
        project, service = (labels.get(f"com.docker.compose.{key}") for key in ("project", "service"))
        name = f"{service}_{project}" if project and service else self.name
        return "-".join("".join(letter if letter.isalnum() else " " for letter in name).split())


def checked(containers: Sequence[Labelled], way: WayIn) -> dict[str, list[Finding]]:
    """What is wrong with each container's labels, by its name; nothing is there for one that is right.

    The containers are looked at together: a router may use a service or a middleware of another one.
    """
    read = {container.name: http_of(container.labels) for container in containers}
    asking = [container for container in containers if all(container.labels.get(k) == v for k, v in way.asked.items())]
    others = _Known(
        frozenset(name for one in asking for name in _services(one, read[one.name])),
        frozenset(name for one in asking for name in read[one.name].middlewares),
    )
    findings = {
        container.name: [
            *_asks(container, way),
            *key_findings(container.labels),
            *_place(container, way),
            *_ports(container, read[container.name]),
            *_routers(container, read[container.name], way, others),
            *_middlewares(read[container.name]),
            *_only_http(container.labels),
        ]
        for container in containers
    }
    for name, finding in _twice(asking, read):
        findings[name].append(finding)
    return {name: found for name, found in findings.items() if found}


@dataclass(frozen=True, slots=True)
class _Known:
    """What all containers that ask to be admitted have together."""

    services: frozenset[str]
    middlewares: frozenset[str]


def _services(container: Labelled, http: Http) -> list[str]:
    return list(http.services) or [container.service]


# ---- whether it is seen


def _asks(container: Labelled, way: WayIn) -> Iterator[Finding]:
    for label, wanted in way.asked.items():
        value = container.labels.get(label)
        if value == wanted:
            continue
        if value is None:
            alike = [key for key in container.labels if key != label and nearest(key, [ENABLE, ADMIT]) == label]
            written = f", only {alike[0]}" if alike else ""
            yield Finding("", f"it has no label {label}{written}, and is left alone", f"Add {label}={wanted}")
        else:
            yield Finding(label, f"says {value!r}, and the container is left alone", f"Write {wanted}")


def _place(container: Labelled, way: WayIn) -> Iterator[Finding]:
    if way.network not in container.networks:
        on = ", ".join(container.networks) or "none"
        yield Finding(
            "",
            f"it is not on the network {way.network} (but on: {on}), and nothing reaches it there",
            f"Run: docker network connect {way.network} {container.name}",
        )
    chosen = next((value for label, value in container.labels.items() if label.casefold() == NETWORK), way.network)
    if chosen != way.network:
        yield Finding(
            NETWORK, f"chooses {chosen!r}, which the edge's discovery is not on", f"Remove it, or write {way.network}"
        )
    if not container.running:
        yield Finding("", "it is not running, and has no route meanwhile", f"Run: docker start {container.name}")
    elif not container.healthy:
        yield Finding("", "its health check does not pass, and it has no route meanwhile", "Look at its health check")


# ---- where requests go


def _ports(container: Labelled, http: Http) -> Iterator[Finding]:
    exposed = sorted({int(port.partition("/")[0]) for port in container.ports})
    for service in http.services.values() or [Part(container.service)]:
        options = service.options
        url, port = options.get("loadbalancer.server.url"), options.get("loadbalancer.server.port")
        label = service.label("services", "loadbalancer.server.port")
        if url is not None:
            if port is not None or "loadbalancer.server.scheme" in options:
                yield Finding(
                    service.label("services", "loadbalancer.server.url"),
                    "stands beside a port or scheme, and Traefik refuses all of the container's labels",
                    "Keep one of them",
                )
        elif port is not None:
            if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):  # noqa: PLR2004
                yield Finding(label, f"{port!r} is not a port, and its routers lead nowhere", "Write a number")
        elif not exposed:
            yield Finding(
                "", f"its service {service.name!r} has no port, and Traefik refuses all of its labels", f"Add {label}=…"
            )
        elif len(exposed) > 1:
            yield Finding(
                "",
                f"it exposes {', '.join(map(str, exposed))}, and Traefik takes {exposed[0]}",
                f"Choose with {label}=…",
            )
        if not any(option.startswith("loadbalancer.") for option in options) and options:
            yield Finding(
                service.label("services", next(iter(options))),
                f"leaves the service {service.name!r} without a load balancer, and Traefik refuses all of the "
                "container's labels",
                f"Add {label}=…",
            )


def _routers(container: Labelled, http: Http, way: WayIn, others: _Known) -> Iterator[Finding]:
    services = _services(container, http)
    if not http.routers and len(services) > 1:
        yield Finding("", f"it has several services ({', '.join(services)}) and no router", "Add a router for each")
    for router in http.routers.values():
        yield from _rule(router, way)
        yield from _service(router, services, others)
        yield from _used_middlewares(router, others)
        yield from _entry(router)


def _rule(router: Part, way: WayIn) -> Iterator[Finding]:
    rule = router.options.get("rule")
    if not rule:
        return
    label = router.label("routers", "rule")
    try:
        claimed = hosts(rule)
    except RuleError as error:
        yield Finding(
            label, f"{rule!r} {error}, and the router is dropped", "Mend the rule, as in Host(`a.example.com`)"
        )
        return
    for host in sorted(claimed & way.taken):
        yield Finding(label, f"asks for {host}, which is a name of the stack's own", "Choose another name")


def _service(router: Part, services: Sequence[str], others: _Known) -> Iterator[Finding]:
    label, wanted = router.label("routers", "service"), router.options.get("service")
    if not wanted:
        if len(services) > 1:
            yield Finding(
                "",
                f"the router {router.name!r} names none of the services {', '.join(services)}, and is dropped",
                f"Add {label}=…",
            )
        return
    yield from _reference(label, wanted, others.services, "service")


def _used_middlewares(router: Part, others: _Known) -> Iterator[Finding]:
    label = router.label("routers", "middlewares")
    for wanted in router.options.get("middlewares", "").split(","):
        if wanted.strip():
            yield from _reference(label, wanted.strip(), others.middlewares, "middleware")


def _reference(label: str, wanted: str, known: frozenset[str], what: str) -> Iterator[Finding]:
    name, _, provider = wanted.partition("@")
    if provider not in ("", "docker"):
        yield Finding(
            label,
            f"names {wanted}, and what is of {provider} is not to be had by labels here",
            f"Name a {what} that a label defines",
        )
    elif name not in known:
        meant = nearest(name, known)
        remedy = f"Did you mean {meant}?" if meant else f"Define it: traefik.http.{what}s.{name}.…"
        yield Finding(label, f"names the {what} {name!r}, which no label defines, and the router is dropped", remedy)


def _entry(router: Part) -> Iterator[Finding]:
    for entry in router.options.get("entrypoints", ENTRY_POINT).split(","):
        if entry.strip() != ENTRY_POINT:
            yield Finding(
                router.label("routers", "entrypoints"),
                f"names {entry.strip()!r}, and there is only {ENTRY_POINT!r}",
                "Remove it",
            )
    tls = next((option for option in router.options if option.partition(".")[0] == "tls"), None)
    if tls and router.options[tls].casefold() != "false":
        yield Finding(
            router.label("routers", tls),
            "asks for TLS, which ends at the edge: the router would match nothing",
            "Remove it",
        )


# ---- what is done to requests


def _middlewares(http: Http) -> Iterator[Finding]:
    for middleware in http.middlewares.values():
        kinds = sorted({option.partition(".")[0] for option in middleware.options})
        if len(kinds) > 1:
            yield Finding(
                f"traefik.http.middlewares.{middleware.name}",
                f"is several middlewares in one ({', '.join(kinds)}), which Traefik refuses",
                "Give each a name of its own",
            )


def _only_http(labels: Mapping[str, str]) -> Iterator[Finding]:
    for label in sorted(labels):
        if label.casefold().startswith(("traefik.tcp.", "traefik.udp.", "traefik.tls.")):
            yield Finding(label, "is not about HTTP, and the edge passes on nothing else", "Remove it")


def _twice(containers: Sequence[Labelled], read: Mapping[str, Http]) -> Iterator[tuple[str, Finding]]:
    """Names that two containers give to different things: Traefik then takes neither."""
    for kind in ("routers", "services", "middlewares"):
        first: dict[str, tuple[str, Part]] = {}
        for container in containers:
            parts: dict[str, Part] = getattr(read[container.name], kind)
            for name, part in parts.items():
                owner, before = first.setdefault(name, (container.name, part))
                if before.options != part.options and not (kind == "services" and _same_but_server(before, part)):
                    label = f"traefik.http.{kind}.{name}"
                    reason = f"means something else on {owner}, and Traefik takes neither"
                    yield container.name, Finding(label, reason, "Give one of them another name")


def _same_but_server(one: Part, other: Part) -> bool:
    """Whether two services can be one with several servers."""

    def rest(part: Part) -> dict[str, str]:
        return {key: value for key, value in part.options.items() if not key.startswith("loadbalancer.server.")}

    return rest(one) == rest(other)
