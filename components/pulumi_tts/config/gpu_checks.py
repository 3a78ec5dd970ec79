"""What only hosts and pools together can know about cards and pins."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pulumi_tts.config.fields import size_text
from pulumi_tts.config.host import Host
from pulumi_tts.config.pin import Pin
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, did_you_mean, shown


def card_checks(at: int, host: Host) -> Iterator[Problem]:
    """What is wrong between the cards of a host, whose place in the YAML is ``at``."""
    listed: dict[str, int] = {}
    first_whole = next((gpu.id for gpu in host.gpus if not gpu.is_mig), "")
    for place, gpu in enumerate(host.gpus):
        path = f"hosts[{at}].gpus[{place}].id"
        if gpu.id in listed:
            yield Problem(
                path, shown(gpu.id), f"is also hosts[{at}].gpus[{listed[gpu.id]}]", "List each card of a host once"
            )
        elif gpu.is_mig and not host.mig:
            yield Problem(path, shown(gpu.id), "is a MIG device, on a host without MIG", f"Add hosts[{at}].mig: true")
        elif not gpu.is_mig and gpu.id.isdigit() != first_whole.isdigit():
            yield Problem(
                path,
                shown(gpu.id),
                f"may be the same card as one called in another way, such as {first_whole!r}",
                "Call all cards of a host by their index, or all by their UUID",
            )
        listed.setdefault(gpu.id, place)


def pool_checks(hosts: Sequence[Host], pools: Mapping[int, Pool]) -> Iterator[Problem]:
    """What is wrong between pools, by their place in the YAML, and the hosts, all of them."""
    any_card = any(host.gpus for host in hosts)
    for at, pool in pools.items():
        vram = pool.profile.vram
        if vram is not None and not any_card:
            yield Problem(
                f"pools[{at}].engine",
                shown(pool.engine_name),
                f"takes {size_text(vram)} of a graphics card, but no host has one",
                "List the cards under hosts[0].gpus, as in {id: 0, vram: 24g}",
            )
            continue
        yield from _pin_checks(f"pools[{at}].pins", pool, hosts)


def _pin_checks(path: str, pool: Pool, hosts: Sequence[Host]) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for at, pin in enumerate(pool.pins):
        where = f"{path}[{at}]"
        if pin.instance > pool.instances:
            yield Problem(
                f"{where}.instance",
                shown(pin.instance),
                f"is more than the pool's instances ({pool.instances})",
                "Pin one that there is, or raise instances",
            )
        elif pin.instance in first:
            yield Problem(
                f"{where}.instance",
                shown(pin.instance),
                f"is also pinned by {path}[{first[pin.instance]}]",
                "Pin each instance once",
            )
        first.setdefault(pin.instance, at)
        yield from _target_checks(where, pin, pool, hosts)


def _target_checks(where: str, pin: Pin, pool: Pool, hosts: Sequence[Host]) -> Iterator[Problem]:
    names = [host.name for host in hosts]
    if pin.host is not None and pin.host not in names:
        yield Problem(f"{where}.host", shown(pin.host), "is not a host", did_you_mean(pin.host, names))
        return
    if pin.gpus is None:
        return
    wanted = pool.profile.cards
    if pool.profile.vram is None:
        yield Problem(
            f"{where}.gpus",
            shown(pin.gpus),
            "pins an engine that takes no card",
            "Say what an instance takes of a card, as in vram: 8g for the pool",
        )
    elif len(pin.gpus) != wanted or Counter(pin.gpus).most_common(1)[0][1] > 1:
        yield Problem(
            f"{where}.gpus", shown(pin.gpus), f"is not {wanted} different card(s)", f"Name {wanted}, as cards says"
        )
    else:
        yield from _card_is_there(where, pin, hosts)


def _card_is_there(where: str, pin: Pin, hosts: Sequence[Host]) -> Iterator[Problem]:
    able = hosts_of(pin, hosts)
    if len(able) > 1:
        yield Problem(
            f"{where}.gpus",
            shown(pin.gpus),
            f"is found on several hosts ({', '.join(host.name for host in able)})",
            "Say which with host",
        )
    if able:
        return
    looked_at = [host for host in hosts if pin.host in (None, host.name)]
    known = [gpu.id for host in looked_at for gpu in host.gpus]
    unknown = [(place, wanted) for place, wanted in enumerate(pin.gpus or ()) if wanted not in known]
    for place, wanted in unknown:
        yield Problem(f"{where}.gpus[{place}]", shown(wanted), *_why_unknown(wanted, looked_at, known))
    if not unknown:
        yield Problem(f"{where}.gpus", shown(pin.gpus), "are not cards of one host", "Pin to cards of one host")


def _why_unknown(wanted: str, looked_at: Sequence[Host], known: Sequence[str]) -> tuple[str, str]:
    names = ", ".join(host.name for host in looked_at)
    if wanted.startswith("MIG-") and not any(host.mig for host in looked_at):
        return f"is a MIG device, on a host without MIG ({names})", "List it under the host's gpus, with mig: true"
    return f"is not a card of any host ({names})", did_you_mean(wanted, known)


def hosts_of(pin: Pin, hosts: Sequence[Host]) -> list[Host]:
    """The hosts that a pin can mean: the one it names, else those that have all of its cards."""
    named = [host for host in hosts if pin.host in (None, host.name)]
    return [host for host in named if set(pin.gpus or ()) <= {gpu.id for gpu in host.gpus}]
