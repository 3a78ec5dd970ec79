"""Placement over generated fleets, against an exact solver of somebody else."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

import highspy
import pytest

from pulumi_tts.config import ConfigError
from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.pool import AntiAffinity, Pool
from pulumi_tts.plan.fleet import Place, demand_of
from pulumi_tts.plan.placement import Key, Placement, place
from tests.unit.fleets import host, pool

FLEETS = 1200
BLOCKS = 12


def fleet(dice: random.Random) -> tuple[list[Host], list[Pool]]:
    """A small fleet: some have plenty of room, most hardly enough, some too little."""
    hosts = [
        host(f"h{at}", *(dice.choice([4, 7, 11, 15, 23]) for _ in range(dice.randint(0 if at else 1, 3))))
        for at in range(dice.randint(1, 3))
    ]
    room = sum(gpu.room for each in hosts for gpu in each.gpus) // 1024
    pools: list[Pool] = []
    aim = room * dice.uniform(0.3, 1.15)
    while aim > 0 and len(pools) < 4:
        vram = dice.choice([2, 3, 4, 5, 7, 8, 11])
        cards = dice.choice([1, 1, 1, 1, 2])
        instances = max(1, min(dice.randint(1, 5), int(aim // (vram * cards))))
        more = {"anti_affinity": dice.choice(["gpu", "host"])} if dice.random() < 0.15 else {}
        pools.append(pool(f"p{len(pools)}", instances, vram, cards=cards, **more))
        aim -= vram * cards * instances
    return hosts, pools


def fits(hosts: Sequence[Host], pools: Sequence[Pool], fixed: Mapping[Key, Place] | None = None) -> bool:
    """Whether HiGHS finds a way, with some instances where they are: one whole variable a pool and set of cards.

    Instances of a pool are alike, so what is counted is how many of each pool are on each set of cards.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    on_card: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    columns = 0
    for each in pools:
        demand = demand_of(each)
        here = Counter(at for (name, _), at in (fixed or {}).items() if name == each.name)
        apart: dict[object, list[int]] = defaultdict(list)
        of_pool = []
        for site in hosts:
            for cards in combinations([gpu.id for gpu in site.gpus], demand.cards):
                at = Place(site.name, cards)
                solver.addVar(here[at], each.instances)
                solver.changeColIntegrality(columns, highspy.HighsVarType.kInteger)
                of_pool.append(columns)
                for card in cards:
                    on_card[site.name, card].append((columns, demand.vram // 1024))
                    apart[site.name, card].append(columns)
                apart[site.name].append(columns)
                columns += 1
        solver.addRow(each.instances, each.instances, len(of_pool), of_pool, [1.0] * len(of_pool))
        for place_, alike in apart.items():
            of_card = isinstance(place_, tuple)
            if each.anti_affinity is (AntiAffinity.gpu if of_card else AntiAffinity.host):
                solver.addRow(0, 1, len(alike), alike, [1.0] * len(alike))
    for site in hosts:
        for gpu in site.gpus:
            taken = on_card[site.name, gpu.id]
            solver.addRow(0, gpu.room // 1024, len(taken), [c for c, _ in taken], [float(v) for _, v in taken])
    solver.run()
    return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)


def is_right(hosts: Sequence[Host], pools: Sequence[Pool], placement: Placement) -> None:
    """Every instance has as many cards as it needs, and no card holds more than its room."""
    taken: Counter[tuple[str, str]] = Counter()
    for each in pools:
        demand = demand_of(each)
        places = placement.of(each.name)
        assert len(places) == each.instances
        assert all(len(set(at.gpus)) == demand.cards for at in places)
        on_gpus = [(at.host, gpu) for at in places for gpu in at.gpus]
        taken.update({gpu: demand.vram * count for gpu, count in Counter(on_gpus).items()})
        if each.anti_affinity is AntiAffinity.gpu:
            assert len(set(on_gpus)) == len(on_gpus)
        if each.anti_affinity is AntiAffinity.host:
            assert len({at.host for at in places}) == len(places)
    for site in hosts:
        for gpu in site.gpus:
            left = gpu.room - taken.pop((site.name, gpu.id), 0)
            assert left >= 0, f"{site.name}/{gpu.id} is oversubscribed"
            assert placement.left[site.name, gpu.id] == left
    assert not taken, "an instance is on a card that is not there"


def placed(
    hosts: Sequence[Host], pools: Sequence[Pool], running: Mapping[Key, Place] | None = None
) -> Placement | None:
    """The placement, if it is not refused."""
    try:
        return place(hosts, pools, running)
    except ConfigError:
        return None


def remedies_fit(hosts: Sequence[Host], pools: Sequence[Pool]) -> Counter[str]:
    """Does what a refusal says would fit, and asks the solver whether it does."""
    with pytest.raises(ConfigError) as refused:
        place(hosts, pools)
    problems = refused.value.problems
    tried: Counter[str] = Counter()
    fewer = [re.search(r"pools\[(\d+)\].*instances: (\d+)", f"{each.path} {each.remedy}") for each in problems]
    if all(fewer):
        smaller = resized(pools, {int(found[1]): int(found[2]) for found in fewer if found})
        assert fits(hosts, smaller), refused.value
        tried["fewer"] += 1
        if len(problems) == 1 and fewer[0] and (more := int(fewer[0][2]) + 1) < pools[int(fewer[0][1])].instances:
            assert not fits(hosts, resized(pools, {int(fewer[0][1]): more})), "a smaller change would do"
    larger = re.search(r"(\d+)g more on card (\w+)/(\d)", problems[0].remedy)
    if larger and len(problems) == 1:
        grown = [
            each.model_copy(update={"gpus": [grow(gpu, int(larger[1]), gpu.id == larger[3]) for gpu in each.gpus]})
            if each.name == larger[2]
            else each
            for each in hosts
        ]
        assert fits(grown, pools), refused.value
        tried["larger"] += 1
    return tried


def grow(gpu: Gpu, gibibytes: int, this: bool) -> Gpu:
    return gpu.model_copy(update={"vram": gpu.vram + gibibytes * 1024}) if this else gpu


def resized(pools: Sequence[Pool], instances: Mapping[int, int]) -> list[Pool]:
    """The pools, some with another number of instances."""
    return [each.model_copy(update={"instances": instances.get(at, each.instances)}) for at, each in enumerate(pools)]


def one_more(pools: Sequence[Pool], dice: random.Random) -> list[Pool]:
    """The pools, and one instance more of one of them, or a pool more."""
    if dice.random() < 0.3:
        return [*pools, pool("new", 1, dice.choice([2, 5, 8]))]
    which = dice.randrange(len(pools))
    return resized(pools, {which: pools[which].instances + 1})


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_card_is_oversubscribed_nothing_that_fits_is_refused_and_nothing_that_runs_moves(block: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(block, FLEETS, BLOCKS):
        dice = random.Random(seed)
        hosts, pools = fleet(dice)
        first = placed(hosts, pools)
        assert (first is not None) == fits(hosts, pools), f"fleet {seed}"
        if first is None:
            outcomes["refused"] += 1
            outcomes += remedies_fit(hosts, pools)
            continue
        is_right(hosts, pools, first)
        assert place(hosts, pools) == first, "the same config gives the same placement"
        again = place(hosts, pools, first.places)
        assert (again.places, again.moved) == (first.places, ()), "an up without changes moves nothing"
        more = one_more(pools, dice)
        second = placed(hosts, more, first.places)
        assert (second is not None) == fits(hosts, more, first.places), f"fleet {seed} and one more"
        outcomes["one more refused" if second is None else "one more"] += 1
        if second:
            is_right(hosts, more, second)
            assert {key: second.places[key] for key in first.places} == first.places, "one more moved others"
    for outcome in ("refused", "fewer", "larger", "one more refused", "one more"):
        assert outcomes[outcome] >= 3, f"{outcome} was hardly tried"
