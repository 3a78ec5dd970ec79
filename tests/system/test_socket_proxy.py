"""What a program of ours may ask of Docker, tried on the real Envoy and the real Docker; everything else is refused."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from pulumi_tts.config import versions
from pulumi_tts.plan.socket_proxy import SOCKET, discovery_proxy, keeper_proxy
from tests.system.envoy import replace_routes, socket_proxy_process

STACK = "tts-proxied"
TOKEN = "a token of 32 characters, or more"
POOLS = (f"{STACK}-voice", f"{STACK}-studio")
INSTANCE = {"pulumi-tts.stack": STACK, "pulumi-tts.part": "instance"}
OURS, OURS_TOO = f"{STACK}-voice-1", f"{STACK}-studio-1"
ADMITTED = {"traefik.enable": "true", "pulumi-tts.admit": STACK}
LABELS: dict[str, dict[str, str]] = {
    OURS: INSTANCE,
    OURS_TOO: INSTANCE,
    f"{STACK}-edge": {"pulumi-tts.stack": STACK, "pulumi-tts.part": "edge"},
    "tts-proxied-elsewhere-voice-1": {"pulumi-tts.stack": "tts-proxied-elsewhere", "pulumi-tts.part": "instance"},
    "proxied-guest": ADMITTED,
    "proxied-guest-of-others": {**ADMITTED, "pulumi-tts.admit": "tts-elsewhere"},
    "proxied-stranger": {"traefik.enable": "true"},
}
OTHERS = sorted(set(LABELS) - {OURS, OURS_TOO})


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def by_docker(self) -> bool:
        """Docker puts this header on every answer, its errors included; Envoy on none of its own."""
        return "api-version" in self.headers


def ask(port: int, method: str, path: str, *, token: str | None = TOKEN, **headers: str) -> Answer:
    """One request, its path sent as it is written here; no client library takes it for something else."""
    lines = [f"{method} {path} HTTP/1.1", "Host: docker", "Connection: close"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        response = HTTPResponse(connection, method=method)
        response.begin()
        body = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def sent_back(port: int, request: bytes) -> bytes:
    """Everything that comes back for these bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    return received


@pytest.fixture(scope="module")
def containers() -> Iterator[dict[str, Container]]:
    """Instances of ours, of others, guests and strangers, on this machine's Docker."""
    host = docker.from_env()
    made: dict[str, Container] = {}
    try:
        for name, labels in LABELS.items():
            made[name] = host.containers.run(
                versions.images().local_base, ["sleep", "3600"], name=name, labels=labels, detach=True, init=True
            )
        yield made
    finally:
        for container in made.values():
            container.remove(force=True)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a keeper's proxy."""
    plan = keeper_proxy(STACK, POOLS, f"unix://{SOCKET}")
    with socket_proxy_process(plan, tmp_path_factory.mktemp("keeper") / "files", TOKEN) as port:
        yield port


@pytest.fixture(scope="module")
def discovery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a discovery's proxy; its credentials are tried through the edge."""
    plan = discovery_proxy(STACK, f"{STACK}-edge-discovery", f"unix://{SOCKET}")
    with socket_proxy_process(plan, tmp_path_factory.mktemp("discovery") / "files") as port:
        yield port


def names(answer: Answer) -> set[str]:
    assert answer.status == 200, answer
    return {container["Names"][0].lstrip("/") for container in json.loads(answer.body)}


# ---- the keeper's


@pytest.mark.parametrize("version", ["", "/v1.24", "/v1.41"])
def test_the_keeper_sees_its_instances_and_restarts_them(
    keeper: int, containers: dict[str, Container], version: str
) -> None:
    assert ask(keeper, "GET", f"{version}/_ping").body == b"OK"
    assert ask(keeper, "HEAD", f"{version}/_ping").status == 200
    assert json.loads(ask(keeper, "GET", f"{version}/version").body)["ApiVersion"]
    assert names(ask(keeper, "GET", f"{version}/containers/json")) == {OURS, OURS_TOO}
    seen = json.loads(ask(keeper, "GET", f"{version}/containers/{OURS}/json").body)
    assert seen["Id"] == containers[OURS].id
    assert ask(keeper, "POST", f"{version}/containers/{OURS}/restart?t=0").status == 204
    containers[OURS].reload()
    assert containers[OURS].attrs["State"]["StartedAt"] > seen["State"]["StartedAt"]


def test_a_client_library_works_through_it(discovery: int, containers: dict[str, Container]) -> None:
    client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{discovery}", version="auto")
    listed = client.api.containers(all=True, filters={"label": ["whatever=it asks for"]})
    assert [container["Id"] for container in listed] == [containers["proxied-guest"].id]
    assert client.containers.get(str(containers["proxied-guest"].id)).name == "proxied-guest"


ALLOWED = f"/containers/{OURS}"
REFUSED = [
    *(
        ("GET", path)
        for path in ("/", "/info", "/images/json", "/networks", "/volumes", "/system/df", "/events", "/swarm")
    ),
    *(("GET", f"/containers/{OURS}/{what}") for what in ("logs?stdout=1", "top", "stats", "changes", "export", "")),
    *(("GET", f"/containers/{OURS}/{what}") for what in ("archive?path=/etc/passwd", "attach/ws?stream=1", "json/")),
    *(("GET", f"/containers/{other}/json") for other in OTHERS),
    *(("POST", f"/containers/{other}/restart") for other in OTHERS),
    *(
        ("POST", f"{ALLOWED}/{what}")
        for what in ("stop", "kill", "start", "pause", "update", "exec", "attach?stream=1")
    ),
    *(("POST", f"{ALLOWED}/{what}") for what in ("rename?name=x", "wait", "resize?h=1&w=1", "copy")),
    *(("POST", path) for path in ("/containers/create", "/containers/prune", "/build", "/images/create?fromImage=x")),
    *(("POST", path) for path in ("/auth", "/session", "/grpc", "/exec/x/start", "/networks/create", "/swarm/init")),
    *(("POST", path) for path in ("/commit?container=x", "/plugins/pull", "/volumes/create", "/system/prune")),
    *((method, ALLOWED) for method in ("DELETE", "PUT", "PATCH", "GET")),
    *((method, f"{ALLOWED}/json") for method in ("POST", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "PATCH", "get")),
    *((method, f"{ALLOWED}/restart") for method in ("GET", "PUT", "HEAD", "post")),
    ("PUT", f"{ALLOWED}/archive?path=/"),
    ("POST", "/containers/json"),
    # Ways round the pattern.
    *(("GET", f"{before}/containers/{OURS}/json") for before in ("/", "/.", "/x/..", "/v1", "/v1.41/v1.41", "/V1.41")),
    *(
        ("GET", f"{before}/containers/{OURS}/json")
        for before in ("/v1.411", "/v1.4x", "/v2.41", "/%761.41", "\\", "/v1.41/")
    ),
    *(
        ("GET", f"/containers/{OURS}{after}")
        for after in ("/json/..", "/../x/json", "//json", "/./json", "/JSON", "/json;x")
    ),
    *(
        ("GET", f"/containers/{OURS}{after}")
        for after in ("%2fjson", "%2Fjson", "/json%00", "/json%20", "/json?size=1", "/json?")
    ),
    *(
        ("POST", f"{ALLOWED}/restart{after}")
        for after in ("?t=0&t=1", "?t=", "?t=-1", "?t=1&signal=KILL", "?%74=1", "/../kill")
    ),
    ("GET", f"/Containers/{OURS}/json"),
    ("GET", f"/containers/{OURS.upper()}/json"),
    ("GET", f"/containers/{OURS}%2f..%2f{STACK}-edge/json"),
    ("GET", f"/containers/{OURS}/../{STACK}-edge/json"),
    ("GET", f"/containers/{STACK}-voice-01/json"),
    ("GET", f"/containers/{STACK}-voice-/json"),
    ("GET", f"/containers/{STACK}-voice-1a/json"),
    ("GET", f"/containers/x{OURS}/json"),
    ("GET", f"/containers/{STACK}.voice-1/json"),
    ("GET", "http://docker/images/json"),
    ("GET", "*"),
    # Ways round the filter.
    *(
        ("GET", f"/containers/json?{query}")
        for query in ("%66ilters={}", "Filters={}", "filters[]={}", "filters={}&filters={}")
    ),
    *(
        ("GET", f"/containers/json?{query}")
        for query in ("all=1;filters={}", "all=1&&filters={}", "x=1", "filters={};x", "all=1?")
    ),
    *(
        ("GET", f"/containers/json?{query}")
        for query in ("&filters={}", "filters={}&x", "all=%31", "all", "", "filters")
    ),
]


@pytest.mark.parametrize(("method", "path"), REFUSED, ids=[f"{method} {path}" for method, path in REFUSED])
def test_the_keeper_is_refused_everything_else(
    keeper: int, containers: dict[str, Container], method: str, path: str
) -> None:
    answer = ask(keeper, method, path)
    assert not answer.by_docker, f"Docker has seen it, and said: {answer}"
    assert answer.status in (400, 403), answer


def test_an_instance_is_known_by_its_name_and_not_by_its_id(keeper: int, containers: dict[str, Container]) -> None:
    for container in containers.values():
        for id_ in (str(container.id), str(container.id)[:12], str(container.id)[:3]):
            assert not ask(keeper, "GET", f"/containers/{id_}/json").by_docker
            assert not ask(keeper, "POST", f"/containers/{id_}/restart").by_docker


@pytest.mark.parametrize("filters", ["{}", '{"label":[]}', '{"name":["stranger"]}', "%7B%7D", "%", "", "a+b", "{}{}"])
def test_the_filter_is_put_in_place_of_the_clients(
    keeper: int, discovery: int, containers: dict[str, Container], filters: str
) -> None:
    for query in (f"filters={filters}", f"all=1&filters={filters}", f"filters={filters}&limit=-1&size=0"):
        assert names(ask(keeper, "GET", f"/containers/json?{query}")) == {OURS, OURS_TOO}
        assert names(ask(discovery, "GET", f"/containers/json?{query}")) == {"proxied-guest"}


@pytest.mark.parametrize("token", [None, "", "guess", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()])
def test_without_the_token_nothing_is_said(keeper: int, token: str | None) -> None:
    for method, path in (
        ("GET", "/_ping"),
        ("GET", "/version"),
        ("GET", "/containers/json"),
        ("POST", f"{ALLOWED}/restart"),
    ):
        answer = ask(keeper, method, path, token=token)
        assert (answer.status, answer.by_docker) == (401, False)
    assert ask(keeper, "GET", "/_ping", token=None, Authorization=f"Basic {TOKEN}").status == 401
    twice = {"Authorization": f"Bearer {TOKEN}", "authorization": "Bearer guess"}
    assert ask(keeper, "GET", "/_ping", token=None, **twice).status == 401


def test_the_token_does_not_reach_docker(tmp_path: Path) -> None:
    """Told by a Docker that says what it heard."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "docker.sock"))
    listener.listen()
    heard: list[bytes] = []

    def answer() -> None:
        while True:
            connection, _ = listener.accept()
            heard.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
            connection.close()

    threading.Thread(target=answer, daemon=True).start()
    plan = keeper_proxy(STACK, POOLS, f"unix://{tmp_path}/docker.sock")
    with socket_proxy_process(plan, tmp_path / "files", TOKEN) as port:
        heard.clear()  # of the health check
        assert ask(port, "GET", "/_ping").body == b"OK"
        assert ask(port, "GET", "/containers/json?filters={}").body == b"OK"
    assert len(heard) == 2
    assert TOKEN.encode() not in b"".join(heard)


UPGRADES = [
    {"Connection": "Upgrade", "Upgrade": "tcp"},
    {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "eA=="},
    {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAMAAABkAAQAAP__"},
]


@pytest.mark.parametrize("headers", UPGRADES)
def test_no_connection_is_turned_into_another_one(keeper: int, headers: dict[str, str]) -> None:
    for method, path in (
        ("GET", "/containers/json"),
        ("POST", f"{ALLOWED}/attach"),
        ("POST", "/grpc"),
        ("GET", "/version"),
    ):
        answer = ask(keeper, method, path, **headers)
        # An upgrade to HTTP/2 is passed over, as a server may: the answer is then the plain one.
        assert answer.status in (400, 403) or (answer.status == 200 and headers["Upgrade"] == "h2c")
        assert "upgrade" not in answer.headers


def test_nothing_is_tunnelled(keeper: int) -> None:
    answer = ask(keeper, "CONNECT", "docker:2375")
    assert (answer.status, answer.by_docker) == (404, False)


def test_http_2_is_not_spoken(keeper: int) -> None:
    assert sent_back(keeper, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0").startswith(b"HTTP/1.1 400 ")


def request(*lines: str, body: bytes = b"") -> bytes:
    head = [*lines, "Host: docker", f"Authorization: Bearer {TOKEN}", "Connection: close", "", ""]
    return "\r\n".join(head).encode() + body


HIDDEN = f"POST /containers/{STACK}-edge/kill HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n".encode()
BODIES = [
    request(f"POST {ALLOWED}/restart HTTP/1.1", "Content-Length: 1", body=b"{"),
    request(f"POST {ALLOWED}/restart HTTP/1.1", "Content-Length: 1000000000", body=b"{"),
    request(f"POST {ALLOWED}/restart HTTP/1.1", "Transfer-Encoding: chunked", body=b'5\r\n{"a":\r\n0\r\n\r\n'),
    request("GET /containers/json HTTP/1.1", f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
    request("GET /version HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    request("GET /version HTTP/1.1", "Content-Length: 0", "Content-Length: 5", body=HIDDEN),
    request("GET /version HTTP/1.1", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN),
    request("GET /version HTTP/1.1", "Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    request("GET /version HTTP/1.1", "Transfer_Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    request("GET /version HTTP/1.1", "X: " + "x" * 70_000),
    request("POST /containers/create HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\nPOST /containers/create HTTP/1.1"),
]


@pytest.mark.parametrize("raw", BODIES, ids=range(len(BODIES)))
def test_no_body_and_no_second_request_is_smuggled(keeper: int, containers: dict[str, Container], raw: bytes) -> None:
    back = sent_back(keeper, raw)
    assert b"api-version" not in back.lower(), f"Docker has seen it: {back!r}"
    statuses = {int(line.split()[1]) for line in back.splitlines() if line.startswith(b"HTTP/1.1 ")}
    assert statuses <= {400, 401, 403, 413, 431, 501}, back
    edge = containers[f"{STACK}-edge"]
    edge.reload()
    assert edge.status == "running"


def test_another_pool_is_let_in_without_a_restart(tmp_path: Path, containers: dict[str, Container]) -> None:
    narrow = keeper_proxy(STACK, POOLS[:1], f"unix://{SOCKET}")
    with (
        socket_proxy_process(narrow, tmp_path / "files") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert client.get(f"/containers/{OURS_TOO}/json").status_code == 403
        replace_routes(keeper_proxy(STACK, POOLS, f"unix://{SOCKET}"), tmp_path / "files")
        until = time.monotonic() + 5
        while client.get(f"/containers/{OURS_TOO}/json").status_code == 403:  # on the same connection
            assert time.monotonic() < until, "the new list was not taken up"
            time.sleep(0.05)
        assert client.get(f"/containers/{OURS_TOO}/json").json()["Id"] == containers[OURS_TOO].id


# ---- discovery's


def test_discovery_sees_who_asks_to_be_admitted_to_this_stack(discovery: int, containers: dict[str, Container]) -> None:
    assert names(ask(discovery, "GET", "/v1.41/containers/json?all=1")) == {"proxied-guest"}
    guest = str(containers["proxied-guest"].id)
    assert json.loads(ask(discovery, "GET", f"/v1.41/containers/{guest}/json").body)["Name"] == "/proxied-guest"


DISCOVERY_REFUSED = [
    *(("GET", f"/containers/{name}/json") for name in LABELS),
    *(("GET", path) for path in ("/info", "/images/json", "/networks", "/volumes", "/tasks", "/services", "/nodes")),
    *(("GET", f"/containers/json?{query}") for query in ("%66ilters={}", "filters={}&filters={}", "x=1")),
    *(("GET", f"/events?{query}") for query in ("%66ilters={}", "filters={}&filters={}", "x=1")),
    *(("GET", path) for path in ("/containers/" + "a" * 63 + "/json", "/containers/" + "A" * 64 + "/json")),
    *(
        ("GET", f"/containers/{'a' * 64}/{what}")
        for what in ("logs?stdout=1", "top", "stats", "archive?path=/", "export")
    ),
    *(("POST", f"/containers/{'a' * 64}/{what}") for what in ("restart", "kill", "start", "exec", "json", "attach")),
    *(("POST", path) for path in ("/containers/create", "/events", "/build", "/version")),
    ("DELETE", f"/containers/{'a' * 64}"),
    ("HEAD", "/events"),
]


@pytest.mark.parametrize(
    ("method", "path"), DISCOVERY_REFUSED, ids=[f"{method} {path}" for method, path in DISCOVERY_REFUSED]
)
def test_discovery_is_refused_everything_else(discovery: int, method: str, path: str) -> None:
    answer = ask(discovery, method, path)
    assert not answer.by_docker, f"Docker has seen it, and said: {answer}"
    assert answer.status in (400, 403), answer


def test_discovery_cannot_learn_the_id_of_anybody_else(discovery: int, containers: dict[str, Container]) -> None:
    """An id is the one thing by which it may inspect: so it must not hear any but its guests'."""
    guest = containers["proxied-guest"]
    heard = ask(discovery, "GET", "/containers/json?all=1&filters={}").body
    heard += ask(discovery, "GET", f"/containers/{guest.id}/json").body
    since = int(time.time())
    for container in containers.values():
        container.restart(timeout=0)
    until = int(time.time()) + 1
    for filters in ("{}", '{"type":["image","network","container"]}', '{"event":["start"]}'):
        heard += ask(discovery, "GET", f"/events?since={since}&until={until}&filters={filters}").body
    assert str(guest.id).encode() in heard
    assert heard.count(b'"Action":"start"') == 3, "each question heard of one start, the guest's"
    for name, container in containers.items():
        assert name == "proxied-guest" or str(container.id).encode() not in heard


def test_the_stream_of_events_goes_on(discovery: int, containers: dict[str, Container]) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{discovery}/v1.41/events", timeout=20) as events:
        seen: Iterator[Any] = (json.loads(line) for line in events.iter_lines() if line)
        containers["proxied-stranger"].restart(timeout=0)
        containers["proxied-guest"].restart(timeout=0)
        assert next(seen)["Actor"]["Attributes"]["name"] == "proxied-guest"
