"""Placement: which instance runs on which host and cards (docs/decisions/007-placement.md).

What is on a host that does not answer stays there. Then pins come, then every running instance stays where it is, then
the others take the best place one by one. Only if that leaves one without a place is an exact search made for all that
do not run yet. What runs is never moved to make room: the refusal says what would have to move, and a pin agrees to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from pulumi_tts.config.fields import size_text
from pulumi_tts.config.gpu_checks import hosts_of
from pulumi_tts.config.host import Host, Mps
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError
from pulumi_tts.plan.fitting import LOOKS, Item, Search
from pulumi_tts.plan.fleet import Demand, Fleet, Place, demand_of
from pulumi_tts.plan.refusal import full_pin, no_place, silent_pin, would_have_to_move

__all__ = ["Key", "Placement", "place", "size_text"]

_TRIES = 8
_QUICK = LOOKS // 20
"""How often, and how long, the largest number that fits is looked for."""

Key = tuple[str, int]
"""An instance: its pool's name and its number."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where every instance runs, and what is then left of each card."""

    places: Mapping[Key, Place]
    vram: Mapping[str, int]
    """What an instance of each pool takes of each of its cards, in MiB."""
    left: Mapping[tuple[str, str], int]
    """By host and card, in MiB; each card's reserve is not counted in."""
    mps: Mapping[tuple[str, str], Mps]
    """By host and card, for those whose instances share it by MPS."""
    moved: tuple[Key, ...]
    """Running instances that cannot stay where they are: a pin, a host or a card that went, a larger need."""
    several_hosts: bool

    def of(self, pool: str) -> list[Place]:
        """The places of a pool's instances, in the order of their numbers."""
        return [at for (name, _), at in self.places.items() if name == pool]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One instance before it has a place."""

    demand: Demand
    number: int
    host: str | None
    """The host that a pin names."""
    pinned: Place | None
    """The cards that a pin names."""
    running: Place | None

    @property
    def key(self) -> Key:
        return self.demand.pool, self.number


@dataclass(frozen=True, slots=True)
class _Ground:
    """The hosts that there are, and those of them that do not answer."""

    hosts: Sequence[Host]
    silent: frozenset[str]

    def fleet(self) -> Fleet:
        return Fleet(self.hosts, self.silent)


def place(
    hosts: Sequence[Host],
    pools: Sequence[Pool],
    running: Mapping[Key, Place] | None = None,
    silent: frozenset[str] = frozenset(),
) -> Placement:
    """A place for every instance of every pool.

    ``running`` says where instances run now; one that still fits there stays. On the hosts that are ``silent`` they
    stay in any case, and no other comes there. Raises ConfigError with every pin that cannot be kept and every pool
    that does not fit.
    """
    ground = _Ground(hosts, silent)
    wanted = [item for pool in pools for item in _wanted(pool, hosts, running or {})]
    places = {item.key: item.running for item in wanted if item.running and item.running.host in silent}
    places |= _pinned(ground, wanted, places, pools)
    places |= _kept(_filled(ground, wanted, places), [item for item in wanted if item.key not in places])
    all_places = _placed(ground, wanted, places)
    if all_places is None:
        _refused(ground, pools, wanted, places)
    fleet = _filled(ground, wanted, all_places)
    return Placement(
        places={item.key: all_places[item.key] for item in wanted},
        vram={item.demand.pool: item.demand.vram for item in wanted},
        left={(site.name, card.id): card.free for site in fleet.sites for card in site.cards},
        mps={(host.name, gpu.id): gpu.multi_process for host in hosts for gpu in host.gpus if gpu.multi_process},
        moved=tuple(item.key for item in wanted if item.running and all_places[item.key] != item.running),
        several_hosts=len(hosts) > 1,
    )


def _wanted(pool: Pool, hosts: Sequence[Host], running: Mapping[Key, Place]) -> Iterator[_Wanted]:
    demand = demand_of(pool)
    pins = {pin.instance: pin for pin in pool.pins}
    for number in range(1, pool.instances + 1):
        host, cards = None, None
        if pin := pins.get(number):
            host = pin.host or hosts_of(pin, hosts)[0].name
            cards = Place(host, tuple(pin.gpus)) if pin.gpus else None
        yield _Wanted(demand, number, host, cards, running.get((pool.name, number)))


def _pinned(
    ground: _Ground, wanted: Sequence[_Wanted], away: Mapping[Key, Place], pools: Sequence[Pool]
) -> dict[Key, Place]:
    """The places that pins name; those ``away``, on hosts that do not answer, stay where they are whatever they say."""
    fleet = _filled(ground, wanted, away)
    places: dict[Key, Place] = {}
    problems = []
    for item in wanted:
        if item.key in away:
            continue
        if item.host in ground.silent:
            problems.append(silent_pin(pools, item.demand, item.number, item.host))
            continue
        if item.pinned is None:
            continue
        if fleet.takes(item.demand, item.pinned):
            fleet.put(item.demand, item.pinned)
            places[item.key] = item.pinned
        else:
            problems.append(full_pin(fleet, pools, item.demand, item.number, item.pinned))
    if problems:
        raise ConfigError(problems)
    return places


def _kept(fleet: Fleet, wanted: Iterable[_Wanted]) -> dict[Key, Place]:
    places: dict[Key, Place] = {}
    for item in wanted:
        at = item.running
        if at and item.host in (None, at.host) and fleet.takes(item.demand, at):
            fleet.put(item.demand, at)
            places[item.key] = at
    return places


def _filled(ground: _Ground, wanted: Iterable[_Wanted], places: Mapping[Key, Place]) -> Fleet:
    """The hosts with what has a place on them."""
    fleet = ground.fleet()
    for item in wanted:
        if item.key in places:
            fleet.put(item.demand, places[item.key])
    return fleet


def _placed(
    ground: _Ground, wanted: Sequence[_Wanted], fixed: Mapping[Key, Place], looks: int = LOOKS
) -> dict[Key, Place] | None:
    """All of ``wanted``, with those that are ``fixed`` where they are; absent if no way was found."""
    rest = [item for item in wanted if item.key not in fixed]
    found = _one_by_one(_filled(ground, wanted, fixed), rest)
    if len(found) < len(rest):
        searched = _searched(_filled(ground, wanted, fixed), rest, looks)
        return None if searched is None else {**fixed, **searched}
    return {**fixed, **found}


def _one_by_one(fleet: Fleet, wanted: Iterable[_Wanted]) -> dict[Key, Place]:
    """The best place for one after the other; who is bound to a host chooses first. Some may find none."""
    places: dict[Key, Place] = {}
    for item in sorted(wanted, key=lambda item: item.host is None):
        if best := fleet.best(item.demand, item.host):
            fleet.put(item.demand, best)
            places[item.key] = best
    return places


def _searched(fleet: Fleet, wanted: Sequence[_Wanted], looks: int) -> dict[Key, Place] | None:
    """Places from the exact search; engines without cards are in nobody's way, so for those the best place is exact."""
    with_cards = [item for item in wanted if item.demand.cards]
    others = _one_by_one(fleet, [item for item in wanted if not item.demand.cards])
    if len(with_cards) + len(others) < len(wanted):
        return None
    items = [Item(item.demand, item.number, item.host, item.running) for item in with_cards]
    found = Search(fleet, items, looks).places()
    return None if found is None else found | others


def _refused(ground: _Ground, pools: Sequence[Pool], wanted: Sequence[_Wanted], fixed: Mapping[Key, Place]) -> NoReturn:
    """Raises ConfigError: one problem for each pool that does not fit."""
    rest = [item for item in wanted if item.key not in fixed]
    found = {**fixed, **_one_by_one(_filled(ground, wanted, fixed), rest)}
    missing: dict[str, list[_Wanted]] = {}
    for item in rest:
        if item.key not in found:
            missing.setdefault(item.demand.pool, []).append(item)
    first = next(iter(missing.values()))
    if moves := _moves(ground, wanted, fixed):
        numbers = [item.number for item in first]
        raise ConfigError([would_have_to_move(pools, first[0].demand, numbers, moves)])
    fleet = _filled(ground, wanted, found)
    problems = []
    for items in missing.values():
        fitting = _fitting(ground, wanted, fixed, items, alone=len(missing) == 1)
        numbers = [item.number for item in items]
        problems.append(no_place(fleet, pools, items[0].demand, numbers, fitting=fitting, host=items[0].host))
    raise ConfigError(problems)


def _moves(ground: _Ground, wanted: Sequence[_Wanted], fixed: Mapping[Key, Place]) -> dict[Key, Place]:
    """The moves of running instances that would make room; none where nothing would."""
    movable = {
        item.key
        for item in wanted
        if item.key in fixed and item.demand.cards and not item.pinned and fixed[item.key].host not in ground.silent
    }
    if not movable:
        return {}
    staying = {key: at for key, at in fixed.items() if key not in movable}
    places = _searched(_filled(ground, wanted, staying), [item for item in wanted if item.key not in staying], LOOKS)
    return {key: to for key, to in (places or {}).items() if key in fixed and fixed[key] != to}


def _fitting(
    ground: _Ground,
    wanted: Sequence[_Wanted],
    fixed: Mapping[Key, Place],
    missing: Sequence[_Wanted],
    *,
    alone: bool,
) -> int:
    """The largest number of instances of a pool that fits, or 0; with other pools in want, what has a place now."""
    pool = missing[0].demand.pool
    instances = sum(item.demand.pool == pool for item in wanted)
    certain = instances - len(missing)
    if alone:
        for fewer in range(instances - 1, max(certain, instances - _TRIES), -1):
            smaller = [item for item in wanted if item.demand.pool != pool or item.number <= fewer]
            if _placed(ground, smaller, fixed, _QUICK) is not None:
                return fewer
    return certain
