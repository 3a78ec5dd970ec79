"""Who used how much, of real speech, with everybody restarted in between."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.pulumi import Engine
from pulumi_tts import command
from tests.loopback import free_port
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment
from tests.waiting import wait_for

PARTS = ("guard", "meter", "edge", "voice-1")


@pytest.fixture
def counted(engine: Engine, tmp_path: Path) -> Iterator[Deployment]:
    """One instance that speaks, for who has a key, and a meter."""
    config = dev_like(free_port())
    config["pools"] = [{**config["pools"][0], "instances": 1, "auth": "api_keys"}]
    config["edge"]["auth"] = {"api_keys": [{"name": "app-1"}, {"name": "app-2"}]}
    config["observability"] = {"usage": {"price": 1.5}}
    deployment = Deployment("metered", config, tmp_path, engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


def test_what_was_spoken_is_counted_whoever_is_restarted(
    counted: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = counted.outputs()
    voice, keys = outputs["pools"]["voice"], outputs["logins"]["api_keys"]
    file = str(Path(counted.stack.workspace.work_dir) / f"Pulumi.{counted.name}.yaml")
    sent: dict[str, float] = dict.fromkeys(keys, 0)

    def spoken(key: str, url: str) -> None:
        text = {"input": "Who used how much, and since when?", "response_format": "wav"}
        with counted.client(headers={"X-API-Key": keys[key]}) as client:
            answer = client.post(f"{url}/v1/audio/speech", json=text)
        assert answer.status_code == 200
        sent[key] += (len(answer.content) - 44) / 48_000

    def usage(*words: str) -> str:
        assert command.main(["usage", "--stack", file, *words]) == 0
        return capsys.readouterr().out

    def rows() -> dict[str, dict[str, Any]]:
        return {row["tenant"]: row for row in json.loads(usage("--format", "json"))["rows"]}

    for part in PARTS:
        spoken("app-1", voice["url"])
        spoken("app-2", voice["instances"][0])
        counted.docker.containers.get(f"{counted.full_name}-{part}").restart()
        wait_for(lambda: _well(counted), seconds=60, glance=0.2)
    spoken("app-2", voice["url"])

    wait_for(lambda: sum(row["requests"] for row in rows().values()) >= 9, glance=0.3)
    told = rows()
    assert {name: row["requests"] for name, row in told.items()} == {"app-1": 4, "app-2": 5}
    for name, seconds in sent.items():
        assert told[name]["audio_seconds"] == pytest.approx(seconds, rel=0.001)
        assert told[name]["busy_seconds"] > 0
        assert (told[name]["gpu_seconds"], told[name]["cost"]) == (0, 0), "it needs no card"
    lines = csv.DictReader(io.StringIO(usage("--by", "route", "--format", "csv")))
    listed = {line["route"]: line["requests"] for line in lines}
    assert listed == {"voice.pool": "5", "voice.1": "4"}
    assert usage().startswith("TENANT")

    # The edge's access log comes from the meter; no key is in any.
    logs = {part: counted.docker.containers.get(f"{counted.full_name}-{part}").logs() for part in PARTS}
    passed_on = [json.loads(line) for line in logs["meter"].splitlines() if b'"log": "edge"' in line]
    assert {line["route"] for line in passed_on} >= {"voice.pool", "voice.1"}
    assert not [key for key in keys.values() for said in logs.values() if key.encode() in said]
    counted.up(expect_no_changes=True)
    counted.refresh(expect_no_changes=True)
    counted.destroy()
    assert counted.volumes() >= {f"{counted.full_name}-usage"}, "bills are made of it"


def _well(deployment: Deployment) -> bool:
    """Whether everybody is healthy, by Docker's word, and the guard has its instance."""
    parts = [deployment.docker.containers.get(id_) for name, id_ in deployment.lasting_ids().items() if name]
    healthy = all((part.attrs["State"].get("Health") or {"Status": "healthy"})["Status"] == "healthy" for part in parts)
    code, output = deployment.inside("keeper", "python3", "-c", _SERVING)
    return healthy and code == 0 and output.strip() == b"True"


_SERVING = """
import json, urllib.request
status = json.load(urllib.request.urlopen("http://127.0.0.1:8000/status"))
print(all(instance["serving"] for pool in status["pools"] for instance in pool["instances"]))
"""
