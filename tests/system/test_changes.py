"""What a change of the config does to what runs (DESIGN.md: "What a change does")."""

import time
from collections.abc import Iterator
from copy import deepcopy

import httpx
import pytest
from pulumi import automation as auto

from tests.system.deployment import Deployment, Event
from tests.system.traffic import steady_requests


@pytest.fixture
def changing(shared: Deployment) -> Iterator[Deployment]:
    """The shared stack, brought back to its config afterwards."""
    before = deepcopy(shared.config)
    yield shared
    shared.config = before
    shared.up()


def test_the_first_up_starts_the_instances_of_a_pool_in_parallel(shared: Deployment) -> None:
    started = {name: at for at, action, name in shared.first_up if action == "start" and "-voice-" in name}
    healthy = {
        name: at for at, action, name in shared.first_up if action == "health_status: healthy" and "-voice-" in name
    }
    assert len(started) == 2
    assert max(started.values()) < min(healthy.values()), "the second did not wait for the first"


def test_a_second_up_changes_nothing(shared: Deployment) -> None:
    shared.up(expect_no_changes=True)


def test_a_refresh_finds_nothing_changed(shared: Deployment) -> None:
    shared.refresh(expect_no_changes=True)
    shared.up(expect_no_changes=True)


def test_one_more_instance_leaves_the_others_alone(changing: Deployment) -> None:
    before = changing.lasting_ids()
    changing.pool("voice")["instances"] = 3
    changing.up()
    after = changing.lasting_ids()
    assert set(after) - set(before) == {f"{changing.full_name}-voice-3"}
    assert {name: after[name] for name in before} == before
    with changing.client() as client:
        assert client.get(f"{changing.outputs()['pools']['voice']['instances'][2]}/health").status_code == 200


def test_a_new_route_and_a_changed_header_restart_nothing_and_fail_no_request(changing: Deployment) -> None:
    before = changing.lasting_ids()
    url = changing.outputs()["pools"]["voice"]["url"]
    with steady_requests(changing, f"{url}/v1/models") as traffic:
        time.sleep(1)
        changing.config["edge"]["headers"] = {"X-Model-Version": "v3"}
        changing.pool("studio")["routes"] = {"pool": "studio.{domain}"}
        changing.pool("studio")["environment"] = {"GRADIO_ROOT_PATH": "/studio"}  # its containers' own stays as it was
        changing.up()
        with changing.client() as client:
            client_sees(client, f"{changing.outputs()['pools']['studio']['url']}/config")
        time.sleep(1)
    assert changing.lasting_ids() == before
    assert traffic.failed == []
    assert traffic.answered > 50
    with changing.client() as client:
        assert client.get(f"{url}/v1/models").headers["x-model-version"] == "v3"


def test_a_pool_that_is_gone_from_the_config_goes_and_its_outputs_stay(changing: Deployment) -> None:
    changing.config["pools"] = [pool for pool in changing.config["pools"] if pool["name"] != "slow"]
    before = changing.lasting_ids()
    changing.up()
    gone = f"{changing.full_name}-slow-1"
    assert changing.lasting_ids() == {name: id_ for name, id_ in before.items() if name != gone}
    assert f"{gone}-outputs" in changing.volumes()


def test_the_dashboard_and_its_password_change_without_a_restart(changing: Deployment) -> None:
    before = changing.lasting_ids()
    changing.config["edge"]["dashboard"] = {"enabled": False}
    changing.up()
    changing.config["edge"]["dashboard"] = {"password": {"secret": "dashboardPassword"}}
    changing.set_secret("tts:dashboardPassword", "correct horse")
    changing.up()
    changing.up(expect_no_changes=True)
    assert changing.lasting_ids() == before
    access = changing.outputs()["dashboard"]
    assert access["password"] == "correct horse"
    with changing.client(auth=("admin", "correct horse")) as client:
        client_sees(client, access["url"])


def client_sees(client: httpx.Client, url: str) -> None:
    """Waits for an answer from a route that was just made."""
    deadline = time.monotonic() + 10
    while client.get(url).status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.2)


def test_another_limit_on_processes_reaches_the_containers_that_run(changing: Deployment) -> None:
    before = changing.lasting_ids()
    changing.pool("voice")["pids"] = 99
    changing.up()
    assert changing.lasting_ids() == before
    if changing.docker.info()["PidsLimit"]:
        inspected = changing.docker.api.inspect_container(before[f"{changing.full_name}-voice-1"])
        assert inspected["HostConfig"]["PidsLimit"] == 99


def test_a_new_image_replaces_one_instance_at_a_time_fails_no_request_and_keeps_outputs(changing: Deployment) -> None:
    changing.inside("voice-1", "sh", "-c", "echo mine > /outputs/kept-by-test")
    before = changing.lasting_ids()
    url = changing.outputs()["pools"]["voice"]["url"]
    changing.pool("voice")["image"] = relabelled(changing)
    with changing.events() as events, steady_requests(changing, f"{url}/v1/models") as traffic:
        changing.up()
    after = changing.lasting_ids()
    assert {name for name in before if after[name] != before[name]} == {
        f"{changing.full_name}-voice-1",
        f"{changing.full_name}-voice-2",
    }
    assert traffic.failed == []
    assert in_turns(events)
    assert changing.inside("voice-1", "cat", "/outputs/kept-by-test") == (0, b"mine\n")


def relabelled(deployment: Deployment) -> str:
    """The voice image with another label: as new to Docker as any."""
    running = deployment.docker.containers.get(f"{deployment.full_name}-voice-1")
    running.commit("pulumi-tts/voice", "relabelled", changes=f'LABEL made="{time.time()}"')
    return "pulumi-tts/voice:relabelled"


def in_turns(events: list[Event]) -> bool:
    """Whether no voice instance died while another was away."""
    away: set[str] = set()
    for _, action, name in sorted(events):
        if "-voice-" not in name:
            continue
        if action == "die":
            away.add(name)
        elif action == "health_status: healthy":
            away.discard(name)
        if len(away) > 1:
            return False
    return True


def test_an_image_that_never_gets_healthy_costs_one_instance_and_a_good_one_recovers(changing: Deployment) -> None:
    url = changing.outputs()["pools"]["voice"]["url"]
    pool = changing.pool("voice")
    good = deepcopy(pool)
    pool["command"] = ["sleep", "600"]
    pool["health"] = {**pool["health"], "startup": "2s"}
    pool["stop_grace"] = "1s"
    before = changing.lasting_ids()
    with pytest.raises(auto.CommandError, match="was not touched"):
        changing.up()
    after = changing.lasting_ids()
    untouched = [name for name in before if "-voice-" in name and after.get(name) == before[name]]
    assert len(untouched) == 1, "the update stopped at the first instance"
    with changing.client() as client:
        assert client.get(f"{url}/v1/models").status_code == 200, "the other instance serves"
    pool.clear()
    pool.update(good)
    changing.up()
    changing.up(expect_no_changes=True)
