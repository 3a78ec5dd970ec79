"""A config with everything in it, many times over, loaded by the real Traefik."""

import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

from pulumi_tts.config import load_stack
from pulumi_tts.plan import plan_stack
from pulumi_tts.render import traefik
from pulumi_tts.render.traefik_auth import guard_file, login_file
from tests.loopback import free_port
from tests.system.deployment import Deployment

API_PORT = 8088


def everything() -> dict[str, Any]:
    """Every kind of pool with every way in: with and without headers, prefixes kept and stripped."""
    pools = []
    for number, (engine, instances, strip, headers) in enumerate(
        product(("voice", "studio"), (1, 5), (True, False), ({}, {"X-Model-Version": "v3", "X-Empty": ""}))
    ):
        host_ways = {"pool": f"p{number}.{{domain}}", "instance": f"p{number}-{{n}}.{{domain}}"}
        ways = {"path": f"/p/{number}.x", "strip": strip, **(host_ways if engine == "voice" or not strip else {})}
        pools.append(
            {"name": f"p{number}", "engine": engine, "instances": instances, "headers": headers, "routes": ways}
        )
    logins = ("open", "basic", "api_keys", "jwt")
    pools = [{**pool, "auth": logins[number % len(logins)]} for number, pool in enumerate(pools)]
    jwt = {"issuer": "https://a.example.com/", "audiences": ["a"], "jwks": {"url": "https://a.example.com/keys"}}
    auth = {"users": [{"name": "anna"}], "api_keys": [{"name": "app"}], "jwt": jwt}
    limits = {"rate": {"average": 5, "period": "1m"}, "concurrent": 2}
    return {"pools": pools, "edge": {"headers": {"X-Quoted": 'it\'s "quoted": #yes'}, "auth": auth, "limits": limits}}


@pytest.fixture
def loaded(shared: Deployment, tmp_path: Any) -> Iterator[tuple[int, set[str]]]:
    """A Traefik that was given every route: the port of its API, and the names of the routes."""
    plan = plan_stack(load_stack(everything()), "tts-rendered", local_images=True)
    rendered = traefik.routes_file(plan.routes, plan.edge)
    (tmp_path / "routes.yml").write_text(rendered)
    (tmp_path / "front.yml").write_text(traefik.front_file(plan.edge))
    (tmp_path / "guard.yml").write_text(guard_file("what edge and guard share"))
    (tmp_path / "login.yml").write_text(login_file(plan.routes, plan.edge.auth, {"anna": "$2a$10$hash"}))
    tmp_path.chmod(0o755)
    port = free_port()
    container = run_traefik(shared.docker, str(tmp_path), port, traefik.static_arguments(plan.edge, "/files"))
    try:
        front = yaml.safe_load(traefik.front_file(plan.edge))["http"]["routers"]
        yield port, {*front, *(route.name for route in plan.routes)}
    finally:
        container.remove(force=True)


def run_traefik(host: docker.DockerClient, folder: str, port: int, arguments: tuple[str, ...]) -> Container:
    """The edge's image with its own arguments, and its API open on loopback for the test to ask."""
    edge = host.containers.get("tts-systest-edge")
    assert edge.image is not None
    ask = [f"--entryPoints.traefik.address=:{API_PORT}", "--api.insecure=true"]
    return host.containers.run(
        str(edge.image.id),
        [argument for argument in arguments if "api.insecure" not in argument] + ask,
        detach=True,
        ports={f"{API_PORT}/tcp": ("127.0.0.1", port)},
        volumes={folder: {"bind": "/files", "mode": "ro"}},
    )


def ask(port: int, kind: str) -> list[dict[str, Any]]:
    """All routers, services or middlewares that Traefik took from the file."""
    url = f"http://127.0.0.1:{port}/api/http/{kind}?per_page=1000"
    answer: list[dict[str, Any]] = httpx.get(url).raise_for_status().json()
    return [entry for entry in answer if entry["provider"] == "file"]


def test_traefik_takes_every_route_service_and_middleware(loaded: tuple[int, set[str]]) -> None:
    port, names = loaded
    deadline = time.monotonic() + 20
    while True:
        try:
            if routers := ask(port, "routers"):
                break
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "Traefik took nothing"
        time.sleep(0.2)
    assert {router["name"].removesuffix("@file") for router in routers} == names
    for entry in [*routers, *ask(port, "services"), *ask(port, "middlewares")]:
        assert entry["status"] == "enabled", entry
        assert "error" not in entry, entry
