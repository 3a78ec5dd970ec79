"""What is said when an instance has no place: what it needs, what is free, and the smallest change that would fit."""

from collections.abc import Mapping, Sequence

from pulumi_tts.config.fields import size_text
from pulumi_tts.config.host import Gpu
from pulumi_tts.config.pool import AntiAffinity, Pool
from pulumi_tts.config.problems import Problem, shown
from pulumi_tts.plan.fleet import Card, Demand, Fleet, Place, Site

_SHOWN_CARDS = 12
_USUAL_RESERVE: int = Gpu.model_fields["reserve"].default


def full_pin(fleet: Fleet, pools: Sequence[Pool], demand: Demand, number: int, pinned: Place) -> Problem:
    """A pin whose cards do not take the instance, beside the pins that came before it."""
    taking = [_called(site, card) for site in fleet.sites for card in site.usable(demand)]
    return Problem(
        f"{_pin_path(pools, demand.pool, number)}.gpus",
        shown(list(pinned.gpus)),
        f"does not take instance {number} of {demand.pool!r}, which needs {_needs(demand)}; "
        f"beside the other pins {_free(fleet, demand, pinned.host, pinned.gpus)}",
        f"Pin it to a card that takes it: {_listed(taking)}" if taking else "Pin fewer instances, or add a card",
    )


def silent_pin(pools: Sequence[Pool], demand: Demand, number: int, host: str | None) -> Problem:
    """A pin to a host that does not answer, of an instance that is not there."""
    return Problem(
        f"{_pin_path(pools, demand.pool, number)}.host",
        shown(host),
        f"does not answer now, so that instance {number} of {demand.pool!r} cannot be put there",
        "Bring the host back, or pin the instance to another",
    )


def no_place(
    fleet: Fleet, pools: Sequence[Pool], demand: Demand, missing: Sequence[int], *, fitting: int, host: str | None
) -> Problem:
    """A pool some of whose instances have no place.

    ``fleet`` holds everything that does have one; ``missing`` are the numbers that do not; ``host`` is where a pin
    wants the first of them; ``fitting`` is the largest number of instances that fits.
    """
    at, pool = _found(pools, demand.pool)
    others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    changes = [f"instances: {fitting}"] if fitting else []
    changes += _larger(fleet, demand, len(missing), host)
    return Problem(
        f"{_pin_path(pools, demand.pool, missing[0])}.host" if host else f"pools[{at}].instances",
        shown(host) if host else shown(pool.instances),
        f"leaves instance {missing[0]} of {demand.pool!r}{others} without a place: it needs {_needs(demand)}; "
        f"{_free(fleet, demand, host)}",
        f"The smallest changes that fit: {', or '.join(changes)}",
    )


def would_have_to_move(
    pools: Sequence[Pool], demand: Demand, missing: Sequence[int], moves: Mapping[tuple[str, int], Place]
) -> Problem:
    """A pool that fits only if running instances move, which nobody has agreed to."""
    at, pool = _found(pools, demand.pool)
    pins = [
        f"pools[{_found(pools, name)[0]}].pins: {{instance: {number}, host: {to.host}, gpus: [{', '.join(to.gpus)}]}}"
        for (name, number), to in moves.items()
    ]
    return Problem(
        f"pools[{at}].instances",
        shown(pool.instances),
        f"fits only if instances that run are moved, and nothing is moved unasked: beside them instance "
        f"{missing[0]} of {demand.pool!r} finds no place, since it needs {_needs(demand)}",
        f"Agree to the moves by pins: {'; '.join(pins)}",
    )


def _larger(fleet: Fleet, demand: Demand, missing: int, host: str | None) -> list[str]:
    if demand.cards == 0:
        return ["one more host for each"]
    changes = []
    too_full = [
        (demand.vram - card.free, _called(site, card))
        for site in _sites(fleet, host)
        for card in site.cards
        if card.free < demand.vram and not _apart(demand, site, card) and not _mps_bars(demand, card)
    ]
    if too_full and demand.cards == 1 and missing == 1:
        lacking, card = min(too_full)
        changes.append(f"{size_text(lacking)} more on card {card}")
    where = f" on host {host}" if host else ""
    if demand.anti_affinity is AntiAffinity.host and not host:
        where = " on a host of its own"
    each = " for each" if missing > 1 else ""
    size = size_text(demand.vram + _USUAL_RESERVE)
    changes.append(
        f"one more card of {size} or larger{where}{each}"
        if demand.cards == 1
        else f"{demand.cards} more cards of {size} or larger on one host{each}"
    )
    return changes


def _apart(demand: Demand, site: Site, card: Card) -> bool:
    """Whether more memory would not help, since another instance of the pool is there."""
    match demand.anti_affinity:
        case AntiAffinity.host:
            return site.pools[demand.pool] > 0
        case AntiAffinity.gpu:
            return card.pools[demand.pool] > 0
    return False


def _needs(demand: Demand) -> str:
    if demand.cards == 0:
        needs = "a host"
    elif demand.cards == 1:
        needs = f"{size_text(demand.vram)} on a card"
    else:
        needs = f"{size_text(demand.vram)} on each of {demand.cards} cards of one host (MIG devices do not count)"
    apart = f" that no other of its pool is on (anti_affinity: {demand.anti_affinity})" if demand.anti_affinity else ""
    return needs + apart


def _free(fleet: Fleet, demand: Demand, host: str | None, only: Sequence[str] = ()) -> str:
    if demand.cards == 0:
        return f"there are {len(_sites(fleet, None))} hosts{_left_out(fleet)}"
    cards = [
        (-card.free, f"{_called(site, card)}: {size_text(card.free)}{_mps_bars(demand, card)}")
        for site in _sites(fleet, host)
        for card in site.cards
        if not only or card.id in only
    ]
    free = _listed([text for _, text in sorted(cards, key=lambda card: card[0])])
    return f"free, reserves kept back, is {free}{_left_out(fleet)}"


def _mps_bars(demand: Demand, card: Card) -> str:
    """Why MPS on a card keeps an instance from it, however much is free; empty where it does not."""
    if card.mps and demand.cards > 1:
        return " (has mps, for engines of one card)"
    if card.bound_to not in (None, demand.uid):
        return f" (has mps, for uid {card.bound_to} now, and this is {demand.uid})"
    return ""


def _listed(texts: Sequence[str]) -> str:
    more = f", and less on {len(texts) - _SHOWN_CARDS} more" if len(texts) > _SHOWN_CARDS else ""
    return ", ".join(texts[:_SHOWN_CARDS]) + more


def _called(site: Site, card: Card) -> str:
    return f"{site.name}/{card.id}"


def _sites(fleet: Fleet, host: str | None) -> list[Site]:
    return [site for site in fleet.sites if host in (None, site.name) and not site.closed]


def _left_out(fleet: Fleet) -> str:
    closed = [site.name for site in fleet.sites if site.closed]
    return f" ({', '.join(closed)} not counted, which does not answer)" if closed else ""


def _found(pools: Sequence[Pool], name: str) -> tuple[int, Pool]:
    return next((at, pool) for at, pool in enumerate(pools) if pool.name == name)


def _pin_path(pools: Sequence[Pool], name: str, number: int) -> str:
    at, pool = _found(pools, name)
    place = next(place for place, pin in enumerate(pool.pins) if pin.instance == number)
    return f"pools[{at}].pins[{place}]"
