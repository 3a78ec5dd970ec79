"""A limit that is set on containers which may just be ending."""

from types import SimpleNamespace
from typing import Any

import pytest
import requests

from pulumi_tts.docker import pids
from pulumi_tts.docker.endpoint import Endpoint


class Api:
    """Answers updates with these statuses, one after the other."""

    base_url, api_version = "http://docker", "1.41"

    def __init__(self, *statuses: int, runs: bool) -> None:
        self.statuses, self.runs = list(statuses), runs

    def post(self, url: str, json: dict[str, int]) -> requests.Response:
        assert (url, json) == ("http://docker/v1.41/containers/c/update", {"PidsLimit": 64})
        answer = requests.Response()
        answer.status_code = self.statuses.pop(0)
        return answer

    def get(self, url: str) -> Any:
        assert url == "http://docker/v1.41/containers/c/json"
        return SimpleNamespace(status_code=200, json=lambda: {"State": {"Running": self.runs}})


@pytest.mark.parametrize(
    ("api", "there"), [(Api(200, runs=True), True), (Api(404, runs=False), False), (Api(500, 200, runs=False), True)]
)
def test_a_container_that_ends_meanwhile_is_no_failure(monkeypatch: pytest.MonkeyPatch, api: Api, there: bool) -> None:
    monkeypatch.setattr(pids, "client", lambda _: SimpleNamespace(api=api))
    assert pids._set_limit("c", Endpoint("unix:///x"), 64) is there
    assert api.statuses == []


@pytest.mark.parametrize("api", [Api(500, runs=True), Api(500, 500, runs=False), Api(403, runs=True)])
def test_a_host_that_refuses_is_one(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    monkeypatch.setattr(pids, "client", lambda _: SimpleNamespace(api=api))
    with pytest.raises(requests.HTTPError):
        pids._set_limit("c", Endpoint("unix:///x"), 64)
