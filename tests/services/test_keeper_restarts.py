"""Restarts of the sick and by schedule, with the real Envoy; the Docker host is a stand-in here, and a real one in
test_keeper_docker.py."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.guard.guarding import planned
from tests.services.fake_docker import FakeDocker
from tests.services.keeping import Keeping, Traffic, keeping
from tests.waiting import wait_for

HEAL = {"tries": 2, "pause": 1, "longest": 600}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path, docker=True, heal=HEAL, startup=4, drain=10, stop=1) as kept:
        wait_for(lambda: kept.status()["serving"] == 3)
        yield kept


def docker(kept: Keeping) -> FakeDocker:
    assert kept.docker
    return kept.docker


def test_the_unhealthy_is_restarted_and_no_request_fails(kept: Keeping) -> None:
    name = kept.names[0]
    with Traffic(kept.guard) as traffic:
        docker(kept).containers[name].health = "unhealthy"
        wait_for(lambda: docker(kept).restarts(name) == 1)
        wait_for(lambda: kept.status()["serving"] == 3)
        wait_for(lambda: kept.instance(name)["last_restart"] is not None)
    assert traffic.failed == {}
    assert "Docker calls it unhealthy" in kept.instance(name)["last_restart"]["why"]
    assert kept.instance(name)["last_restart"]["problem"] is None
    sample = f'keeper_restarts_total{{instance="{name}",outcome="back",pool="voice",reason="sick"}} 1.0'
    assert sample in httpx.get(f"{kept.url}/metrics").text
    assert [asked for asked in docker(kept).asked if asked.startswith("POST")] == [
        f"POST /containers/{name}/restart?t=1"
    ]


def test_of_two_that_are_sick_one_is_restarted_after_the_other(kept: Keeping) -> None:
    for name in kept.names[:2]:
        docker(kept).containers[name].health = "unhealthy"
        docker(kept).containers[name].starts_in = 1.5
    wait_for(lambda: all(docker(kept).restarts(name) == 1 for name in kept.names[:2]), 20)
    wait_for(lambda: kept.status()["serving"] == 3)
    assert docker(kept).most_at_once() == 1


def test_who_does_not_get_well_is_restarted_less_often_and_given_up_loudly(kept: Keeping) -> None:
    name = kept.names[1]
    container = docker(kept).containers[name]
    container.comes_back, container.health = False, "unhealthy"
    wait_for(lambda: kept.instance(name)["gave_up"], 30)
    assert docker(kept).restarts(name) == HEAL["tries"]
    first, second = (begin for begin, _ in container.restarts)
    assert second - first >= HEAL["pause"]
    assert kept.instance(name)["state"] == "given up"
    assert f'keeper_instance_given_up{{instance="{name}",pool="voice"}} 1.0' in httpx.get(f"{kept.url}/metrics").text
    assert f"{name} is given up after 2 restarts in vain" in kept.log()
    page = httpx.get(kept.url).text
    assert "given up" in page
    assert "2 restarts did not help" in page
    time.sleep(4)
    assert docker(kept).restarts(name) == HEAL["tries"], "and left alone"
    container.comes_back, container.health = True, "healthy"  # somebody has mended it
    wait_for(lambda: not kept.instance(name)["gave_up"])
    container.health = "unhealthy"
    wait_for(lambda: docker(kept).restarts(name) == HEAL["tries"] + 1)


def test_who_is_dead_to_the_guard_for_longer_than_a_start_takes_is_restarted(kept: Keeping) -> None:
    name, stub = kept.names[2], kept.guard.pools["voice"][2]
    docker(kept).containers[name].restart = lambda: stub.tell(healthy=True)
    stub.tell(healthy=False)
    began = time.monotonic()
    wait_for(lambda: docker(kept).restarts(name) == 1, 20)
    assert time.monotonic() - began > 1.5, "4 s since it was last seen well, which is up to 2 s before"
    wait_for(lambda: kept.status()["serving"] == 3)
    assert "the guard finds that it fails its health check" in kept.instance(name)["last_restart"]["why"]


def test_who_was_taken_out_by_hand_is_left_alone(kept: Keeping) -> None:
    name = kept.names[0]
    kept.ask("drain", name)
    docker(kept).containers[name].health = "exited"
    docker(kept).containers[kept.names[1]].health = "unhealthy"
    time.sleep(5)
    assert docker(kept).most_at_once() == 0, "nor is another of the pool taken out meanwhile"
    docker(kept).containers[name].health = "healthy"
    kept.ask("restore", name)
    wait_for(lambda: docker(kept).restarts(kept.names[1]) == 1)
    assert docker(kept).restarts(name) == 0


def test_the_last_that_serves_is_not_restarted_while_another_may_come_back(kept: Keeping) -> None:
    last = kept.names[0]
    for name in kept.names[1:]:
        docker(kept).containers[name].health = "paused"  # by somebody; so they are not restarted
    for stub in kept.guard.pools["voice"][1:]:
        stub.tell(healthy=False)
    wait_for(lambda: kept.status()["serving"] == 1)
    docker(kept).containers[last].health = "unhealthy"
    time.sleep(5)
    assert docker(kept).restarts(last) == 0
    kept.guard.pools["voice"][1].tell(healthy=True)
    wait_for(lambda: docker(kept).restarts(last) == 1)


def test_a_docker_that_does_not_answer_is_told_and_nothing_is_restarted(kept: Keeping) -> None:
    docker(kept).close()
    wait_for(lambda: httpx.get(f"{kept.url}/status").json()["sources"]["host local"] is not None)
    assert "Not everything below can be relied on" in httpx.get(kept.url).text
    assert 'keeper_source_up{source="host local"} 0.0' in httpx.get(f"{kept.url}/metrics").text
    assert kept.status()["serving"] == 3


def test_who_ends_by_itself_is_told_and_a_first_start_is_not(kept: Keeping) -> None:
    name, other = kept.names[:2]
    docker(kept).containers[other].id = "1" * 64  # replaced by `pulumi up`
    docker(kept).containers[other].health = "created"
    docker(kept).containers[name].health = "starting"
    wait_for(lambda: kept.instance(name)["last_restart"] is not None)
    assert kept.instance(name)["last_restart"]["why"] == "it ended by itself, and Docker started it again"
    wait_for(lambda: kept.instance(other)["docker"] == "Created")
    docker(kept).containers[other].health = "starting"
    wait_for(lambda: "starting" in kept.instance(other)["docker"])
    docker(kept).containers[other].health = docker(kept).containers[name].health = "healthy"
    wait_for(lambda: "(healthy)" in kept.instance(other)["docker"])
    assert kept.instance(other)["last_restart"] is None


def test_an_instance_is_restarted_on_its_own_host(kept: Keeping) -> None:
    there = kept.names[2]
    other = FakeDocker(there)
    kept.elsewhere = {there: ("gpu-2", other.url)}
    kept.write(planned({"name": "voice", "instances": 3}), heal=HEAL, startup=4, drain=10, stop=1)
    wait_for(lambda: kept.instance(there)["host"] == "gpu-2")
    docker(kept).containers[there].health = "unhealthy"  # of the same name, on a host where it is not
    time.sleep(3)
    assert docker(kept).restarts(there) == 0
    other.containers[there].health = "unhealthy"
    wait_for(lambda: other.restarts(there) == 1)
    wait_for(lambda: kept.status()["serving"] == 3)
    other.close()
    wait_for(lambda: httpx.get(f"{kept.url}/status").json()["sources"]["host gpu-2"] is not None)
    assert httpx.get(f"{kept.url}/status").json()["sources"]["host local"] is None
    docker(kept).containers[kept.names[0]].health = "unhealthy"
    wait_for(lambda: docker(kept).restarts(kept.names[0]) == 1)


def soon() -> dict[str, str]:
    """A schedule whose next time is the next minute but nothing less than 15 s away."""
    at = datetime.now(UTC) + timedelta(seconds=15)
    at = at + timedelta(minutes=1) if at.second else at
    return {"cron": f"{at.minute} {at.hour} * * *", "zone": "UTC"}


def test_all_are_restarted_at_their_time_one_by_one_and_no_request_fails(kept: Keeping) -> None:
    for stub, container in zip(kept.guard.pools["voice"], docker(kept).containers.values(), strict=True):

        def restart(stub: object = stub) -> None:
            stub.end()  # type: ignore[attr-defined]
            stub.start()  # type: ignore[attr-defined]

        container.restart = restart
        container.starts_in = 1.0
    pool = {"name": "voice", "instances": 3}
    kept.write(planned(pool), heal=HEAL, startup=10, drain=10, stop=1, restart=soon())
    wait_for(lambda: kept.status()["next_restart"] is not None)
    with Traffic(kept.guard, clients=4, work=0.5) as traffic:
        wait_for(lambda: kept.status()["restarting"], 80)
        wait_for(lambda: not kept.status()["restarting"], 60)
    assert traffic.failed == {}
    assert [docker(kept).restarts(name) for name in kept.names] == [1, 1, 1]
    assert docker(kept).most_at_once() == 1
    begun = [container.restarts[0][0] for container in docker(kept).containers.values()]
    assert begun == sorted(begun)
    wait_for(lambda: kept.status()["serving"] == 3)
    assert {instance["last_restart"]["why"] for instance in kept.status()["instances"]} == {"it was time"}
    assert kept.status()["problem"] is None


def test_a_restart_that_fails_leaves_the_others_serving(kept: Keeping) -> None:
    docker(kept).containers[kept.names[1]].comes_back = False
    pool = {"name": "voice", "instances": 3}
    kept.write(planned(pool), heal=None, startup=3, drain=10, stop=1, restart=soon())
    wait_for(lambda: kept.status()["problem"] is not None, 100)
    assert f"{kept.names[1]} did not come back; left as they are: {kept.names[2]}" in kept.status()["problem"]
    assert [docker(kept).restarts(name) for name in kept.names] == [1, 1, 0]
    assert "did not come back" in httpx.get(kept.url).text


def test_an_update_that_waits_for_the_instance_that_is_restarted_has_it_out_afterwards(kept: Keeping) -> None:
    name = kept.names[0]
    docker(kept).containers[name].starts_in = 2
    docker(kept).containers[name].health = "unhealthy"
    wait_for(lambda: docker(kept).restarts(name) == 1)
    status, answer = kept.ask("drain", name, "--holder", "pulumi", "--patience", "30")
    assert (status, answer["drained"]) == (0, True)
    wait_for(lambda: kept.instance(name)["last_restart"] is not None)
    assert kept.instance(name)["last_restart"]["problem"] is None
    assert kept.instance(name)["last_restart"]["took"] < 10, "nobody waits for what another has out"
    assert kept.endpoints()[name] == "DRAINING"
    assert kept.instance(name)["out_for"] == "pulumi"
    assert kept.ask("restore", name)[1]["healthy"]


def test_a_keeper_that_ends_in_the_middle_leaves_nobody_out(kept: Keeping) -> None:
    name = kept.names[0]
    docker(kept).containers[name].health = "unhealthy"
    docker(kept).containers[name].starts_in = 30
    wait_for(lambda: kept.endpoints()[name] == "DRAINING")
    kept.end()
    docker(kept).containers[name].health = "healthy"
    kept.start()
    wait_for(lambda: kept.endpoints()[name] == "HEALTHY")
    assert f"{name}: the keeper ended while it was out for healing {name}" in kept.log()
