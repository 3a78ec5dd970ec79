"""In and out of rotation, with the real Envoy: what a drain waits for, and that one of a pool is out at a time."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.guard.guarding import planned
from tests.services.keeping import Keeping, Traffic, keeping
from tests.waiting import wait_for


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path) as kept:
        yield kept


def work(kept: Keeping, seconds: float) -> threading.Thread:
    def ask() -> None:
        with kept.guard.client() as client:
            assert client.post(f"/work?first={seconds}", content=b"text").status_code == 200

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def busy(kept: Keeping) -> str:
    wait_for(lambda: any(stub.seen()["busy"] for stub in kept.guard.pools["voice"]))
    return next(stub.name for stub in kept.guard.pools["voice"] if stub.seen()["busy"])


def test_a_drain_ends_when_the_work_does_and_a_restore_brings_it_back(kept: Keeping) -> None:
    working = work(kept, 2)
    name = busy(kept)
    began = time.monotonic()
    status, answer = kept.ask("drain", name, "--within", "20")
    assert (status, answer["drained"], answer["left"], answer["others"]) == (0, True, 0, 2)
    assert 1 < time.monotonic() - began < 5
    working.join(1)
    assert not working.is_alive()
    assert kept.guard.healthy("voice") == set(kept.names) - {name}
    assert kept.endpoints()[name] == "DRAINING"
    assert kept.instance(name)["out_for"] == "operator"
    status, answer = kept.ask("restore", name, "--within", "10")
    assert (status, answer["restored"], answer["healthy"]) == (0, True, True)
    assert kept.guard.healthy("voice") == set(kept.names)


def test_no_request_fails_or_reaches_an_instance_that_is_out(kept: Keeping) -> None:
    name = kept.names[0]
    stub = kept.guard.pools["voice"][0]
    with Traffic(kept.guard, clients=4) as traffic:
        for _ in range(3):
            assert kept.ask("drain", name)[1]["drained"]
            begun = stub.seen()["begun"]
            time.sleep(0.5)
            assert stub.seen()["begun"] == begun
            assert kept.ask("restore", name)[1]["healthy"]
    assert traffic.failed == {}
    assert traffic.answers["200"] > 20


def test_a_drain_whose_time_is_over_says_what_is_left(kept: Keeping) -> None:
    working = work(kept, 4)
    name = busy(kept)
    status, answer = kept.ask("drain", name, "--within", "1")
    assert (status, answer["drained"], answer["left"]) == (0, False, 1)
    assert kept.endpoints()[name] == "DRAINING", "it stays out: its container goes next"
    working.join()


def test_who_comes_back_has_no_ejection_of_its_time_before(kept: Keeping) -> None:
    """What comes back may be another container, at the same address."""
    kept.write(planned({"name": "voice", "instances": 3, "guard": {"ejection": {"time": "60s"}}}))
    wait_for(lambda: '"base_ejection_time": "60s"' in kept.guard.admin("/config_dump?resource=dynamic_active_clusters"))
    wait_for(lambda: len(kept.guard.healthy("voice")) == len(kept.names))
    with kept.guard.client() as client:
        while len(serving := kept.guard.healthy("voice")) == len(kept.names):
            client.post("/work?status=500", content=b"text")
    (name,) = set(kept.names) - serving
    assert "ejected" in _complaint(kept, name)
    clusters = {
        each["name"]: each for each in json.loads(kept.guard.admin("/clusters?format=json"))["cluster_statuses"]
    }
    (ejected,) = [host for host in clusters["voice"]["host_statuses"] if host["hostname"] == name]
    answered_well = [stat.get("value", "0") for stat in ejected["stats"] if stat["name"] == "rq_success"]
    assert answered_well == ["0"], "by which the care knows one that fails every request"
    kept.ask("drain", name)
    status, answer = kept.ask("restore", name, "--within", "10")
    assert (status, answer["healthy"]) == (0, True)
    assert name in kept.guard.healthy("voice")


def _complaint(kept: Keeping, name: str) -> str:
    wait_for(lambda: kept.instance(name)["guard"] is not None)
    return str(kept.instance(name)["guard"])


def test_a_stream_that_outlives_its_drain_is_not_cut_by_what_comes_after(kept: Keeping) -> None:
    heard: list[bytes] = []

    def listen() -> None:
        with (
            kept.guard.client() as client,
            client.stream("POST", "/work?chunks=50&pace=0.1", content=b"text") as answer,
        ):
            heard.append(answer.read())

    listening = threading.Thread(target=listen)
    listening.start()
    name = busy(kept)
    assert kept.ask("drain", name, "--within", "0.5")[1]["left"] == 1
    assert kept.ask("restore", name)[1]["healthy"]
    assert listening.is_alive()
    listening.join()
    assert [len(audio) for audio in heard] == [50 * 512]


def test_one_of_a_pool_is_out_at_a_time(kept: Keeping) -> None:
    one, other, _ = kept.names
    assert kept.ask("drain", one, "--holder", "pulumi")[0] == 0
    status, answer = kept.ask("drain", other, "--patience", "0.5")
    assert status == 3
    assert f"{one} is out of rotation for pulumi" in answer["note"]
    assert f"`docker exec tts-test-keeper python3 -m keeper restore {one}` puts it back" in answer["note"]
    assert set(kept.endpoints().values()) == {"DRAINING", "HEALTHY"}
    waiting = kept.asking("drain", other, "--patience", "20")
    time.sleep(0.5)
    assert waiting.poll() is None
    kept.ask("restore", one)
    assert waiting.wait(5) == 0, "its turn comes when the other is back"
    assert kept.endpoints() == {one: "HEALTHY", other: "DRAINING", kept.names[2]: "HEALTHY"}


def test_a_holders_next_drain_puts_the_one_before_back(kept: Keeping) -> None:
    one, other, _ = kept.names
    kept.ask("drain", one, "--holder", "pulumi")
    kept.ask("drain", other, "--holder", "pulumi")
    assert [name for name, health in kept.endpoints().items() if health == "DRAINING"] == [other]


def test_who_asks_and_goes_has_not_asked(kept: Keeping) -> None:
    working = work(kept, 3)
    name = busy(kept)
    asking = kept.asking("drain", name, "--within", "20")
    wait_for(lambda: kept.endpoints()[name] == "DRAINING")
    asking.kill()
    asking.wait()
    wait_for(lambda: kept.endpoints()[name] == "HEALTHY")
    working.join()


def test_a_lease_that_runs_out_puts_an_instance_back(kept: Keeping) -> None:
    name = kept.names[0]
    kept.ask("drain", name, "--lease", "2")
    assert kept.endpoints()[name] == "DRAINING"
    assert 0.5 < wait_for(lambda: kept.endpoints()[name] == "HEALTHY") < 4


def test_a_keeper_that_is_replaced_knows_who_is_out(kept: Keeping) -> None:
    name = kept.names[0]
    kept.ask("drain", name)
    kept.end()
    assert kept.ask("restore", name)[0] == 1, "nobody answers"
    kept.start()
    time.sleep(1)
    assert kept.endpoints()[name] == "DRAINING"
    assert kept.ask("restore", name)[1]["healthy"]


def test_an_unknown_instance_is_refused_with_the_nearest_name(kept: Keeping) -> None:
    status, answer = kept.ask("drain", "tts-test-voice-9")
    assert status == 2
    assert "did you mean 'tts-test-voice-" in answer["note"]


def test_an_instance_that_leaves_the_plan_finishes_what_it_has(kept: Keeping) -> None:
    workers = [work(kept, 3) for _ in range(3)]
    last = kept.names[2]
    wait_for(lambda: bool(kept.guard.pools["voice"][2].seen()["busy"]))
    kept.write(planned({"name": "voice", "instances": 2}))
    wait_for(lambda: kept.endpoints().get(last) == "DRAINING")
    # `pulumi up` asks before it removes the container, which is after the plan has changed.
    status, answer = kept.ask("drain", last)
    assert (status, answer["drained"]) == (0, True)
    assert "no longer in its pool's plan" in answer["note"]
    for worker in workers:
        worker.join()
    assert kept.ask("drain", kept.names[0])[0] == 0, "and it holds nobody up"


def test_a_new_pool_gets_its_endpoints_before_envoy_hears_of_it(kept: Keeping) -> None:
    kept.guard.pools["other"] = kept.guard.pools["voice"]
    kept.write(planned({"name": "voice", "instances": 3}, {"name": "other", "instances": 3}))
    wait_for(lambda: len(kept.guard.healthy("other")) == 3)
    assert kept.guard.stat("cluster_manager.cds.update_rejected") == 0
    with kept.guard.client("other") as client:
        assert client.post("/work", content=b"text").status_code == 200
    kept.write(planned({"name": "voice", "instances": 3}))
    wait_for(lambda: not (Path(kept.guard.layout.run) / "endpoints" / "other.json").exists())


def test_a_file_that_is_bad_changes_nothing_and_is_told(kept: Keeping) -> None:
    before = kept.endpoints()
    (kept.folder / "files" / "pools.json").write_text('{"stack": "tts-test", "pools": [{"na')
    wait_for(lambda: httpx.get(f"{kept.url}/health").status_code == 503)
    assert "pools.json" in httpx.get(f"{kept.url}/health").json()["problem"]
    assert kept.endpoints() == before
    assert kept.ask("drain", kept.names[0])[0] == 0, "the last good plan is in force"
    kept.write(planned({"name": "voice", "instances": 3}))
    wait_for(kept.is_well)


def test_the_same_endpoints_are_not_written_twice(kept: Keeping) -> None:
    file = Path(kept.guard.layout.run) / "endpoints" / "voice.json"
    before = file.stat().st_ino
    time.sleep(1.5)
    assert file.stat().st_ino == before
    kept.end()
    kept.start()
    assert file.stat().st_ino == before, "nor by the next keeper"


def test_who_is_busy_and_what_waits_is_told(kept: Keeping) -> None:
    with Traffic(kept.guard, clients=9, work=1.0):
        wait_for(lambda: (kept.status()["busy"], kept.status()["waiting"]) == (6, 3))
        assert "6 of 6 slots busy" in " ".join(httpx.get(kept.url).text.split())
        # With fewer instances, some wait in front of one.
        for stub in kept.guard.pools["voice"][1:]:
            stub.tell(healthy=False)
        wait_for(lambda: (kept.status()["busy"], kept.status()["waiting"]) == (2, 7))


def test_only_its_own_user_may_ask(kept: Keeping) -> None:
    assert (kept.folder / "control.sock").stat().st_mode & 0o077 == 0


def test_a_drain_without_a_guard_that_answers_says_so(kept: Keeping) -> None:
    assert kept.guard.process
    kept.guard.process.kill()
    kept.guard.process.wait()
    status, answer = kept.ask("drain", kept.names[0], "--within", "0.5")
    assert (status, answer["drained"], answer["left"]) == (0, False, None)
    assert "guard does not answer" in answer["note"]


def test_its_log_is_json_lines_of_what_happens(kept: Keeping) -> None:
    kept.ask("drain", kept.names[0])
    time.sleep(2.5)
    lines = [json.loads(line) for line in kept.log().splitlines()]
    assert any("endpoints of voice" in line["message"] for line in lines)
    assert not [line for line in lines if "HTTP Request" in line["message"]], "not of what is asked every second"
