"""Dashboards: as Grafana's own types have them, laid out without overlaps, and of what there is alone."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any
from urllib.parse import unquote

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.dashboards import DashboardsPlan, plan_dashboards
from pulumi_tts.render.dashboards import dashboard_files

HOSTS = [{"gpus": [{"id": 0, "vram": "24g"}]}]
VOICE = {"name": "voice", "engine": "voice", "instances": 2, "routes": {"path": "/voice"}}
STUDIO = {"name": "studio", "engine": "studio", "instances": 2, "guard": "none", "routes": {"path": "/studio"}}
LONE = {"name": "lone", "engine": "voice", "guard": "none", "routes": {"path": "/lone"}}
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
GIVEN = {"__rate_interval", "__range", "__from", "__to", "__data"}
"""Variables that Grafana itself has."""


def dashboards_of(plan: StackPlan) -> DashboardsPlan:
    """What dashboards show of a stack that is watched."""
    assert plan.observability
    return plan_dashboards(plan.observability, plan.edge, plan.pools, plan.meter)


def planned(*pools: dict[str, Any], watching: dict[str, Any] | None = None, **stack: Any) -> DashboardsPlan:
    """What dashboards show of a stack; of everything that there is where nothing is said."""
    shown = list(pools or ({**VOICE, "vram": "6g"}, STUDIO, LONE))
    written = {
        "pools": shown,
        "hosts": HOSTS,
        "edge": {"tls": {"self_signed": {}}},
        "observability": {"usage": {"price": 2.5}} if watching is None else watching,
        **stack,
    }
    return dashboards_of(plan_stack(load_stack(written), "tts-dev", local_images=False))


def read(plan: DashboardsPlan) -> dict[str, dict[str, Any]]:
    """The dashboards, by their files."""
    return {name: json.loads(text) for name, text in dashboard_files(plan).items()}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """What shows something, and so asks."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def boards() -> dict[str, dict[str, Any]]:
    return read(planned())


def test_there_is_one_of_each_kind(boards: dict[str, dict[str, Any]]) -> None:
    assert set(boards) == {
        "overview.json",
        "pool.json",
        "pool-edge.json",
        "pool-one.json",
        "host.json",
        "parts.json",
        "usage.json",
    }


def test_they_are_what_grafanas_own_types_know(boards: dict[str, dict[str, Any]]) -> None:
    # Read into Grafana's types and written again: what they do not have would be lost.
    register_default_plugins()
    for board in boards.values():
        again = json.loads(json.dumps(grafana.Dashboard.from_json(board), cls=JSONEncoder))
        for link in [*again["links"], *(link for panel in again["panels"] for link in panel.get("links", ()))]:
            assert link.pop("placement") == "inControlsMenu", "the one place that the types know"
        assert again == board


def test_the_same_plan_is_the_same_bytes() -> None:
    assert dashboard_files(planned()) == dashboard_files(planned())


def test_users_first_two_questions_are_answered_first(boards: dict[str, dict[str, Any]]) -> None:
    for name in ("overview.json", "pool.json", "pool-edge.json", "pool-one.json"):
        assert [panel["title"] for panel in panels(boards[name])][:2] == ["P95 latency", "Successes a minute"]


def test_everything_has_a_number_of_its_own_and_a_name(boards: dict[str, dict[str, Any]]) -> None:
    uids = [board["uid"] for board in boards.values()]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", uid) for uid in uids)
    for board in boards.values():
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)
        titles = [panel["title"] for panel in panels(board)]
        assert len(set(titles)) == len(titles)
        assert all(panel["description"] for panel in panels(board))


def test_nothing_overlaps_or_leaves_the_grid(boards: dict[str, dict[str, Any]]) -> None:
    for name, board in boards.items():
        places = [panel["gridPos"] for panel in board["panels"]]
        assert all(place["x"] + place["w"] <= 24 for place in places), name
        for one, other in combinations(places, 2):
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart, (name, one, other)


def test_units_are_grafanas(boards: dict[str, dict[str, Any]]) -> None:
    for board in boards.values():
        named = re.findall(r'"unit": "([^"]*)"', json.dumps(board))
        own = re.findall(r'{"id": "unit", "value": "([^"]*)"}', json.dumps(board))
        # Of costs; Grafana takes any currency so.
        assert set(named) | set(own) <= UNITS | {"currency:EUR"}
        assert named


def test_every_variable_is_there_and_has_a_value(boards: dict[str, dict[str, Any]]) -> None:
    for name, board in boards.items():
        known = {variable["name"] for variable in board["templating"]["list"]}
        text = json.dumps({key: value for key, value in board.items() if key != "templating"})
        used = set(re.findall(r"\$\{?(\w+)", text))
        assert used <= known | GIVEN, name
        assert known <= used, name
        for variable in board["templating"]["list"]:
            if variable["type"] == "custom":
                options = [option["value"] for option in variable["options"]]
                assert variable["query"] == ",".join(options)
                assert variable["current"]["value"] == options[0]


def test_all_ask_the_prometheus_that_is_chosen(boards: dict[str, dict[str, Any]]) -> None:
    for board in boards.values():
        for panel in panels(board):
            assert panel["targets"]
            for asked in [panel, *panel["targets"]]:
                assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references)


def test_links_lead_to_what_there_is(boards: dict[str, dict[str, Any]]) -> None:
    uids = {board["uid"] for board in boards.values()}
    found = set(re.findall(r'"url": "/d/([^?"]*)', json.dumps(boards)))
    assert found
    assert found <= uids


def test_each_kind_of_pool_has_its_own_pools(boards: dict[str, dict[str, Any]]) -> None:
    def pools(name: str) -> str:
        (chosen,) = (each for each in boards[name]["templating"]["list"] if each["name"] == "pool")
        return str(chosen["query"])

    assert [pools(name) for name in ("pool.json", "pool-edge.json", "pool-one.json")] == ["voice", "studio", "lone"]


def asked_of(plan: DashboardsPlan) -> str:
    """All that is asked."""
    boards = read(plan).values()
    return "\n".join(target["expr"] for board in boards for panel in panels(board) for target in panel["targets"])


def test_what_is_switched_off_has_no_panel() -> None:
    everything = asked_of(planned())
    for series, less in {
        "node_": planned(watching={"node": False}),
        "probe_": planned(watching={"probes": False}),
        "probe_ssl": planned(edge={}),
        "keeper_": planned(STUDIO, LONE),
        "envoy_": planned(STUDIO, LONE),
        "pool:busy_slots": planned(STUDIO, LONE),
        "traefik_service_server_up": planned(VOICE, LONE),
        "tts_usage": planned(watching={}),
        "gpu_seconds": planned(VOICE, watching={"usage": {"price": 2.5}}),
        "gpu_hour_price": planned(watching={"usage": {}}),
        "audio_seconds": planned(STUDIO),
    }.items():
        assert series in everything
        assert series not in asked_of(less), series
    assert "host.json" not in read(planned(watching={"node": False}))
    assert "pool:instances" not in asked_of(planned(LONE))


def test_without_a_page_of_anything_there_is_no_link_to_it() -> None:
    links = [link["title"] for link in read(planned())["overview.json"]["links"]]
    assert links == ["Dashboards", "Keeper", "Prometheus", "Alertmanager"]
    without = planned(edge={"dashboard": {"enabled": False}})
    assert [link["title"] for link in read(without)["overview.json"]["links"]] == ["Dashboards"]


def panel_links(plan: DashboardsPlan) -> dict[str, list[str]]:
    """Where panels lead to, by their dashboard."""
    return {
        name: [link["url"] for panel in panels(board) for link in panel.get("links", ())]
        for name, board in read(plan).items()
    }


def test_where_traces_are_kept_slowness_leads_to_them() -> None:
    links = panel_links(replace(planned(), traces="https://dashboard.localhost/jaeger/"))
    span = "limit=50&start=${__from}000&end=${__to}000"
    everybody = f"https://dashboard.localhost/jaeger/search?service=tts-dev-edge&{span}"
    assert links["overview.json"] == links["pool-edge.json"] == links["pool-one.json"] == [everybody]
    (of_pool,) = links["pool.json"]
    address, _, tags = of_pool.partition("&tags=")
    assert address == everybody.replace("-edge", "-guard")
    assert unquote(tags) == '{"pool":"${pool}"}'


def test_where_none_are_kept_nothing_leads_there() -> None:
    assert planned().traces is None
    assert not any(panel_links(planned()).values())


def test_stacks_do_not_meet_in_one_grafana() -> None:
    one, other = (
        plan_stack(load_stack({"pools": [VOICE], "observability": {}}), name, local_images=False)
        for name in ("tts-" + "a" * 40 + "-1", "tts-" + "a" * 40 + "-2")
    )
    uids = [{board["uid"] for board in read(dashboards_of(plan)).values()} for plan in (one, other)]
    assert not uids[0] & uids[1]


def unbounded(boards: dict[str, dict[str, Any]], label: str) -> Iterator[str]:
    """Queries over time that have a line for each value of a label, however many there are."""
    for board in boards.values():
        for panel in panels(board):
            for target in panel["targets"]:
                legend = target.get("legendFormat", "")
                if f"{{{{{label}}}}}" in legend and "topk(" not in target["expr"] and "bottomk(" not in target["expr"]:
                    yield f"{board['title']}: {panel['title']}: {target['expr']}"


def test_with_256_instances_no_panel_has_a_line_for_each() -> None:
    large = read(planned({**VOICE, "instances": 256}, {**STUDIO, "instances": 256}))
    assert not list(unbounded(large, "instance"))


def test_with_40_pools_no_panel_has_a_line_for_each() -> None:
    many = read(planned(*({**VOICE, "name": f"voice-{at}", "routes": {"path": f"/{at}"}} for at in range(40))))
    assert not [*unbounded(many, "pool"), *unbounded(many, "tenant")]
    few = read(planned())
    assert len(list(unbounded(few, "pool"))) > 3, "no query is looked at"


def test_files_are_small_enough_for_a_state_however_many_pools_there_are() -> None:
    many = dashboard_files(
        planned(*({**VOICE, "name": f"voice-{at}", "routes": {"path": f"/{at}"}} for at in range(40)))
    )
    assert sum(map(len, many.values())) < 150_000


def test_programs_that_draw_nothing_do_not_import_grafanas_types() -> None:
    code = "import sys; import pulumi_tts.docker, pulumi_tts.command; print('grafana_foundation_sdk' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
