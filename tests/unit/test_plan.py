"""What follows from a config."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_tts.config import ConfigError, load_stack, versions
from pulumi_tts.plan import Image, StackPlan, plan_stack
from pulumi_tts.plan import images as images_module
from pulumi_tts.plan.images import edge_image, envoy_image
from tests.unit.configs import stack, studio, voice


def plan(*pools: object, local: bool = True, **changes: object) -> StackPlan:
    return plan_stack(load_stack(stack(*pools, **changes)), "tts-test", local)


def test_instances_are_named_and_addressed_by_their_number() -> None:
    first, second = plan(voice()).pools[0].instances
    assert (first.name, first.upstream) == ("tts-test-voice-1", "http://tts-test-voice-1:8000")
    assert (second.name, second.volume) == ("tts-test-voice-2", "tts-test-voice-2-outputs")


def test_one_more_instance_changes_none_of_the_others() -> None:
    two = plan(voice(instances=2)).pools[0]
    three = plan(voice(instances=3)).pools[0]
    assert three.instances[:2] == two.instances
    assert three.container == two.container


def test_the_three_ways_in_become_routes() -> None:
    routes = {route.name: (route.host, route.prefix, route.strip) for route in plan().routes}
    assert routes == {
        "voice.pool": ("voice.localhost", "/", False),
        "voice.1": ("voice1.localhost", "/", False),
        "voice.2": ("voice2.localhost", "/", False),
        "studio.path": ("localhost", "/studio", True),
    }


def test_without_a_guard_only_a_ui_with_several_instances_is_sticky() -> None:
    pools = [voice(guard="none"), studio(guard="none"), studio(name="one", instances=1, routes={"path": "/one"})]
    assert {route.name for route in plan(*pools).routes if route.sticky} == {"studio.path"}


def test_a_ui_is_told_the_prefix_that_the_edge_strips() -> None:
    stripped, kept = plan(studio(), studio(name="kept", routes={"path": "/kept", "strip": False})).pools
    assert ("GRADIO_ROOT_PATH", "/studio") in stripped.container.environment
    assert kept.container.environment == ()


def test_urls_leave_out_the_port_that_http_implies() -> None:
    edge = plan(edge={"port": 80, "dashboard": {"port": 8081}}).edge
    assert edge.url == "http://localhost"
    assert edge.dashboard
    assert edge.dashboard.url == "http://dashboard.localhost:8081/dashboard/"


def test_local_images_ask_no_registry() -> None:
    local = plan(local=True)
    builds = [local.edge.image.build, *(pool.image.build for pool in local.pools)]
    assert all(build and build.base and build.base.startswith("pulumi-tts/") for build in builds)
    assert plan(local=False).edge.image.build is None


def test_a_name_that_no_host_name_can_carry_is_refused() -> None:
    config = load_stack(stack(voice(name="x" * 32)))
    with pytest.raises(ConfigError, match=r"pools\[0\].name: .* is longer than the 63 characters"):
        plan_stack(config, "tts-" + "s" * 40, local_images=True)


def test_a_name_too_long_for_the_keeper_to_reach_docker_by_is_refused_where_there_is_a_keeper() -> None:
    name = "tts-" + "s" * 47
    with pytest.raises(ConfigError, match=r"-socket-proxy', which is longer than the 63 characters"):
        plan_stack(load_stack(stack(voice())), name, local_images=True)
    assert plan_stack(load_stack(stack(voice(guard="none", heal="none"))), name, local_images=True).guard is None


@pytest.mark.parametrize(("name", "image"), [("traefik", edge_image), ("envoy", envoy_image)])
def test_another_version_of_a_program_is_another_image(
    name: str, image: Callable[[bool], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image(True).reference
    assert before.startswith(f"pulumi-tts/{name}:")
    monkeypatch.setitem(versions.table()["images"][name], "pypi", "another==9.9.9")
    assert image(True).reference != before


def test_an_images_tag_changes_with_what_goes_into_it_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_module, "contexts", lambda: tmp_path)
    source = tmp_path / "services" / "voice" / "server.py"
    source.parent.mkdir(parents=True)
    source.write_text("one")

    def tag() -> str:
        images_module._fingerprint.cache_clear()
        return plan(voice()).pools[0].image.reference

    before = tag()
    (source.parent / "collected").mkdir()
    (source.parent / "collected" / "a.whl").write_text("a wheel that the host collected")
    (tmp_path / "services" / "studio").mkdir()
    (tmp_path / "services" / "studio" / "page.py").write_text("another image's source")
    assert tag() == before
    source.write_text("two")
    assert tag() != before
