"""Who may come in, through a whole stack; what becomes of the rest of it when that changes."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest

from tests.system.deployment import Deployment
from tests.system.traffic import steady_requests
from tests.waiting import wait_for

GIVEN = "7f9c2ba4-e88f-4b1a-9d27-3c5e0f6a1b2d"


@pytest.fixture
def guarded(shared: Deployment) -> Iterator[Deployment]:
    """The shared stack with logins, brought back to its config afterwards."""
    before = deepcopy(shared.config)
    shared.set_secret("tts:givenKey", GIVEN)
    shared.config["edge"]["auth"] = {
        "users": [{"name": "anna"}],
        "api_keys": [{"name": "made"}, {"name": "given", "key": {"secret": "givenKey"}, "pools": ["slow"]}],
    }
    shared.pool("voice")["auth"] = shared.pool("slow")["auth"] = "api_keys"
    shared.pool("voice")["limits"] = {"concurrent": 64}
    shared.pool("studio")["auth"] = "basic"
    yield shared
    shared.config = before
    shared.up()


def status(deployment: Deployment, url: str, **options: Any) -> int:
    with deployment.client(**options) as client:
        return client.get(url).status_code


def becomes(deployment: Deployment, wanted: int, url: str, **options: Any) -> None:
    """Waits for a file that was just brought."""
    wait_for(lambda: status(deployment, url, **options) == wanted)


def test_logins_come_and_change_without_a_restart_and_no_secret_shows(guarded: Deployment) -> None:
    before = guarded.lasting_ids()
    guarded.up()
    assert guarded.lasting_ids() == before
    outputs = guarded.outputs()
    voice, studio = outputs["pools"]["voice"], f"{outputs['pools']['studio']['url']}/config"
    key, password = outputs["logins"]["api_keys"]["made"], outputs["logins"]["users"]["anna"]
    # By the pool's name, and straight to each instance.
    for url in (f"{voice['url']}/v1/models", *(f"{instance}/health" for instance in voice["instances"])):
        becomes(guarded, httpx.codes.UNAUTHORIZED, url)
        assert status(guarded, url, headers={"X-API-Key": GIVEN}) == httpx.codes.FORBIDDEN
        assert status(guarded, url, headers={"Authorization": f"Bearer {key}"}) == httpx.codes.OK
    becomes(guarded, httpx.codes.UNAUTHORIZED, studio)
    assert status(guarded, studio, auth=("anna", password)) == httpx.codes.OK

    with steady_requests(guarded, f"{voice['url']}/v1/models", Authorization=f"Bearer {key}") as traffic:
        guarded.config["edge"]["auth"]["api_keys"].append({"name": "another"})
        guarded.up()
        another = guarded.outputs()["logins"]["api_keys"]["another"]
        becomes(guarded, httpx.codes.OK, f"{voice['url']}/v1/models", headers={"X-API-Key": another})
    assert guarded.lasting_ids() == before
    assert traffic.failed == []
    assert traffic.answered > 50
    guarded.up(expect_no_changes=True)

    inspected = json.dumps([guarded.docker.api.inspect_container(id_) for id_ in guarded.container_ids().values()])
    state = guarded.pulumi("stack", "export").stdout
    for secret in (key, another, password, GIVEN):
        assert secret not in inspected
        assert secret not in state

    guard = guarded.docker.containers.get(f"{guarded.full_name}-guard")
    wait_for(lambda: b'"tenant":"made"' in guard.logs(tail=500))
    assert key.encode() not in guard.logs()
