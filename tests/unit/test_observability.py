"""What watches a stack: its config, its plan, and what becomes of them."""

from typing import Any

import yaml

from pulumi_tts.config import load_stack
from pulumi_tts.docker import SpeechStack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.render import traefik
from tests.unit.configs import stack
from tests.unit.conftest import World, run

CONTAINER = "docker:index/container:Container"


def plan(**changes: Any) -> StackPlan:
    return plan_stack(load_stack(stack(**{"observability": {}, **changes})), "tts-test", local_images=True)


def test_nothing_watches_a_stack_that_does_not_ask_for_it() -> None:
    unwatched = plan_stack(load_stack(stack()), "tts-test", local_images=True)
    assert unwatched.observability is None
    assert not [told for told in traefik.static_arguments(unwatched.edge, "/files") if "metrics" in told]


def test_an_edge_that_is_watched_tells_of_a_millisecond_and_of_45_minutes() -> None:
    told = traefik.static_arguments(plan().edge, "/files")
    assert "--entryPoints.metrics.address=:8083" in told
    (buckets,) = [each.partition("=")[2].split(",") for each in told if each.startswith("--metrics.prometheus.buckets")]
    bounds = [float(each) for each in buckets]
    assert bounds == sorted(set(bounds))
    assert (bounds[0], bounds[-1]) == (0.001, 45 * 60)


def test_no_client_reaches_the_edges_metrics(world: World) -> None:
    run(lambda: SpeechStack("tts-test", {"config": stack(observability={}), "preflight": False}).edge_url)
    edge = world.inputs(CONTAINER)["tts-test-edge"]
    assert [port["internal"] for port in edge["ports"]] == [8080]


def test_edge_guard_and_keeper_are_on_the_network_of_what_watches_them(world: World) -> None:
    run(lambda: SpeechStack("tts-test", {"config": stack(observability={}), "preflight": False}).edge_url)
    containers = world.inputs(CONTAINER)
    for name in ("edge", "guard", "keeper"):
        joined = {network["name"] for network in containers[f"tts-test-{name}"]["networksAdvanced"]}
        assert "tts-test-observe" in joined
    assert world.inputs("docker:index/network:Network")["tts-test-observe"]["internal"] is True


def test_a_page_is_below_its_path_behind_the_login() -> None:
    dashboard = plan().edge.dashboard
    assert dashboard
    http = yaml.safe_load(traefik.dashboard_file(dashboard, "$2a$10$hash"))["http"]
    for page in dashboard.pages:
        router = http["routers"][page.name]
        assert (
            router["middlewares"][: len(http["routers"]["dashboard"]["middlewares"])]
            == (http["routers"]["dashboard"]["middlewares"])
        )
        assert (f"{page.name}-strip" in router["middlewares"]) is page.strip
