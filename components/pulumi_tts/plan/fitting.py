"""An exact search for places: used only where taking the best place for one instance after the other fails.

Finding out whether everything fits is bin packing, so the search is bounded. States that differ only by the names of
equal cards and hosts are looked at once, which makes fleets of a few dozen instances exact in practice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from pulumi_tts.config.pool import AntiAffinity
from pulumi_tts.plan.fleet import Card, Demand, Fleet, Place, Site

LOOKS = 500_000
"""How many cards one search may look at before it gives up: some seconds of Python."""


@dataclass(frozen=True, slots=True)
class Item:
    """One instance to be placed; ``host`` is where it has to run, ``wish`` the place it would rather have."""

    demand: Demand
    number: int
    host: str | None = None
    wish: Place | None = None


Signature = tuple[object, ...]

_NOBODY = -1
"""In place of a uid; signatures are sorted, so all of them have numbers there."""


class Search:
    """One search; it leaves the fleet as it found it."""

    def __init__(self, fleet: Fleet, items: Sequence[Item], looks: int = LOOKS) -> None:
        self._fleet = fleet
        # What is hardest to place goes first: engines of several cards, then large ones; equal ones stay together.
        self._items = sorted(
            (item for item in items if item.demand.cards),
            key=lambda item: (-item.demand.cards, -item.demand.vram, item.host or "", item.demand.pool, item.number),
        )
        self._named_hosts = any(item.host for item in self._items)
        self._multi = any(item.demand.cards > 1 for item in self._items)
        self._mps = any(card.mps for site in fleet.sites for card in site.cards)
        self._card_tags = self._tags(AntiAffinity.gpu)
        self._host_tags = self._tags(AntiAffinity.host)
        # By item: what it and those after it need together, and how many cards of its size or larger.
        self._needs: list[int] = []
        self._large: list[int] = []
        for at, first in enumerate(self._items):
            rest = self._items[at:]
            self._needs.append(sum(item.demand.vram * item.demand.cards for item in rest))
            self._large.append(sum(item.demand.cards for item in rest if item.demand.vram >= first.demand.vram))
        self._left = looks
        self._cost = max(1, sum(len(site.cards) for site in fleet.sites))
        self._failed: set[Signature] = set()

    def places(self) -> dict[tuple[str, int], Place] | None:
        """A place for every item with cards, by pool and number; absent if there is none, or it gave up."""
        taken: list[Place] = []
        open_options = [self._options(0)]
        while len(taken) < len(self._items):
            at = len(taken)
            place = next(open_options[-1], None) if self._left > 0 else None
            if place is not None:
                self._fleet.put(self._items[at].demand, place)
                taken.append(place)
                open_options.append(self._options(at + 1))
                continue
            if self._left > 0:
                self._failed.add(self._state(at))
            if not taken:
                return None
            open_options.pop()
            self._undo(taken)
            if self._left <= 0:
                while taken:
                    self._undo(taken)
                return None
        found = {(item.demand.pool, item.number): place for item, place in zip(self._items, taken, strict=True)}
        while taken:
            self._undo(taken)
        return found

    def _undo(self, taken: list[Place]) -> None:
        place = taken.pop()
        self._fleet.put(self._items[len(taken)].demand, place, by=-1)

    def _options(self, at: int) -> Iterator[Place]:
        """The places for an item that differ in more than names; none where the rest cannot fit anyway."""
        if at == len(self._items):
            return
        self._left -= self._cost
        if self._hopeless(at) or self._state(at) in self._failed:
            return
        item = self._items[at]
        if item.wish and self._fleet.takes(item.demand, item.wish):
            yield item.wish
        seen: set[Signature] = set()
        found: list[tuple[int, Place]] = []
        for site in self._fleet.sites:
            if item.host not in (None, site.name):
                continue
            usable = site.usable(item.demand)
            about_site = self._about_site(site)
            for cards in combinations(usable, item.demand.cards):
                looks = (about_site, tuple(sorted(map(self._about_card, cards))))
                if looks not in seen:
                    seen.add(looks)
                    left = sum(card.free for card in cards)
                    found.append((left, Place(site.name, tuple(card.id for card in cards))))
        yield from (place for _, place in sorted(found, key=lambda option: option[0]))

    def _hopeless(self, at: int) -> bool:
        """Whether the items from here on need more than is free, counted without regard to how it fits together."""
        vram = self._items[at].demand.vram
        free = [card.free for site in self._fleet.sites for card in site.cards]
        return self._needs[at] > sum(free) or (vram > 0 and self._large[at] > sum(room // vram for room in free))

    def _state(self, at: int) -> Signature:
        return (at, *sorted(self._about_site(site) for site in self._fleet.sites))

    def _about_site(self, site: Site) -> Signature:
        return (
            site.name if self._named_hosts else "",
            tuple(pool for pool in self._host_tags if site.pools[pool]),
            tuple(sorted(map(self._about_card, site.cards))),
        )

    def _about_card(self, card: Card) -> Signature:
        about: Signature = (card.free, self._multi and card.alone)
        if self._mps:
            about = (*about, card.mps, _NOBODY if card.bound_to is None else card.bound_to)
        if not self._card_tags:
            return about
        return (*about, *(pool for pool in self._card_tags if card.pools[pool]))

    def _tags(self, kind: AntiAffinity) -> list[str]:
        return sorted({item.demand.pool for item in self._items if item.demand.anti_affinity is kind})
