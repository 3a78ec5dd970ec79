"""The edge as it runs: Traefik took everything that was rendered, and lets in who should come in."""

import httpx

from tests.system.deployment import Deployment


def dashboard(deployment: Deployment, path: str, *, login: bool = True) -> httpx.Response:
    """An answer of Traefik's API behind the dashboard's login."""
    access = deployment.outputs()["dashboard"]
    auth = (access["user"], access["password"]) if login else None
    with deployment.client(auth=auth) as client:
        return client.get(access["url"].replace("/dashboard/", path))


def test_traefik_has_taken_every_route_without_an_error(shared: Deployment) -> None:
    routers = {router["name"]: router for router in dashboard(shared, "/api/http/routers?per_page=100").json()}
    ours = {name.removesuffix("@file") for name in routers if name.endswith("@file")}
    pools = {"voice.pool", "voice.path", "voice.1", "voice.2", "studio.path", "slow.pool"}
    assert ours == {*pools, "dashboard", "keeper", "front_methods", "front_dots"}
    assert {router["status"] for router in routers.values()} == {"enabled"}
    for kind in ("services", "middlewares"):
        for entry in dashboard(shared, f"/api/http/{kind}?per_page=100").json():
            assert entry["status"] == "enabled", entry


def test_the_dashboard_is_there_for_who_has_the_password_and_for_nobody_else(shared: Deployment) -> None:
    assert "traefik" in dashboard(shared, "/dashboard/").text.lower()
    for path in ("/dashboard/", "/api/rawdata", "/api/overview"):
        assert dashboard(shared, path, login=False).status_code == 401
    access = shared.outputs()["dashboard"]
    with shared.client(auth=(access["user"], "guess")) as client:
        assert client.get(access["url"]).status_code == 401


def test_an_unknown_host_or_path_leads_nowhere(shared: Deployment) -> None:
    port = shared.config["edge"]["port"]
    with shared.client() as client:
        for url in (
            f"http://unknown.localhost:{port}/",
            f"http://localhost:{port}/",
            f"http://localhost:{port}/studio-two",
        ):
            assert client.get(url).status_code == 404
        assert client.get(f"http://voice.localhost:{port}/api/rawdata").status_code == 404


def test_pages_are_compressed_and_audio_is_not(shared: Deployment) -> None:
    outputs = shared.outputs()
    with shared.client(headers={"Accept-Encoding": "gzip"}) as client:
        page = client.get(f"{outputs['pools']['studio']['url']}/")
        assert page.headers.get("content-encoding") == "gzip"
        speech = client.post(
            f"{outputs['pools']['voice']['url']}/v1/audio/speech", json={"model": "voice", "input": "Hello."}
        )
        assert speech.status_code == 200
        assert "content-encoding" not in speech.headers


def test_the_port_is_published_on_loopback_only(shared: Deployment) -> None:
    edge = shared.docker.containers.get(f"{shared.full_name}-edge")
    bindings = [binding for bound in edge.ports.values() for binding in bound or ()]
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}
