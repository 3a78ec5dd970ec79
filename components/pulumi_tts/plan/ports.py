"""Ports: where instances are reached that are not on the edge's host, and the socket proxies there."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pulumi_tts.config.host import Host
from pulumi_tts.config.problems import ConfigError, Problem, shown


@dataclass(frozen=True, slots=True)
class Published:
    """A port on a host's private address."""

    ip: str
    """The address that the port is published on, and no other."""
    port: int
    upstream: str
    """Where the edge's host reaches it: `http://address:port`."""


def published_ports(
    hosts: Sequence[Host],
    instances: Mapping[str, str],
    now: Mapping[str, int],
    taken: Mapping[str, frozenset[int]],
    silent: Container[str] = (),
) -> dict[str, Published]:
    """A port for each instance that is not on the first host, which has the edge.

    ``instances`` says on which host each one will be. ``now`` are the ports of those that stay there: they keep them,
    and the others take the lowest that are free. ``taken`` are, by host, the ports that somebody has, who may be an
    instance that leaves: it goes when the others have come. On the hosts that are ``silent`` instances keep a port that
    is outside the range too: nobody can give them another. Raises ConfigError for each host that has too few.
    """
    found: dict[str, Published] = {}
    problems = []
    for at, host in enumerate(hosts[1:], start=1):
        here = [instance for instance, on in instances.items() if on == host.name]
        staying = {
            instance: now[instance]
            for instance in here
            if instance in now and (host.name in silent or now[instance] in host.instance_ports)
        }
        ports = _ports(host, here, staying, taken.get(host.name, frozenset()))
        if len(ports) < len(here):
            problems.append(_too_few(at, host, len(here), len(ports)))
        found |= {instance: _published(host, port) for instance, port in ports.items()}
    if problems:
        raise ConfigError(problems)
    return found


def proxy_port(host: Host) -> Published:
    """Where the keeper reaches the socket proxy of a host that is not the edge's."""
    return _published(host, host.proxy_port)


def _ports(host: Host, instances: Iterable[str], staying: Mapping[str, int], taken: frozenset[int]) -> dict[str, int]:
    free = _free(host, taken | set(staying.values()))
    new = [instance for instance in instances if instance not in staying]
    return {**staying, **dict(zip(new, free, strict=False))}


def _free(host: Host, taken: Iterable[int]) -> Iterator[int]:
    unavailable = set(taken)
    return (port for port in host.instance_ports if port not in unavailable)


def _published(host: Host, port: int) -> Published:
    # Both are there: config/host_checks.py refuses a host without.
    return Published(ip=str(host.published_on), port=port, upstream=f"http://{host.address}:{port}")


def _too_few(at: int, host: Host, wanted: int, had: int) -> Problem:
    return Problem(
        f"hosts[{at}].ports",
        shown(host.ports),
        f"has too few ports that nobody else has: {wanted} instances go on {host.name!r}, and {had} get one",
        f"Make the range larger by {wanted - had}",
    )
