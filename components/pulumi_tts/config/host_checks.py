"""What only all hosts together can know: who is called like another, and whether the edge reaches each of them."""

from collections.abc import Iterator, Mapping

from pulumi_tts.config.gpu_checks import card_checks
from pulumi_tts.config.host import Host
from pulumi_tts.config.problems import Problem, shown

EDGE = 0
"""The edge is on the first host."""


def host_checks(hosts: Mapping[int, Host]) -> Iterator[Problem]:
    """What is wrong with hosts that are right alone, by their place in the YAML."""
    yield from _twice(hosts, "name", "Give each host a name of its own")
    yield from _twice(hosts, "docker", "Give each host an endpoint of its own")
    yield from _twice(hosts, "address", "Give each host its own address")
    yield from _published_twice(hosts)
    for at, host in hosts.items():
        yield from _reachable(at, host) if at != EDGE else _without_effect(at, host)
        yield from card_checks(at, host)


def _twice(hosts: Mapping[int, Host], field: str, remedy: str) -> Iterator[Problem]:
    first: dict[object, int] = {}
    for at, host in hosts.items():
        value = getattr(host, field)
        if value is None and field != "docker":
            continue
        if value in first:
            said = "(nothing)" if value is None else shown(value)
            yield Problem(f"hosts[{at}].{field}", said, f"is also the {field} of hosts[{first[value]}]", remedy)
        first.setdefault(value, at)


def _published_twice(hosts: Mapping[int, Host]) -> Iterator[Problem]:
    """Hosts that are called differently, and publish ports on one address."""
    first: dict[str, int] = {}
    for at, host in hosts.items():
        if at == EDGE or host.published_on is None:
            continue
        other = first.setdefault(host.published_on, at)
        if other != at and hosts[other].address != host.address:
            yield Problem(
                f"hosts[{at}].{'bind' if host.bind else 'address'}",
                shown(host.published_on),
                f"is also the address on which hosts[{other}] publishes its instances' ports",
                "Give each host an address of its own",
            )


def _without_effect(at: int, host: Host) -> Iterator[Problem]:
    """The edge and the instances on its host meet on a network of Docker's, and no port is published for them."""
    for field in ("address", "bind", "ports"):
        if field in host.model_fields_set:
            yield Problem(
                f"hosts[{at}].{field}",
                shown(getattr(host, field)),
                "says how the edge reaches this host over the network, and the edge is on it, as on every first host",
                f"Leave it out; write it where {host.name!r} is not the first host",
            )


def _reachable(at: int, host: Host) -> Iterator[Problem]:
    """The edge is on another machine, so it needs to know where this one is."""
    if host.address is None:
        yield Problem(
            f"hosts[{at}].address",
            "(nothing)",
            f"is missing: the edge is on another machine, and reaches instances on {host.name!r} over the network",
            "Write the host's private address, as in address: 10.0.0.7",
        )
    elif host.published_on is None:
        yield Problem(
            f"hosts[{at}].bind",
            "(nothing)",
            f"is missing: ports are published on an IP address, and address is the name {host.address!r}",
            "Write which address of the host it stands for, as in bind: 10.0.0.7",
        )
