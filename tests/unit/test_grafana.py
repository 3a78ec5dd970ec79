"""Grafana: who may see it, what it is told, and where it cannot be had."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_tts.command import main
from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.grafana import GrafanaPlan
from pulumi_tts.render import grafana, traefik
from tests.unit.configs import stack
from tests.unit.conftest import World, run

CONTAINER = "docker:index/container:Container"
SHOWN = {"observability": {"grafana": {}}, "images": "registry"}


def plan(**changes: Any) -> StackPlan:
    return plan_stack(load_stack(stack(**{**SHOWN, **changes})), "tts-test", local_images=False)


def planned(**changes: Any) -> GrafanaPlan:
    found = plan(**changes).grafana
    assert found
    return found


def problems(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(**{**SHOWN, **changes}))
    return [(problem.path, problem.reason) for problem in refused.value.problems]


def made(world: World, **changes: Any) -> dict[str, Any]:
    run(lambda: SpeechStack("tts-test", {"config": stack(**{**SHOWN, **changes}), "preflight": False}).edge_url)
    return world.inputs(CONTAINER)


def test_nobody_has_a_grafana_who_did_not_ask_for_one(world: World) -> None:
    assert plan(observability={}).grafana is None
    assert not [name for name in made(world, observability={}) if "grafana" in name]


def test_where_no_registry_is_asked_it_cannot_be_had_and_says_what_can() -> None:
    with pytest.raises(ConfigError, match=r"only a registry has.*pulumi-tts dashboards --to FOLDER"):
        plan_stack(load_stack(stack(**SHOWN)), "tts-test", local_images=True)


def test_without_a_dashboards_login_nobody_would_see_it() -> None:
    assert problems(edge={"dashboard": {"enabled": False}}) == [
        ("observability.grafana", "is behind the dashboard's login, and the edge has no dashboard")
    ]
    # Also where something else is wrong.
    found = problems(edge={"dashboard": {"enabled": False}}, pools=[{"name": "voice", "engine": "voixe"}])
    assert "observability.grafana" in [path for path, _ in found]


def test_its_page_is_behind_the_dashboards_login() -> None:
    dashboard = plan().edge.dashboard
    assert dashboard
    http = yaml.safe_load(traefik.dashboard_file(dashboard, "$2a$10$hash"))["http"]
    assert "dashboard-login" in http["routers"]["grafana"]["middlewares"]
    assert "/grafana/" in http["routers"]["grafana"]["rule"]
    assert http["services"]["grafana"]["loadBalancer"]["servers"] == [{"url": "http://tts-test-grafana:3000"}]
    assert planned().page == dashboard.url.replace("/dashboard/", "/grafana/")


def test_who_is_let_in_sees_and_changes_nothing() -> None:
    told = grafana.environment(planned(), "/files/current")
    assert told["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert told["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    # Its own admin has a password that everybody knows: there is none, and no way to come in as one.
    assert told["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert told["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert told["GF_AUTH_BASIC_ENABLED"] == told["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not [name for name in told if "PASSWORD" in name or "SECRET" in name]


def test_it_asks_the_stacks_prometheus_and_reads_dashboards_as_they_change() -> None:
    (asked,) = yaml.safe_load(grafana.datasources_file(planned()))["datasources"]
    assert asked["url"] == "http://tts-test-prometheus:9090/prometheus"
    assert asked["jsonData"]["timeInterval"] == "15s"
    slower = planned(observability={"grafana": {}, "prometheus": {"interval": "30s"}})
    assert yaml.safe_load(grafana.datasources_file(slower))["datasources"][0]["jsonData"]["timeInterval"] == "30s"
    (folder,) = yaml.safe_load(grafana.dashboards_file(planned(), "/files/current"))["providers"]
    assert folder["options"] == {"path": "/files/current"}
    assert folder["allowUiUpdates"] is False
    assert folder["updateIntervalSeconds"] <= 10


def test_another_pool_changes_its_files_and_nothing_else(world: World) -> None:
    before = made(world)
    files = {upload["file"] for upload in before["tts-test-grafana-files-courier"]["uploads"]}
    assert {file.rpartition("/")[2] for file in files} == {
        "datasources.yaml",
        "dashboards.yaml",
        "overview.json",
        "pool.json",
        "host.json",
        "parts.json",
    }
    pools = [{"name": name, "engine": "voice", "routes": {"path": f"/{name}"}} for name in ("voice", "more")]
    after = made(world, pools=pools)
    assert after["tts-test-grafana"] == before["tts-test-grafana"]
    assert after["tts-test-grafana-files-courier"] != before["tts-test-grafana-files-courier"]


def test_it_starts_again_for_what_it_reads_only_then(world: World) -> None:
    before = made(world)
    after = made(world, observability={"grafana": {}, "prometheus": {"interval": "30s"}})
    assert after["tts-test-grafana"]["labels"] != before["tts-test-grafana"]["labels"]


def test_it_has_no_way_out(world: World) -> None:
    networks = made(world)["tts-test-grafana"]["networksAdvanced"]
    assert [network["name"] for network in networks] == ["tts-test-observe"]


def written(folder: Path, **changes: Any) -> str:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": {"tts:stack": stack(**changes)}}))
    return str(file)


def test_dashboards_are_written_for_a_grafana_of_somebodys_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a" / "b"
    assert main(["dashboards", "--stack", written(tmp_path, observability={}), "--to", str(folder)]) == 0
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["host.json", "overview.json", "parts.json", "pool.json"]
    assert sorted(capsys.readouterr().out.split()) == [str(file) for file in files]
    assert all(json.loads(file.read_text())["uid"] for file in files)


def test_of_a_stack_that_nothing_watches_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "--stack", written(tmp_path), "--to", str(tmp_path / "to")]) == 1
    assert "observability" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "to").write_text("a file")
    assert main(["dashboards", "--stack", written(tmp_path, observability={}), "--to", str(tmp_path / "to")]) == 1
    assert str(tmp_path / "to") in capsys.readouterr().err
