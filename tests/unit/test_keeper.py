"""Restarts, the care for the sick, and the keeper: what may be written, and what follows."""

import json
from typing import Any

import pytest
import yaml

from pulumi_tts.config import ConfigError, load_pool, load_stack
from pulumi_tts.config.keeper import shortest_gap
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.render import traefik
from pulumi_tts.render.keeper import pools_file
from pulumi_tts.render.traefik_auth import NO_USER
from pulumi_tts.render.traefik_front import PATHS
from tests.unit.configs import stack, studio, voice


def problems(*pools: Any, **changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load_stack(stack(*pools, **changes))
    return [str(problem) for problem in refusal.value.problems]


def plan(*pools: Any, **changes: Any) -> StackPlan:
    return plan_stack(load_stack(stack(*pools, **changes)), "tts-test", local_images=True)


def pools(*written: Any, **changes: Any) -> list[dict[str, Any]]:
    planned = plan(*written, **changes)
    assert planned.guard
    found: list[dict[str, Any]] = json.loads(pools_file(planned.guard, planned.name))["pools"]
    return found


@pytest.mark.parametrize("line", ["", "0 4 * *", "0 4 * * * *", "61 4 * * *", "0 4 31 2 *", "@daily", "every day"])
def test_a_cron_line_that_is_none_is_refused_with_the_reason_and_an_example(line: str) -> None:
    (problem,) = problems(voice(restart={"cron": line}))
    assert problem.startswith(f"pools[0].restart.cron: {line!r} is not a cron line: ")
    assert "'0 4 * * *' for every day at 04:00" in problem


@pytest.mark.parametrize("time", ["4:00", "24:00", "04:60", "04", "noon"])
def test_a_time_of_day_is_hours_and_minutes(time: str) -> None:
    (problem,) = problems(voice(restart={"daily": time}))
    assert 'Write hours and minutes, 00:00 to 23:59, in quotes: "04:00"' in problem


def test_an_unknown_time_zone_is_refused_with_the_nearest_one() -> None:
    both = problems(voice(restart={"daily": "04:00", "zone": "Europe/Berln"}), keeper={"zone": "Middle/Earth"})
    assert any("pools[0].restart.zone" in problem and "Did you mean 'Europe/Berlin'?" in problem for problem in both)
    assert any("keeper.zone" in problem for problem in both)


def test_a_restart_has_one_time() -> None:
    assert "names no time, or two" in problems(voice(restart={}))[0]
    assert "names no time, or two" in problems(voice(restart={"daily": "04:00", "cron": "0 4 * * *"}))[0]


def test_a_schedule_that_cannot_be_met_is_refused_with_the_figures() -> None:
    (problem,) = problems(voice(instances=6, restart={"cron": "*/15 * * * *"}))
    assert problem == (
        "pools[0].restart: '*/15 * * * *' comes again after 15m, and restarting 6 instances one after the other may "
        "take 18m: each 1m to drain, 30s to stop and 1m 30s to get healthy. "
        "Restart less often, or shorten guard.drain, stop_grace or health.startup"
    )
    assert pools(voice(instances=5, restart={"cron": "*/15 * * * *"}))[0]["restart"]


def test_a_pool_alone_is_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"pool\.restart: .* comes again after 1m"):
        load_pool(voice(restart={"cron": "* * * * *"}), "localhost")


@pytest.mark.parametrize(
    ("line", "zone", "gap"),
    [
        ("0 4 * * *", "UTC", 24 * 3600),
        ("0 4 * * *", "Europe/Berlin", 23 * 3600),  # the night in which clocks go forward
        ("0 4,6 * * *", "UTC", 2 * 3600),
        ("0 4 * * SUN", "UTC", 7 * 24 * 3600),
        ("0 4 2 1 *", "UTC", 365 * 24 * 3600),
        ("0 4 29 2 *", "UTC", 365 * 24 * 3600),  # less than it is, and long enough
    ],
)
def test_the_shortest_time_between_two_runs(line: str, zone: str, gap: int) -> None:
    assert shortest_gap(line, zone) == gap


@pytest.mark.parametrize("key", ["restart", "heal"])
def test_without_a_guard_nobody_drains_so_nobody_restarts(key: str) -> None:
    written = {"restart": {"daily": "04:00"}, "heal": {"tries": 3}}[key]
    (problem,) = problems(voice(guard="none", **{key: written}))
    assert problem.startswith(f"pools[0].{key}: ")
    assert "guard: none" in problem
    assert load_stack(stack(voice(guard="none", heal="none")))


def test_pauses_that_contradict_each_other_are_refused() -> None:
    (problem,) = problems(voice(heal={"pause": "20m", "longest": "10m"}))
    assert "pauses for 1200s, longer than its longest, 600s" in problem


def test_a_misspelt_key_is_refused_with_the_nearest_one() -> None:
    told = problems(voice(restart={"dayly": "04:00"}, heal={"trys": 3}), keeper={"memry": "1g"})
    assert [near for near in ("'daily'", "'tries'", "'memory'") if any(near in problem for problem in told)] == [
        "'daily'",
        "'tries'",
        "'memory'",
    ]


def test_what_the_keeper_is_told_of_a_pool() -> None:
    voices, studios = pools(
        voice(restart={"daily": "04:05"}, heal={"tries": 2, "pause": "5s"}, stop_grace="20s"),
        studio(restart={"cron": "0 5 * * SUN", "zone": "UTC"}, heal="none"),
        keeper={"zone": "Europe/Berlin"},
    )
    assert voices["restart"] == {"cron": "5 4 * * *", "zone": "Europe/Berlin"}
    assert voices["heal"] == {"tries": 2, "pause": 5, "longest": 600}
    assert (voices["stop"], voices["drain"], voices["startup"]) == (20, 60, 60 + 3 * (5 + 5))
    assert voices["instances"][0] == {
        "name": "tts-test-voice-1",
        "address": "tts-test-voice-1",
        "port": 8000,
        "host": "local",
    }
    assert studios["restart"] == {"cron": "0 5 * * SUN", "zone": "UTC"}
    assert studios["heal"] is None


def test_by_default_the_sick_are_cared_for_and_nothing_is_restarted_by_the_clock() -> None:
    (told,) = pools(voice())
    assert told["restart"] is None
    assert told["heal"] == {"tries": 5, "pause": 30, "longest": 600}


def test_an_unguarded_pool_is_not_the_keepers_business() -> None:
    assert [told["name"] for told in pools(voice(guard="none"), studio())] == ["studio"]


def dashboard(planned: StackPlan) -> dict[str, Any]:
    assert planned.edge.dashboard
    rendered: dict[str, dict[str, Any]] = yaml.safe_load(traefik.dashboard_file(planned.edge.dashboard, "$2a$10$hash"))
    return rendered["http"]


def test_the_keepers_page_is_behind_the_dashboards_login_and_on_its_host() -> None:
    http = dashboard(plan())
    router = http["routers"]["keeper"]
    assert router["middlewares"] == [
        PATHS,
        NO_USER,
        "dashboard-guesses",
        "dashboard-login",
        "keeper-slash",
        "keeper-strip",
    ]
    assert set(router["middlewares"]) == {PATHS, NO_USER, *http["middlewares"]}
    assert router["rule"] == "Host(`dashboard.localhost`) && (Path(`/keeper`) || PathPrefix(`/keeper/`))"
    assert http["services"]["keeper"]["loadBalancer"]["servers"] == [{"url": "http://tts-test-keeper:8000"}]
    assert router["entryPoints"] == http["routers"]["dashboard"]["entryPoints"]


def test_without_a_guard_there_is_no_keeper_to_show() -> None:
    http = dashboard(plan(voice(guard="none")))
    assert set(http["routers"]) == {"dashboard"}
    assert "services" not in http
