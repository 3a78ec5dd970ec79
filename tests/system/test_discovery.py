"""Containers of others at the edge: who asks is admitted, who does not is not, and nobody takes what is ours."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from docker.models.containers import Container

from bootstrap.pulumi import Engine
from pulumi_tts import command
from tests.loopback import free_port
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment

PORT = 8000
Guest = Callable[..., Container]
Routers = dict[str, dict[str, str]]
"""Each router's options by its name, as labels say them."""

NO_RULE: Routers = {}


def found_at(host: str) -> Routers:
    """One router, for one host name."""
    return {host.partition(".")[0]: {"rule": f"Host(`{host}`)"}}


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One instance that speaks, and an edge that looks for containers of others."""
    config = dev_like(free_port())
    # With the engine's own patient health check: what is tried here takes a machine's whole attention at times.
    pool = {key: value for key, value in config["pools"][0].items() if key != "health"}
    config["pools"] = [{**pool, "instances": 1}]
    config["edge"] |= {
        "discovery": {"enabled": True},
        "dashboard": {"port": free_port()},
        "headers": {"X-Edge": "ours"},
    }
    deployment = Deployment("admitting", config, tmp_path_factory.mktemp("admitting"), engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


@pytest.fixture
def guest(stack: Deployment) -> Iterator[Guest]:
    """Starts containers that this stack does not own: web servers with these labels, which say who they are."""
    image = stack.docker.containers.get(f"{stack.full_name}-voice-1").image
    assert image
    started: list[Container] = []

    def start(name: str, routers: Routers, *, admit: str | None = stack.full_name, **services: str) -> Container:
        labels = {"traefik.enable": "true"} | ({"pulumi-tts.admit": admit} if admit else {})
        labels |= {f"traefik.http.routers.{at}.{key}": value for at, of in routers.items() for key, value in of.items()}
        servers = services or {f"{name}.loadbalancer.server.port": str(PORT)}
        labels |= {f"traefik.http.services.{key.replace('__', '.')}": value for key, value in servers.items()}
        serve = f"mkdir /tmp/www; cd /tmp/www; echo {name} >index.html; exec python3 -m http.server {PORT}"
        container = stack.docker.containers.run(
            str(image.id),
            entrypoint=["sh", "-c", serve],
            name=name,
            labels=labels,
            network=stack.outputs()["discovery"]["network"],
            healthcheck={"test": ["NONE"]},
            detach=True,
        )
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove(force=True)
    # Who took every name is not taken for the next test's guest.
    answer_in_time(stack, "nobody.localhost", statuses=(404,))


def answer(stack: Deployment, host: str, path: str = "/") -> httpx.Response:
    """The edge's answer for a host name."""
    with stack.client() as client:
        return client.get(f"http://127.0.0.1:{stack.config['edge']['port']}{path}", headers={"Host": host})


def answer_in_time(stack: Deployment, host: str, path: str = "/", statuses: tuple[int, ...] = (200,)) -> httpx.Response:
    """The same, once it has one of these statuses, which takes Traefik and the container a moment."""
    until = time.monotonic() + 15
    while (got := answer(stack, host, path)).status_code not in statuses:
        assert time.monotonic() < until, got
        time.sleep(0.2)
    return got


def test_who_asks_is_admitted_and_leaves_again(stack: Deployment, guest: Guest) -> None:
    assert stack.outputs()["discovery"]["labels"] == {"traefik.enable": "true", "pulumi-tts.admit": stack.full_name}
    container = guest("guest", found_at("guest.localhost"))
    admitted = answer_in_time(stack, "guest.localhost")
    assert admitted.text == "guest\n"
    assert admitted.headers["x-edge"] == "ours"
    container.stop(timeout=0)
    answer_in_time(stack, "guest.localhost", statuses=(404,))


def test_without_a_rule_a_container_has_its_own_name(stack: Deployment, guest: Guest) -> None:
    guest("by-name", NO_RULE)
    assert answer_in_time(stack, "by-name.localhost").text == "by-name\n"


def test_who_does_not_ask_is_not_admitted(stack: Deployment, guest: Guest) -> None:
    guest("stranger", found_at("stranger.localhost"), admit=None)
    guest("of-others", found_at("others.localhost"), admit="tts-others")
    guest("last", found_at("last.localhost"))
    assert answer_in_time(stack, "last.localhost"), "what was started before has been seen"
    for host in ("stranger.localhost", "others.localhost", "of-others.localhost"):
        assert answer(stack, host).status_code == 404


def test_nobody_takes_a_name_of_ours(stack: Deployment, guest: Guest) -> None:
    greedy = {"priority": "2147483647", "service": "voice"}
    routers = {
        "all": {"rule": "PathPrefix(`/`)", **greedy},
        # By the names that our own route and service have, too.
        "edge_discovery": {"rule": "Host(`voice.localhost`)", **greedy},
    }
    guest("thief", routers, voice__loadbalancer__server__port=str(PORT))
    assert answer_in_time(stack, "anything.localhost").text == "thief\n"
    for host in ("voice.localhost", "VOICE.localhost", "voice.localhost.", "voice1.localhost", "voice.localhost:1234"):
        assert answer(stack, host, "/health").status_code == 200, host
        assert "thief" not in answer(stack, host).text, host
    assert "thief" not in answer(stack, "localhost", "/speech/health").text
    assert answer(stack, "dashboard.localhost").status_code == 404, "its name is its own, though it has another port"
    with stack.client() as client:
        port = stack.config["edge"]["dashboard"]["port"]
        assert client.get(f"http://dashboard.localhost:{port}/dashboard/").status_code == 401


REACHED = {
    "api": {"service": "api@internal"},
    "dash": {"service": "dashboard@internal"},
    "rest": {"service": "rest@internal"},
    "metrics": {"service": "prometheus@internal"},
    "pool": {"service": "voice@file"},
    "login": {"service": "reach", "middlewares": "dashboard-login@file"},
}
"""Each of these the edge's own Traefik would take, as far as it has it."""


def test_labels_reach_nothing_of_ours(stack: Deployment, guest: Guest) -> None:
    routers = {name: {"rule": f"Host(`{name}.localhost`)", **router} for name, router in REACHED.items()}
    fine = {"fine": {"rule": "Host(`fine.localhost`)", "service": "reach"}}
    guest("reacher", routers | fine, reach__loadbalancer__server__port=str(PORT))
    assert answer_in_time(stack, "fine.localhost")
    for name in REACHED:
        for path in ("/", "/api/rawdata", "/dashboard/", "/health", "/metrics"):
            assert answer(stack, f"{name}.localhost", path).status_code == 404, (name, path)


SERVERS = {
    "engine": ("http://tts-admitting-voice-1:8000", "/health"),
    "ping": ("http://tts-admitting-edge:8082", "/ping"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_label_leads_to_no_server_of_ours(stack: Deployment, guest: Guest, server: str) -> None:
    url, path = SERVERS[server]
    guest(f"leads-to-{server}", found_at(f"{server}.localhost"), led__loadbalancer__server__url=url)
    assert answer_in_time(stack, f"{server}.localhost", path, statuses=(502, 504))


def test_a_label_that_leads_to_dockers_proxy_gets_no_answer_of_dockers(stack: Deployment, guest: Guest) -> None:
    """Traefik shares a network with it, and asks it for whom a label sends there."""
    url = "http://tts-admitting-edge-discovery-socket-proxy:2375"
    guest("leads-to-docker", found_at("docker.localhost"), led__loadbalancer__server__url=url)
    refused = answer_in_time(stack, "docker.localhost", "/containers/json", statuses=(200, 401))
    assert refused.json() == {"message": "This wants its token."}, "by Docker itself"
    for path in ("/_ping", "/version", "/v1.41/events", "/"):
        assert answer(stack, "docker.localhost", path).status_code == 401, path


def test_a_label_that_leads_back_to_the_edge_leads_nowhere(stack: Deployment, guest: Guest) -> None:
    """Neither round and round, nor to our own routes by another way."""
    routers = {
        "round": {"rule": "Host(`round.localhost`)", "service": "back"},
        "fine": {"rule": "Host(`fine.localhost`)", "service": "here"},
    }
    servers = {"back__loadbalancer__server__url": "http://tts-admitting-edge:8080"}
    guest("roundabout", routers, here__loadbalancer__server__port=str(PORT), **servers)
    assert answer_in_time(stack, "fine.localhost")
    assert answer(stack, "round.localhost").status_code == 404


def test_who_is_admitted_reaches_neither_docker_nor_an_engine(stack: Deployment, guest: Guest) -> None:
    container = guest("prisoner", NO_RULE)
    assert answer_in_time(stack, "prisoner.localhost")
    targets: dict[tuple[str, int], str] = {}
    for name, part in (("voice-1", 8000), ("edge-discovery-socket-proxy", 2375), ("edge", 8080)):
        networks = stack.docker.containers.get(f"{stack.full_name}-{name}").attrs["NetworkSettings"]["Networks"]
        targets |= {(network["IPAddress"], part): name for network in networks.values()}
    for (address, port), name in targets.items():
        attempt = f"import socket; socket.create_connection(('{address}', {port}), timeout=1)"
        code, output = container.exec_run(["python3", "-c", attempt])
        assert code != 0, f"{name} at {address}"
        assert any(why in output for why in (b"TimeoutError", b"unreachable", b"No route to host")), output
    networks = stack.docker.containers.get(f"{stack.full_name}-edge-discovery-socket-proxy").attrs["NetworkSettings"]
    (network,) = networks["Networks"]
    on_it = stack.docker.networks.get(network).containers
    assert {container.name for container in on_it} == {
        f"{stack.full_name}-edge-discovery",
        f"{stack.full_name}-edge-discovery-socket-proxy",
    }


def test_what_is_made_for_it_is_confined_and_stays_as_it_is(stack: Deployment) -> None:
    for name in ("edge-discovery", "edge-discovery-socket-proxy"):
        inspected = stack.docker.api.inspect_container(f"{stack.full_name}-{name}")
        host, config = inspected["HostConfig"], inspected["Config"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["ReadonlyRootfs"]
        assert host["Memory"] > 0
        assert not host["PortBindings"]
        mounted = [mount["Source"] for mount in inspected["Mounts"] if mount["Type"] == "bind"]
        assert mounted == (["/var/run/docker.sock"] if name.endswith("socket-proxy") else [])
        assert name.endswith("socket-proxy") or config["User"] == "65532:65532"
    before = stack.container_ids()
    stack.up(expect_no_changes=True)
    stack.refresh(expect_no_changes=True)
    assert stack.container_ids() == before


def test_the_label_check_says_what_is_wrong_here(
    stack: Deployment, guest: Guest, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(Path(stack.stack.workspace.work_dir) / f"Pulumi.{stack.name}.yaml")
    guest("right", found_at("right.localhost"))
    assert command.main(["labels", "--stack", file]) == 0
    assert capsys.readouterr().out == "right: ok\n"
    guest("wrong", {"wrong": {"rul": "Host(`wrong.localhost`)"}})
    guest("thief", found_at("voice.localhost"))
    assert command.main(["labels", "--stack", file]) == 1
    said = capsys.readouterr().out
    assert "right: ok" in said
    assert "Did you mean rule?" in said
    assert "asks for voice.localhost, which is a name of the stack's own" in said
    assert command.main(["labels", "--stack", file, "right"]) == 0
    assert command.main(["labels", "--stack", file, "nobody"]) == 1
    assert "'nobody' is not there" in capsys.readouterr().err
