"""Hosts and cards while instances are put on them: what is free, who is where, and which place is best."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest

from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.pool import AntiAffinity, Pool


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance runs: a host, and its cards there by their ids."""

    host: str
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What each instance of a pool asks of a host; sizes in MiB."""

    pool: str
    vram: int
    """On each card."""
    cards: int
    """How many cards; 0 for an engine that needs none."""
    uid: int
    """Whom it runs as."""
    anti_affinity: AntiAffinity | None = None


def demand_of(pool: Pool) -> Demand:
    """What each instance of a pool asks of a host."""
    profile = pool.profile
    cards = profile.cards if profile.vram is not None else 0
    return Demand(pool.name, profile.vram or 0, cards, profile.uid, pool.anti_affinity)


@dataclass(slots=True, eq=False)
class Card:
    """A card, and what is on it."""

    id: str
    is_mig: bool
    mps: bool
    """Whether instances share it by MPS."""
    free: int
    """What instances may still take of it, its reserve kept back; in MiB."""
    instances: int = 0
    pools: Counter[str] = field(default_factory=Counter)
    uids: Counter[int] = field(default_factory=Counter)
    """By whom they run as, how many instances."""

    @property
    def alone(self) -> bool:
        """Whether it takes only instances of one card.

        CUDA gives a program one MIG device at most, and makes it a client of one MPS daemon, which here is one card's.
        """
        return self.is_mig or self.mps

    @property
    def bound_to(self) -> int | None:
        """The only uid whose instances may come here, if there is one: an MPS server serves one user at a time."""
        return next((uid for uid, instances in self.uids.items() if instances), None) if self.mps else None

    def takes(self, demand: Demand) -> bool:
        """Whether one more instance may come here."""
        return (
            self.free >= demand.vram
            and not (demand.anti_affinity is AntiAffinity.gpu and self.pools[demand.pool])
            and not (self.alone and demand.cards > 1)
            and self.bound_to in (None, demand.uid)
        )


@dataclass(slots=True, eq=False)
class Site:
    """A host, and what is on it."""

    name: str
    cards: tuple[Card, ...]
    instances: int = 0
    pools: Counter[str] = field(default_factory=Counter)
    closed: bool = False
    """Whether nothing new may come here, because the host does not answer."""

    def barred(self, demand: Demand) -> bool:
        """Whether the host as a whole takes no more instance of a pool."""
        return self.closed or (demand.anti_affinity is AntiAffinity.host and self.pools[demand.pool] > 0)

    def usable(self, demand: Demand) -> list[Card]:
        """The cards that may take one more instance; none where the host as a whole may not."""
        if self.barred(demand):
            return []
        return [card for card in self.cards if card.takes(demand)]


Rank = tuple[int, int, int, int]


class Fleet:
    """All hosts and cards, with what has been put on them so far."""

    def __init__(self, hosts: Iterable[Host], silent: Container[str] = ()) -> None:
        self.sites = tuple(
            Site(host.name, tuple(_card(gpu) for gpu in host.gpus), closed=host.name in silent) for host in hosts
        )
        self._by_name: Mapping[str, Site] = {site.name: site for site in self.sites}

    def put(self, demand: Demand, place: Place, by: int = 1) -> None:
        """Puts an instance on its place, or takes it away again with ``by=-1``."""
        site = self._by_name[place.host]
        site.instances += by
        site.pools[demand.pool] += by
        for card in _named(site, place):
            card.free -= demand.vram * by
            card.instances += by
            card.pools[demand.pool] += by
            card.uids[demand.uid] += by

    def takes(self, demand: Demand, place: Place) -> bool:
        """Whether an instance may come to exactly this place; no for a host or card that is not there."""
        site = self._by_name.get(place.host)
        if site is None or len(place.gpus) != demand.cards or site.barred(demand):
            return False
        cards = _named(site, place)
        return len(cards) == demand.cards and all(card.takes(demand) for card in cards)

    def best(self, demand: Demand, host: str | None = None) -> Place | None:
        """The place for one more instance, on a certain host if ``host`` says so; absent if nothing takes it.

        An instance goes where there is no other of its pool on the card, else fewest; then to the host with fewest
        of its pool; then to the cards with fewest instances of any; then where it leaves least free, so that large
        cards stay free for large engines; then to the first in the config.
        """
        ranked = ((rank, place) for site in self._sites(host) for rank, place in self._offer(site, demand))
        found = min(ranked, key=lambda offer: offer[0], default=None)
        return found[1] if found else None

    def _sites(self, host: str | None) -> tuple[Site, ...]:
        return self.sites if host is None else (self._by_name[host],)

    def _offer(self, site: Site, demand: Demand) -> Iterator[tuple[Rank, Place]]:
        own = site.pools[demand.pool]
        if demand.cards == 0:
            if not site.barred(demand):
                yield (0, own, site.instances, 0), Place(site.name)
            return
        usable = site.usable(demand)
        if len(usable) < demand.cards:
            return
        chosen = nsmallest(demand.cards, usable, key=lambda card: _rank(card, demand))
        rank = (
            max(card.pools[demand.pool] for card in chosen),
            own,
            sum(card.instances for card in chosen),
            sum(card.free for card in chosen),
        )
        ids = tuple(card.id for card in site.cards if card in chosen)
        yield rank, Place(site.name, ids)


def _rank(card: Card, demand: Demand) -> tuple[int, int, int]:
    return card.pools[demand.pool], card.instances, card.free


def _card(gpu: Gpu) -> Card:
    return Card(gpu.id, gpu.is_mig, gpu.multi_process is not None, gpu.room)


def _named(site: Site, place: Place) -> list[Card]:
    return [card for card in site.cards if card.id in place.gpus]
