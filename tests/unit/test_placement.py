"""Where instances go, and what is said when there is no place for them."""

from collections.abc import Sequence
from typing import Any

import pytest

from pulumi_tts.config import ConfigError, Problem, load_stack
from pulumi_tts.config.host import Host
from pulumi_tts.config.pool import Pool
from pulumi_tts.plan import Place
from pulumi_tts.plan.placement import Key, place
from tests.unit.configs import stack
from tests.unit.fleets import OWN_ENGINE, host, pool

A_UUID = "GPU-8a1b0c2d-0000-1111-2222-333344445555"
A_MIG = "MIG-8a1b0c2d-0000-1111-2222-333344445555"


def where(hosts: Sequence[Host], *pools: Pool, running: dict[Key, Place] | None = None) -> dict[str, str]:
    """Each instance's place, as `host/card,card`."""
    placement = place(hosts, pools, running)
    return {f"{name}{n}": f"{at.host}/{','.join(at.gpus)}" for (name, n), at in placement.places.items()}


def refusal(hosts: Sequence[Host], *pools: Pool, running: dict[Key, Place] | None = None) -> Problem:
    with pytest.raises(ConfigError) as refused:
        place(hosts, pools, running)
    (problem,) = refused.value.problems
    return problem


def test_a_pool_is_spread_over_hosts_then_over_cards_then_shares_them() -> None:
    hosts = [host("a", 23, 23), host("b", 23, 23)]
    assert where(hosts, pool("p", 6, 8)) == {
        "p1": "a/0", "p2": "b/0", "p3": "a/1", "p4": "b/1", "p5": "a/0", "p6": "b/0",
    }  # fmt: skip


def test_an_idle_card_comes_before_a_shared_one_and_small_engines_leave_large_cards_free() -> None:
    assert where([host("a", 79, 23)], pool("p", 1, 8), pool("q", 1, 8)) == {"p1": "a/1", "q1": "a/0"}


def test_spreading_gives_way_where_it_would_leave_an_instance_without_a_place() -> None:
    placed = where([host("a", 23, 23)], pool("small", 2, 8), pool("large", 1, 20))
    assert placed["small1"] == placed["small2"] != placed["large1"]


def test_the_reserve_of_a_card_stays_free() -> None:
    whole = Host.model_validate({"gpus": [{"id": 0, "vram": "24g", "reserve": "2g"}]})
    assert where([whole], pool("p", 2, 11)) == {"p1": "local/0", "p2": "local/0"}
    assert "free, reserves kept back, is local/0: 11g" in str(refusal([whole], pool("p", 1, 11), pool("q", 1, 12)))


def test_an_engine_of_several_cards_gets_them_on_one_host_and_no_mig_devices() -> None:
    mig = Host.model_validate(
        {"name": "m", "mig": True, "gpus": [{"id": A_MIG, "vram": "20g"}, {"id": 0, "vram": "9g"}]}
    )
    assert where([mig, host("a", 8), host("b", 8, 8)], pool("p", 1, 8, cards=2)) == {"p1": "b/0,1"}
    assert where([mig], pool("p", 1, 12)) == {"p1": f"m/{A_MIG}"}


def test_engines_without_a_need_for_cards_are_spread_over_hosts() -> None:
    assert where([host("a"), host("b")], pool("p", 3, None)) == {"p1": "a/", "p2": "b/", "p3": "a/"}


@pytest.mark.parametrize(("kind", "most"), [("gpu", 3), ("host", 2)])
def test_anti_affinity_keeps_instances_of_a_pool_apart(kind: str, most: int) -> None:
    hosts = [host("a", 23, 23), host("b", 23)]
    assert len(where(hosts, pool("p", most, 2, anti_affinity=kind))) == most
    problem = refusal(hosts, pool("p", most + 1, 2, anti_affinity=kind))
    assert f"(anti_affinity: {kind})" in str(problem)
    assert f"instances: {most}" in str(problem)


# ---- stability


def test_what_runs_stays_although_there_is_a_better_place() -> None:
    running = {("p", 1): Place("a", ("0",)), ("p", 2): Place("a", ("0",))}
    assert where([host("a", 23, 23)], pool("p", 3, 8), running=running) == {"p1": "a/0", "p2": "a/0", "p3": "a/1"}


def test_a_pool_before_others_grows_without_moving_them() -> None:
    hosts = [host("a", 23, 23)]
    before = place(hosts, [pool("p", 1, 8), pool("q", 2, 8)]).places
    after = place(hosts, [pool("p", 2, 8), pool("q", 2, 8)], before).places
    assert {key: after[key] for key in before} == before


def test_without_knowing_what_runs_a_pool_at_the_end_moves_none_either() -> None:
    hosts = [host("a", 23, 23), host("b", 23)]
    before = place(hosts, [pool("p", 3, 8)]).places
    after = place(hosts, [pool("p", 3, 8), pool("q", 2, 10)]).places
    assert {key: after[key] for key in before} == before


def test_what_cannot_stay_moves_and_is_named() -> None:
    running = {("p", 1): Place("gone", ("0",)), ("p", 2): Place("a", ("0",))}
    placement = place([host("a", 23, 23)], [pool("p", 2, 8)], running)
    assert placement.places["p", 2] == running["p", 2]
    assert placement.moved == (("p", 1),)


def test_nothing_that_runs_is_moved_to_make_room_but_the_pins_that_would_are_named() -> None:
    hosts = [host("a", 23, 23)]
    running = {("small", 1): Place("a", ("0",)), ("small", 2): Place("a", ("1",))}
    problem = refusal(hosts, pool("small", 2, 8), pool("large", 1, 20), running=running)
    assert problem.path == "pools[1].instances"
    assert "nothing is moved unasked" in str(problem)
    assert problem.remedy == "Agree to the moves by pins: pools[0].pins: {instance: 1, host: a, gpus: [1]}"
    agreed = pool("small", 2, 8, pins=[{"instance": 1, "host": "a", "gpus": [1]}])
    assert where(hosts, agreed, pool("large", 1, 20), running=running)["large1"] == "a/0"


# ---- pins


def test_pins_win_over_what_runs_and_over_what_would_be_best() -> None:
    hosts = [host("a", 8, 8)]
    running = {("p", 1): Place("a", ("0",)), ("q", 1): Place("a", ("1",))}
    pinned = pool("q", 1, 8, pins=[{"instance": 1, "gpus": [0]}])
    assert where(hosts, pool("p", 1, 8), pinned, running=running) == {"p1": "a/1", "q1": "a/0"}


def test_an_instance_pinned_to_a_host_gets_its_best_cards() -> None:
    pinned = pool("p", 2, 8, pins=[{"instance": 1, "host": "b"}])
    assert where([host("a", 23), host("b", 8, 23)], pinned) == {"p1": "b/0", "p2": "a/0"}


def test_a_pin_to_a_full_card_says_what_is_free_and_where_it_would_fit() -> None:
    pins = [{"instance": n, "gpus": [0]} for n in (1, 2, 3)]
    problem = refusal([host("a", 23, 23)], pool("p", 3, 8, pins=pins))
    assert problem.path == "pools[0].pins[2].gpus"
    assert "needs 8g on a card; beside the other pins free, reserves kept back, is a/0: 7g" in str(problem)
    assert problem.remedy == "Pin it to a card that takes it: a/1"


# ---- refusals


def test_a_refusal_names_the_instance_what_it_needs_what_is_free_and_the_smallest_changes() -> None:
    problem = refusal([host("a", 11), host("b", 23)], pool("p", 2, 8), pool("q", 3, 9))
    assert (problem.path, problem.value) == ("pools[1].instances", "3")
    assert problem.reason == (
        "leaves instance 2 of 'q' (and 1 more) without a place: it needs 9g on a card; "
        "free, reserves kept back, is b/0: 6g, a/0: 3g"
    )
    assert problem.remedy == "The smallest changes that fit: instances: 1, or one more card of 10g or larger for each"


def test_an_engine_too_large_for_every_card_is_told_how_much_is_lacking() -> None:
    problem = refusal([host("a", 11, 23)], pool("p", 1, 30))
    assert problem.remedy == "The smallest changes that fit: 7g more on card a/1, or one more card of 31g or larger"


def gpus(*cards: Any, **more: Any) -> dict[str, Any]:
    return {"hosts": [{"name": "gpu-1", "gpus": list(cards), **more}]}


def needing(**more: Any) -> dict[str, Any]:
    return {"name": "p", "engine": OWN_ENGINE, "vram": "8g", "routes": {"path": "/p"}, **more}


CARD = {"id": 0, "vram": "24g"}


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (stack(needing(), **gpus(CARD, CARD)), "hosts[0].gpus[1].id", "is also hosts[0].gpus[0]"),
        (stack(needing(), **gpus(CARD, {"id": A_UUID, "vram": "24g"})), "hosts[0].gpus[1].id", "may be the same card"),
        (stack(needing(), **gpus({"id": 0, "vram": "-24g"})), "hosts[0].gpus[0].vram", "is not a size"),
        (stack(needing(vram="-8g"), **gpus(CARD)), "pools[0].vram", "is not a size"),
        (stack(needing(), **gpus({"id": 0, "vram": "1g"})), "hosts[0].gpus[0]", "leaves nothing for instances"),
        (stack(needing(), **gpus({"id": "GPU-8a1", "vram": "24g"})), "hosts[0].gpus[0].id", "is not a card's id"),
        (stack(needing(), **gpus({"id": True, "vram": "24g"})), "hosts[0].gpus[0].id", "is not text"),
        (
            stack(needing(), **gpus({"id": 0, "vrm": "24g", "vram": "24g"})),
            "hosts[0].gpus[0].vrm",
            "Did you mean 'vram'",
        ),
        (stack(needing(), **gpus({"id": A_MIG, "vram": "20g"})), "hosts[0].gpus[0].id", "on a host without MIG"),
        (stack(needing()), "pools[0].engine", "takes 8g of a graphics card, but no host has one"),
        (stack(needing(pins=[{"instance": 1, "gpus": [7]}]), **gpus(CARD)), "pools[0].pins[0].gpus[0]", "Known: 0"),
        (
            stack(needing(pins=[{"instance": 1, "gpus": [A_MIG]}]), **gpus(CARD)),
            "pools[0].pins[0].gpus[0]",
            "is a MIG device, on a host without MIG (gpu-1)",
        ),
        (
            stack(needing(pins=[{"instance": 1, "host": "gpu-2"}]), **gpus(CARD)),
            "pools[0].pins[0].host",
            "Did you mean 'gpu-1'?",
        ),
        (stack(needing(pins=[{"instance": 2, "gpus": [0]}]), **gpus(CARD)), "pools[0].pins[0].instance", "(1)"),
        (stack(needing(pins=[{"instance": 1}]), **gpus(CARD)), "pools[0].pins[0]", "pins to nothing"),
        (
            stack(needing(cards=2, pins=[{"instance": 1, "gpus": [0]}]), **gpus(CARD, CARD | {"id": 1})),
            "pools[0].pins[0].gpus",
            "is not 2 different card(s)",
        ),
        (
            stack(
                {"name": "p", "engine": "voice", "routes": {"path": "/p"}, "pins": [{"instance": 1, "gpus": [0]}]},
                **gpus(CARD),
            ),
            "pools[0].pins[0].gpus",
            "pins an engine that takes no card",
        ),
        (
            stack(
                needing(instances=2, pins=[{"instance": 1, "gpus": [0]}, {"instance": 1, "gpus": [0]}]), **gpus(CARD)
            ),
            "pools[0].pins[1].instance",
            "is also pinned by pools[0].pins[0]",
        ),
        (stack(needing(anti_affinity="card"), **gpus(CARD)), "pools[0].anti_affinity", "Choose 'gpu' or 'host'"),
    ],
)
def test_bad_cards_and_pins_are_refused_where_they_stand(raw: object, path: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_stack(raw)
    assert [problem.path for problem in refused.value.problems] == [path], "one mistake is one problem"
    assert said in str(refused.value.problems[0])
