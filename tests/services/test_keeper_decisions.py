"""What the keeper decides, as values: who is forgotten, who is sick, when a restart is due."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keeper.addresses import AGAIN, GONE, SILENT, AddressBook, Answer, Outcome, Resolver
from keeper.care import Care, complaint, pause_after
from keeper.engines import Container, DockerError, DockerHost, container_of
from keeper.guard import Seen
from keeper.metrics import Metrics
from keeper.pools import Fleet, Heal, Instance, Pool, PoolsFile, Restart, read_fleet
from keeper.rotation import PASSED_ON, Rotation, discovery, known_endpoints
from keeper.schedule import Timetable, next_run
from keeper.turns import Lease, Turns, TurnTakenError, Urgency
from pulumi_tts.plan import GuardPlan
from pulumi_tts.render import envoy
from pulumi_tts.render.keeper import pools_file
from tests.guard.guarding import planned, planned_auth
from tests.services.fake_docker import FakeDocker


def found(*addresses: str) -> Answer:
    return Answer(Outcome.found, addresses)


# ---- addresses


def test_a_name_that_does_not_exist_is_forgotten_at_once() -> None:
    book = AddressBook({"voice-1": "10.0.0.1", "voice-2": "10.0.0.2"})
    book.learn({"voice-1": GONE, "voice-2": found("10.0.0.2")})
    assert book.known == {"voice-2": "10.0.0.2"}


@pytest.mark.parametrize("answer", [SILENT, AGAIN])
def test_a_resolver_that_answers_nobody_empties_no_pool(answer: Answer) -> None:
    known = {"voice-1": "10.0.0.1", "voice-2": "10.0.0.2"}
    book = AddressBook(known)
    for _ in range(10):
        book.learn(dict.fromkeys(known, answer))
    assert book.known == known
    assert book.silent


def test_a_container_that_docker_does_not_know_any_more_is_forgotten_the_second_time() -> None:
    """On a network without a way out, Docker says "try again" of a name that is gone."""
    book = AddressBook({"voice-1": "10.0.0.1", "voice-2": "10.0.0.2"})
    answers = {"voice-1": AGAIN, "voice-2": found("10.0.0.2")}
    book.learn(answers)
    assert "voice-1" in book.known
    book.learn(answers)
    assert book.known == {"voice-2": "10.0.0.2"}
    assert not book.silent


def test_no_answer_in_time_and_names_of_the_dns_proper_are_not_doubted() -> None:
    known = {"voice-1": "10.0.0.1", "gpu-1.internal": "10.0.9.1", "voice-2": "10.0.0.2"}
    book = AddressBook(known)
    for _ in range(10):
        book.learn({"voice-1": SILENT, "gpu-1.internal": AGAIN, "voice-2": found("10.0.0.2")})
    assert book.known == known


def test_an_address_that_was_given_away_is_not_kept() -> None:
    book = AddressBook({"voice-1": "10.0.0.1"})
    book.learn({"voice-1": SILENT, "studio-1": found("10.0.0.1")})
    assert book.known == {"studio-1": "10.0.0.1"}


def test_among_several_addresses_the_last_one_stays() -> None:
    book = AddressBook({})
    book.learn({"gpu.internal": found("10.0.0.1", "10.0.0.2")})
    assert book.known == {"gpu.internal": "10.0.0.1"}
    book.known["gpu.internal"] = "10.0.0.2"
    book.learn({"gpu.internal": found("10.0.0.1", "10.0.0.2")})
    assert book.known == {"gpu.internal": "10.0.0.2"}


def test_one_name_that_hangs_holds_nobody_up_and_is_not_asked_twice() -> None:
    asked: list[str] = []

    def ask(name: str) -> Answer:
        asked.append(name)
        if name == "hangs":
            time.sleep(1.5)
        return found("10.0.0.1")

    async def rounds() -> list[dict[str, Answer]]:
        resolver = Resolver(ask)
        results = [await resolver.round(["hangs", "quick"]) for _ in range(2)]
        await asyncio.sleep(1)
        results.append(await resolver.round(["hangs", "quick"]))
        return results

    first, second, third = asyncio.run(rounds())
    assert first["quick"] == second["quick"] == found("10.0.0.1")
    assert first["hangs"] is second["hangs"] is SILENT
    assert third["hangs"] == found("10.0.0.1")
    assert asked.count("hangs") == 1


# ---- what Envoy reads


def test_the_same_endpoints_in_any_order_give_the_same_text() -> None:
    one, other = ("a", "10.0.0.1", 8000, False), ("b", "10.0.0.2", 8000, True)
    assert discovery("voice", [one, other]) == discovery("voice", [other, one])
    assert discovery("voice", [one]) != discovery("voice", [one, other])


def test_an_earlier_runs_addresses_are_read_and_nonsense_is_not(tmp_path: Path) -> None:
    (tmp_path / "voice.json").write_text(discovery("voice", [("voice-1", "10.0.0.1", 8000, False)]))
    (tmp_path / "studio.json").write_text('{"resources": [{"endpoints": 3}]}')
    assert known_endpoints(tmp_path) == {"voice-1": "10.0.0.1"}


def pool(instances: int = 2, **changes: object) -> Pool:
    values: dict[str, object] = {
        "name": "voice",
        "cluster": "voice",
        "queue": "queue_voice",
        "slots": 2,
        "drain": 60.0,
        "stop": 30.0,
        "startup": 60.0,
        "restart": None,
        "heal": Heal(3, 10.0, 100.0),
        "instances": tuple(Instance(f"voice-{n}", f"voice-{n}", 8000, "local") for n in range(1, instances + 1)),
    }
    return Pool(**(values | changes))  # type: ignore[arg-type]


def test_who_leaves_the_plan_drains_for_the_pools_time_and_whose_pool_is_gone_goes_with_it(tmp_path: Path) -> None:
    now = 0.0
    book = AddressBook({f"voice-{n}": f"10.0.0.{n}" for n in (1, 2, 3)})
    rotation = Rotation(tmp_path / "files", tmp_path / "run", book, clock=lambda: now)
    file = tmp_path / "run" / "endpoints" / "voice.json"

    def listed() -> dict[str, str]:
        rotation.publish()
        (resource,) = json.loads(file.read_text())["resources"]
        return {e["endpoint"]["hostname"]: e["health_status"] for e in resource["endpoints"][0]["lb_endpoints"]}

    rotation.take(Fleet("tts", (pool(3),), ()))
    assert listed() == {"voice-1": "HEALTHY", "voice-2": "HEALTHY", "voice-3": "HEALTHY"}
    rotation.take(Fleet("tts", (pool(1),), ()))
    assert listed() == {"voice-1": "HEALTHY", "voice-2": "DRAINING", "voice-3": "DRAINING"}
    rotation.take(Fleet("tts", (pool(2),), ()))
    assert listed() == {"voice-1": "HEALTHY", "voice-2": "HEALTHY", "voice-3": "DRAINING"}, "one comes back"
    now = 61.0
    assert listed() == {"voice-1": "HEALTHY", "voice-2": "HEALTHY"}
    rotation.take(Fleet("tts", (), ()))
    rotation.publish()
    assert not file.exists()


def test_files_are_passed_on_as_a_set_and_what_goes_goes_after_what_leads_to_it(tmp_path: Path) -> None:
    both, one = planned({"name": "voice"}, {"name": "other"}), planned({"name": "voice"})
    book = AddressBook({f"tts-test-{name}-1": f"10.0.0.{n}" for n, name in enumerate(("voice", "other"))})
    rotation = Rotation(tmp_path / "files", tmp_path / "run", book)
    (tmp_path / "files").mkdir()

    def bring(plan: GuardPlan, *names: str) -> None:
        for name in names:
            (tmp_path / "files" / name).write_text(envoy.files(plan)[name])

    def passed_on(name: str) -> str:
        return (tmp_path / "run" / "config" / name).read_text()

    rotation.take(read_fleet(pools_file(both, "tts-test")))
    bring(both, *PASSED_ON)
    rotation.publish()
    assert rotation.problem is None
    assert {name: passed_on(name) for name in PASSED_ON} == envoy.files(both)

    bring(one, "clusters.json", "front.json")
    rotation.publish()
    assert rotation.problem
    assert {name: passed_on(name) for name in PASSED_ON} == envoy.files(both), "half a set is none"
    bring(one, *PASSED_ON)
    rotation.publish()
    assert {name: passed_on(name) for name in PASSED_ON} == envoy.files(both), "its plan is not there yet"

    rotation.take(read_fleet(pools_file(one, "tts-test")))
    rotation.publish()
    assert passed_on("front.json") == envoy.files(one)["front.json"]
    clusters = [cluster["name"] for cluster in json.loads(passed_on("clusters.json"))["resources"]]
    assert {"voice", "other", "queue_other"} < set(clusters)
    assert len(clusters) == len(set(clusters))
    assert '"cluster": "other"' in passed_on("inner.json")
    endpoints = tmp_path / "run" / "endpoints" / "other.json"
    assert endpoints.exists()
    rotation.publish()
    assert rotation.problem is None
    assert {name: passed_on(name) for name in PASSED_ON} == envoy.files(one)
    assert not endpoints.exists()


def test_a_guard_that_only_checks_keys_gets_its_files_too(tmp_path: Path) -> None:
    plan = planned_auth(api_keys=[{"name": "app"}])
    rotation = Rotation(tmp_path / "files", tmp_path / "run", AddressBook({}))
    (tmp_path / "files").mkdir()
    for name, text in envoy.files(plan).items():
        (tmp_path / "files" / name).write_text(text)
    rotation.take(read_fleet(pools_file(plan, "tts-test")))
    rotation.publish()
    assert rotation.problem is None
    assert {name: (tmp_path / "run" / "config" / name).read_text() for name in PASSED_ON} == envoy.files(plan)


# ---- the plan


def test_what_the_plan_renders_is_what_the_keeper_reads() -> None:
    plan = planned(
        {"name": "voice", "instances": 2, "restart": {"daily": "04:05", "zone": "Europe/Berlin"}},
        {"name": "other", "heal": "none"},
    )
    fleet = read_fleet(pools_file(plan, "tts-test"))
    voice, other = fleet.pools
    assert voice.restart == Restart("5 4 * * *", "Europe/Berlin")
    assert voice.heal == Heal(5, 30, 600)
    assert [instance.name for instance in voice.instances] == ["tts-test-voice-1", "tts-test-voice-2"]
    assert (other.restart, other.heal) == (None, None)
    assert [host.proxy for host in fleet.hosts] == ["http://tts-test-socket-proxy:2375"]


def test_a_plan_that_is_bad_or_gone_leaves_the_last_good_one(tmp_path: Path) -> None:
    good = pools_file(planned({"name": "voice"}), "tts-test")
    file = PoolsFile(tmp_path / "pools.json")
    assert not file.look()
    (tmp_path / "pools.json").write_text(good)
    assert file.look()
    assert file.problem is None
    assert not file.look(), "nothing has changed"
    fleet = file.fleet
    twice = json.loads(good)
    twice["pools"] *= 2
    for bad in ("{", "{}", "[]", json.dumps(twice), good.replace('"voice"', '"../voice"')):
        (tmp_path / "pools.json").write_text(bad)
        assert not file.look()
        assert file.problem
        assert file.fleet is fleet
    (tmp_path / "pools.json").unlink()
    assert not file.look()
    assert file.fleet is fleet


# ---- turns


def test_the_turn_goes_to_who_was_asked_for_before_the_sick_and_those_before_the_schedule(tmp_path: Path) -> None:
    async def through() -> list[str]:
        turns = Turns(tmp_path / "leases.json", lambda: None)
        order: list[str] = []

        async def take(instance: str, urgency: Urgency) -> None:
            await turns.take("voice", instance, instance, lease=60, patience=5, urgency=urgency)
            order.append(instance)
            await asyncio.sleep(0.01)
            assert turns.out == {instance}
            turns.give("voice", instance, instance)

        await turns.take("voice", "first", "first", lease=60, patience=0, urgency=Urgency.asked)
        async with asyncio.TaskGroup() as group:
            for instance, urgency in (
                ("due", Urgency.scheduled),
                ("sick", Urgency.sick),
                ("asked", Urgency.asked),
                ("asked too", Urgency.asked),
            ):
                group.create_task(take(instance, urgency))
            await asyncio.sleep(0.01)
            turns.give("voice", "first", "first")
        assert turns.out == frozenset()
        return order

    assert asyncio.run(through()) == ["asked", "asked too", "sick", "due"]


def test_who_stops_waiting_leaves_the_line(tmp_path: Path) -> None:
    async def through() -> None:
        turns = Turns(tmp_path / "leases.json", lambda: None)
        await turns.take("voice", "one", "one", lease=60, patience=0, urgency=Urgency.asked)
        with pytest.raises(TurnTakenError, match="one is out of rotation for one"):
            await turns.take("voice", "two", "two", lease=60, patience=0.05, urgency=Urgency.asked)
        waiting = asyncio.create_task(
            turns.take("voice", "three", "three", lease=60, patience=5, urgency=Urgency.asked)
        )
        await asyncio.sleep(0.01)
        turns.give("voice", "one", "one")  # granted, and in the same moment nobody wants it any more
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert turns.out == frozenset()
        await turns.take("studio", "other pool", "one", lease=60, patience=0, urgency=Urgency.asked)

    asyncio.run(through())


def test_who_is_over_its_time_in_that_very_moment_is_passed_over(tmp_path: Path) -> None:
    async def through() -> None:
        turns = Turns(tmp_path / "leases.json", lambda: None)

        def waits(instance: str) -> asyncio.Task[Lease]:
            return asyncio.create_task(
                turns.take("voice", instance, instance, lease=60, patience=5, urgency=Urgency.asked)
            )

        await turns.take("voice", "one", "one", lease=60, patience=0, urgency=Urgency.asked)
        gone, next_one = waits("two"), waits("three")
        await asyncio.sleep(0.01)
        gone.cancel()  # it is in line still
        assert turns.give("voice", "one", "one")
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert (await next_one).instance == "three"
        assert turns.give("voice", "three", "three")
        assert turns.out == frozenset()

    asyncio.run(through())


def test_who_gives_back_does_not_take_the_turn_of_the_next_from_it(tmp_path: Path) -> None:
    async def through() -> None:
        turns = Turns(tmp_path / "leases.json", lambda: None)
        await turns.take("voice", "one", "the schedule", lease=60, patience=0, urgency=Urgency.scheduled)
        waiting = asyncio.create_task(turns.take("voice", "one", "pulumi", lease=60, patience=5, urgency=Urgency.asked))
        await asyncio.sleep(0.01)
        assert turns.give("voice", "one", "the schedule")
        assert not turns.give("voice", "one", "the schedule")
        assert (await waiting).holder == "pulumi"
        assert turns.out == {"one"}

    asyncio.run(through())


def test_what_is_out_by_hand_is_taken_over_by_who_is_asked_for_it_and_by_nobody_else(tmp_path: Path) -> None:
    async def through() -> None:
        turns = Turns(tmp_path / "leases.json", lambda: None)
        await turns.take("voice", "one", "operator", lease=60, patience=0, urgency=Urgency.asked)
        for instance, urgency in (("two", Urgency.asked), ("one", Urgency.sick), ("one", Urgency.scheduled)):
            with pytest.raises(TurnTakenError, match="one is out of rotation for operator"):
                await turns.take("voice", instance, "another", lease=60, patience=0.01, urgency=urgency)
        await turns.take("voice", "one", "pulumi", lease=60, patience=0.01, urgency=Urgency.asked)
        assert not turns.give("voice", "one", "operator")
        assert turns.give("voice", "one", "pulumi")

    asyncio.run(through())


# ---- Docker


def test_a_proxy_that_wants_a_token_gets_it() -> None:
    docker = FakeDocker("voice-1", token="the token")

    async def listed(token: str | None) -> dict[str, Container]:
        host = DockerHost(docker.url, lambda: token)
        try:
            return await host.containers()
        finally:
            await host.close()

    assert asyncio.run(listed("the token"))["voice-1"].well
    with pytest.raises(DockerError, match=r"401 .*This proxy wants its token"):
        asyncio.run(listed(None))
    docker.close()


def test_a_token_that_changes_is_taken_up_and_one_that_cannot_be_read_is_said() -> None:
    docker = FakeDocker("voice-1", token="the first")
    tokens = iter(["the first", "the second"])

    def unreadable() -> str:
        raise PermissionError("no")

    async def through() -> None:
        host = DockerHost(docker.url, lambda: next(tokens))
        assert await host.containers()
        docker.token = "the second"
        assert await host.containers()
        await host.close()
        blind = DockerHost(docker.url, unreadable)
        with pytest.raises(DockerError, match="the token for Docker cannot be read: no"):
            await blind.containers()
        await blind.close()

    asyncio.run(through())
    docker.close()


# ---- who is sick

WELL = Seen(draining=False, wrong=None, active=0, waiting=0, connections=0)
ILL = Seen(draining=False, wrong="fails its health check", active=0, waiting=0, connections=0)


def container(status: str, state: str = "running") -> Container:
    return container_of({"Id": "x", "State": state, "Status": status, "Names": ["/voice-1"]})


@pytest.mark.parametrize(
    ("listed", "seen", "ill_for", "why"),
    [
        (container("Up 3 hours (healthy)"), WELL, 0, None),
        (container("Up 3 hours (unhealthy)"), WELL, 0, "Docker calls it unhealthy"),
        (container("Up 5 seconds (health: starting)"), ILL, 59, None),
        (container("Up 2 minutes (health: starting)"), ILL, 61, "does not call it healthy"),
        (container("Up 3 hours (healthy)"), ILL, 59, None),
        (container("Up 3 hours (healthy)"), ILL, 61, "the guard finds that it fails its health check"),
        (container("Up 3 hours (healthy)"), None, 999, None),
        (container("Exited (137) 3 seconds ago", "exited"), None, 3, None),
        (container("Exited (137) 16 seconds ago", "exited"), None, 16, "does not run"),
        (container("Restarting (1) 3 seconds ago", "restarting"), None, 16, None),
        (container("Up 3 hours (Paused)", "paused"), ILL, 999, None),
        (None, ILL, 999, None),
    ],
)
def test_who_needs_a_restart(listed: Container | None, seen: Seen | None, ill_for: float, why: str | None) -> None:
    said = complaint(listed, seen, ill_for, startup=60)
    assert (why in said) if why and said else said is why


class Watching:
    """A Docker that calls an instance healthy, and a guard that ejects it now and then."""

    def __init__(self) -> None:
        self.now, self.guard = 1000.0, WELL

    def container(self, _: Instance) -> Container:
        return container("Up 3 hours (healthy)")

    def seen(self, _: Pool, instance: str) -> Seen | None:
        return self.guard if instance == "voice-1" else WELL


@pytest.mark.parametrize(("answers_between", "sick"), [(0, True), (1, False)])
def test_who_fails_every_request_between_ejections_needs_a_restart(
    answers_between: int, sick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ejection takes five minutes at most, a start longer; between two ejections its checks find it well."""
    watching = Watching()
    monkeypatch.setattr("keeper.care.time.monotonic", lambda: watching.now)
    turns = Turns(tmp_path / "leases.json", lambda: None)
    care = Care(watching, None, turns)  # type: ignore[arg-type]
    voice = pool(heal=None, startup=675.0)

    def passes(seconds: int) -> None:
        for _ in range(0, seconds, 2):
            watching.now += 2
            care.tend((voice,))

    for _ in range(4):
        watching.guard = replace(watching.guard, wrong="is ejected for its answers")
        passes(300)
        last = care.complaint(voice, voice.instances[0])
        watching.guard = replace(watching.guard, wrong=None, succeeded=watching.guard.succeeded + answers_between)
        passes(6)
    assert bool(last) is sick
    assert care.complaint(voice, voice.instances[0]) is None, "in rotation, nothing is known against it"


def test_pauses_grow_up_to_the_longest() -> None:
    assert [pause_after(Heal(9, 30, 600), tries) for tries in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]


# ---- when a restart is due


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 4 * * *", "UTC", "2026-06-01 05:00", "2026-06-02 04:00"),
        ("0 4 * * *", "Europe/Berlin", "2026-06-01 05:00", "2026-06-02 02:00"),
        ("0 4 * * *", "Europe/Berlin", "2026-12-01 05:00", "2026-12-02 03:00"),
        # The hour from 2 to 3 is skipped on 29 March, and comes twice on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"),
        ("30 3 * * SUN", "America/New_York", "2026-06-01 00:00", "2026-06-07 07:30"),
    ],
)
def test_a_time_is_one_of_its_zone_also_where_clocks_change(cron: str, zone: str, after: str, expected: str) -> None:
    assert next_run(Restart(cron, zone), utc(after)) == utc(expected)


def nightly(tmp_path: Path) -> tuple[Timetable, Fleet]:
    fleet = Fleet("tts", (pool(restart=Restart("0 4 * * *", "UTC")),), ())
    return Timetable(tmp_path / "schedule.json", Metrics()), fleet


def due(table: Timetable, fleet: Fleet, at: str) -> bool:
    return bool(table.due(fleet, utc(at)))


def test_a_restart_is_due_once_and_then_the_next_day(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    times = ["2026-06-01 03:00:00", "2026-06-01 03:59:59", "2026-06-01 04:00:01", "2026-06-01 04:00:03"]
    assert [due(table, fleet, at) for at in times] == [False, False, True, False]
    assert table.next("voice") == utc("2026-06-02 04:00")


def test_a_restart_that_was_missed_is_told_and_not_made_up_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2026-06-01 03:00")
    later = Timetable(tmp_path / "schedule.json", Metrics())
    assert not due(later, fleet, "2026-06-01 09:00")
    assert "was missed" in caplog.text
    assert later.missed_at("voice") == utc("2026-06-01 04:00")
    assert later.next("voice") == utc("2026-06-02 04:00")


def test_a_keeper_that_is_replaced_at_that_minute_is_not_late(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2026-06-01 03:59")
    assert due(Timetable(tmp_path / "schedule.json", Metrics()), fleet, "2026-06-01 04:02")


def test_a_clock_that_goes_back_an_hour_restarts_nothing_twice(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2026-06-01 03:59")
    assert due(table, fleet, "2026-06-01 04:00")
    assert not due(table, fleet, "2026-06-01 03:00")
    assert not due(table, fleet, "2026-06-01 04:00")


def test_a_clock_that_was_years_ahead_is_forgotten(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2040-01-01 00:00")
    assert not due(table, fleet, "2026-06-01 03:59")
    assert due(table, fleet, "2026-06-01 04:00")


def test_a_clock_that_jumps_ahead_misses_what_lay_between(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2026-06-01 00:00")
    assert not due(table, fleet, "2026-06-01 12:00")
    assert table.missed_at("voice") == utc("2026-06-01 04:00")


def test_another_schedule_begins_with_its_next_time(tmp_path: Path) -> None:
    table, fleet = nightly(tmp_path)
    assert not due(table, fleet, "2026-06-01 03:00")
    hourly = Fleet("tts", (pool(restart=Restart("30 * * * *", "UTC")),), ())
    assert not due(table, hourly, "2026-06-01 04:10"), "it is not late for the old one"
    assert table.missed_at("voice") is None
    assert due(table, hourly, "2026-06-01 04:30")
    assert not table.due(Fleet("tts", (pool(),), ()), utc("2026-06-01 05:30") + timedelta(seconds=1))
    assert table.next("voice") is None
