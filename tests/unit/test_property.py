"""Whatever is written as a config either plans completely or is refused in words."""

from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from pulumi_tts.config import ConfigError, Stack, load_stack
from pulumi_tts.plan import plan_stack
from pulumi_tts.render import traefik

anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
labels = some.sampled_from(["a", "b", "voice", "studio", "edge", "A", "x-1", "-x", ""])
hosts = some.sampled_from(["a.{domain}", "a{n}.{domain}", "b.{domain}", "b{n}.example.org", "{n}", "a b", "a..b", ""])
paths = some.sampled_from(["/", "/a", "/a/b", "/b", "/a/", "a", "//", "/..", "/ä", ""])


def mostly(right: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    """Something likely to be right, and once in a while anything at all."""
    return some.integers(0, 19).flatmap(lambda dice: anything if dice == 0 else right)


routes = some.fixed_dictionaries(
    {},
    optional={
        "pool": mostly(hosts),
        "instance": mostly(hosts),
        "path": mostly(paths),
        "strip": mostly(some.booleans()),
    },
)
pools = some.fixed_dictionaries(
    {
        "name": mostly(labels),
        "engine": mostly(some.sampled_from(["voice", "studio", "voise"])),
        "routes": mostly(routes),
    },
    optional={
        "instances": mostly(some.integers(-1, 5)),
        "memory": mostly(some.sampled_from(["512m", "2g", "2"])),
        "environment": mostly(
            some.dictionaries(some.sampled_from(["A", "B_1", "1"]), some.text(max_size=5), max_size=2)
        ),
        "headers": mostly(some.dictionaries(some.sampled_from(["X-A", "X B"]), some.text(max_size=5), max_size=2)),
    },
)
stacks = some.fixed_dictionaries(
    {"pools": mostly(some.lists(mostly(pools), min_size=1, max_size=4))},
    optional={
        "domain": mostly(some.sampled_from(["localhost", "voice.example.com", "x" * 70, "1.2.3.4"])),
        "images": mostly(some.sampled_from(["auto", "local", "registry"])),
        "edge": mostly(some.fixed_dictionaries({}, optional={"port": mostly(some.integers(-1, 70_000))})),
        "unknown": anything,
    },
)
runs = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def planned_or_refused(raw: object) -> None:
    try:
        stack = load_stack(raw)
    except ConfigError as error:
        said_in_words(error)
    else:
        planned_completely(stack)


def said_in_words(refused: ConfigError) -> None:
    assert refused.problems
    for problem in refused.problems:
        assert problem.reason, f"{problem} does not say why"
        assert problem.remedy, f"{problem} does not say what would be right"


def planned_completely(stack: Stack) -> None:
    plan = plan_stack(stack, "tts-test", local_images=True)
    ways = [(route.host, route.prefix) for route in plan.routes]
    assert len(set(ways)) == len(ways), "two routes for the same requests"
    http = yaml.safe_load(traefik.routes_file(plan.routes, plan.edge))["http"]
    assert set(http["routers"]) == {route.name for route in plan.routes}


@runs
@given(stacks)
def test_a_config_that_is_nearly_right_plans_completely_or_is_refused_in_words(raw: object) -> None:
    planned_or_refused(raw)


@runs
@given(anything)
def test_anything_at_all_is_refused_in_words(raw: object) -> None:
    planned_or_refused(raw)
