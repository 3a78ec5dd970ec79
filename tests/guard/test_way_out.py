"""What an engine may fetch, tried on the real Envoy: hosts on its list, at addresses of the world, and nothing else."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.config.fetching import NamedSource
from tests.guard.way_out import WITHIN, WORLD, WORLD_TOO, WayOut, a_way_out
from tests.waiting import wait_for

PRIVATE = "127.3.0.9"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WayOut]:
    with a_way_out(
        tmp_path_factory.mktemp("way-out"),
        "hub.test:{server}",
        "*.cdn.test:{server}",
        "usual.test",
    ) as proxy:
        proxy.names.addresses |= {
            "hub.test": [WORLD],
            "eu.aws.cdn.test": [WORLD_TOO],
            "cdn.test": [WORLD],
            "other.test": [WORLD],
            "usual.test": [WORLD],
            "inner.cdn.test": [WITHIN],
            "metadata.cdn.test": ["169.254.169.254"],
            "both.cdn.test": [WORLD, WITHIN],
        }
        yield proxy


def logged(proxy: WayOut, host: str) -> dict[str, Any]:
    """What the log says of the first request for a host that was refused."""
    wait_for(lambda: any(line["host"] == host for line in proxy.refused()))
    return next(line for line in proxy.refused() if line["host"] == host)


def test_a_host_on_the_list_is_reached_by_tunnel_and_by_plain_http(proxy: WayOut) -> None:
    assert proxy.tunnel(f"hub.test:{proxy.server}")["at"] == WORLD
    told = proxy.get(f"http://hub.test:{proxy.server}/models/a%2Fb?signed=x%20y")
    assert (told["at"], told["path"]) == (WORLD, "/models/a%2Fb?signed=x%20y"), "as it was signed"


def test_every_name_below_a_pattern_is_reached_and_not_the_pattern_s_own(proxy: WayOut) -> None:
    assert proxy.tunnel(f"eu.aws.cdn.test:{proxy.server}")["at"] == WORLD_TOO
    assert proxy.tunnel(f"cdn.test:{proxy.server}") == 403


def test_python_s_own_client_asks_for_a_tunnel_by_an_old_version(proxy: WayOut) -> None:
    tunnel = f"CONNECT hub.test:{proxy.server} HTTP/1.0\n\n"
    status, body = proxy.send(tunnel, then="GET /in-tunnel HTTP/1.1\nHost: inside\nConnection: close\n\n")
    assert (status, json.loads(body)["at"]) == (200, WORLD)
    for host in ("other.test", "inner.cdn.test", WITHIN):
        assert proxy.send(f"CONNECT {host}:{proxy.server} HTTP/1.0\n\n")[0] == 403
    assert proxy.send(f"GET http://other.test:{proxy.server}/ HTTP/1.0\n\n")[0] == 403


def test_clients_find_their_way_by_the_usual_variables(proxy: WayOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.layout.port}")
    with httpx.Client() as client:
        assert client.get(f"http://hub.test:{proxy.server}/").json()["at"] == WORLD
        assert client.get(f"http://other.test:{proxy.server}/").status_code == 403
    with urllib.request.build_opener().open(f"http://hub.test:{proxy.server}/") as answer:
        assert json.loads(answer.read())["at"] == WORLD


def test_the_server_learns_nothing_of_who_asks(proxy: WayOut) -> None:
    request = (
        f"GET http://hub.test:{proxy.server}/ HTTP/1.1\nHost: hub.test\nProxy-Authorization: Basic c2VjcmV0\n"
        "Proxy-Connection: keep-alive\nConnection: close\n\n"
    )
    _, body = proxy.send(request)
    assert b"c2VjcmV0" not in body
    headers = {name.lower() for name in json.loads(body)["headers"]}
    assert headers <= {"host", "connection"}, headers


@pytest.mark.parametrize(
    "host", ["other.test", "hub.test.evil.test", "evilhub.test", "cdn.test", "localhost", "nowhere.test"]
)
def test_another_host_is_refused_and_not_even_looked_up(proxy: WayOut, host: str) -> None:
    proxy.names.asked.clear()
    assert proxy.tunnel(f"{host}:{proxy.server}") == 403
    assert proxy.get(f"http://{host}:{proxy.server}/") == 403
    assert host not in proxy.names.asked, "a question can carry something out too"


def test_who_is_refused_is_told_why_and_the_log_says_whose_it_was(proxy: WayOut) -> None:
    status, body = proxy.send("CONNECT not-listed.test:443 HTTP/1.1\nHost: not-listed.test:443\n\n")
    assert status == 403
    assert b"pool cosy may not fetch from this host: it is not in its fetches_from" in body
    line = logged(proxy, "not-listed.test:443")
    assert (line["of"], line["method"], line["status"]) == ("pool cosy", "CONNECT", 403)


@pytest.mark.parametrize("port", [22, 25, 2375, 6379, 8080, 9901])
def test_no_port_but_the_usual_ones_or_the_one_that_is_written(proxy: WayOut, port: int) -> None:
    for host in ("usual.test", "hub.test", "eu.aws.cdn.test"):
        assert proxy.tunnel(f"{host}:{port}") == 403
        assert proxy.get(f"http://{host}:{port}/") == 403


def test_the_usual_ports_are_those_of_https_and_http(proxy: WayOut) -> None:
    # Nobody listens there: the proxy has tried.
    assert proxy.tunnel("usual.test:443") == 503
    assert proxy.get("http://usual.test/") == 503
    assert proxy.tunnel("hub.test:443") == 403, "another port is written"


@pytest.mark.parametrize(
    "address", [WITHIN, WORLD, "169.254.169.254", "10.0.0.1", "[::1]", "[fd00:ec2::254]", "0", "2130706433"]
)
def test_an_address_is_no_name(proxy: WayOut, address: str) -> None:
    assert proxy.tunnel(f"{address}:{proxy.server}") in (400, 403)
    assert proxy.get(f"http://{address}:{proxy.server}/") in (400, 403)


# ---- names that stand for what they should not


@pytest.mark.parametrize("name", ["inner.cdn.test", "metadata.cdn.test"])
def test_a_name_on_the_list_that_stands_for_an_address_within_is_refused(proxy: WayOut, name: str) -> None:
    assert proxy.tunnel(f"{name}:{proxy.server}") == 403
    assert proxy.get(f"http://{name}:{proxy.server}/") == 403
    line = logged(proxy, f"{name}:{proxy.server}")
    assert line["why"].startswith("rbac_access_denied")
    assert line["address"] == f"{proxy.names.addresses[name][0]}:{proxy.server}"


def test_of_two_addresses_the_one_within_is_never_taken(proxy: WayOut) -> None:
    found = [proxy.tunnel(f"both.cdn.test:{proxy.server}") for _ in range(20)]
    reached = {each if isinstance(each, int) else each["at"] for each in found}
    assert reached == {WORLD, 403}


@pytest.mark.parametrize("times", range(3))
def test_a_name_that_says_another_address_the_next_time_gains_nothing(proxy: WayOut, times: int) -> None:
    name = f"rebinding-{times}.cdn.test"
    proxy.names.addresses[name] = [WORLD]
    assert proxy.tunnel(f"{name}:{proxy.server}")["at"] == WORLD
    proxy.names.addresses[name] = [WITHIN]
    seen: set[Any] = set()

    def is_refused() -> bool:
        told = proxy.tunnel(f"{name}:{proxy.server}")
        seen.add(told if isinstance(told, int) else told["at"])
        return 403 in seen

    wait_for(is_refused)
    assert seen <= {WORLD, 403}


# ---- requests that can be read in two ways


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT hub.test:{server}:22",
        "CONNECT other.test:{server}@hub.test:{server}",
        "CONNECT hub.test:{server}@other.test:{server}",
        "CONNECT other.test:{server}#.cdn.test:{server}",
        "CONNECT other.test:{server}/.cdn.test:{server}",
        "CONNECT other.test%23.cdn.test:{server}",
        "CONNECT 127.0.0.1:{server}?.cdn.test:{server}",
        "CONNECT http://hub.test:{server}/",
        "CONNECT /",
        "CONNECT hub.test",
        "GET http://hub.test:{server}@other.test:{server}/",
        "GET http://other.test:{server}\\.cdn.test:{server}/",
        "GET http://127.0.0.1:{server}#.cdn.test:{server}/",
    ],
)
def test_a_target_with_two_meanings_is_refused(proxy: WayOut, request_line: str) -> None:
    line = request_line.replace("{server}", str(proxy.server))
    status, body = proxy.send(
        f"{line} HTTP/1.1\nHost: hub.test:{proxy.server}\nConnection: close\n\n",
        then="GET / HTTP/1.1\nHost: x\nConnection: close\n\n",
    )
    assert status in (400, 403, 404, 503), body


def test_the_target_counts_and_not_the_host_header(proxy: WayOut) -> None:
    asked = f"CONNECT other.test:{proxy.server} HTTP/1.1\nHost: hub.test:{proxy.server}\n\n"
    assert proxy.send(asked)[0] in (400, 403)
    asked = f"GET http://other.test:{proxy.server}/ HTTP/1.1\nHost: hub.test:{proxy.server}\nConnection: close\n\n"
    assert proxy.send(asked)[0] in (400, 403)


def test_what_comes_after_a_refusal_is_not_taken_for_a_tunnel_s(proxy: WayOut) -> None:
    with socket.create_connection(("127.0.0.1", proxy.layout.port), timeout=10) as connection:
        inner = f"GET http://other.test:{proxy.server}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(f"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n{inner}".encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert b'"at"' not in received
    assert b" 200 " not in received


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "connect-udp"])
def test_there_is_no_other_kind_of_tunnel(proxy: WayOut, upgrade: str) -> None:
    asked = (
        f"GET http://hub.test:{proxy.server}/ HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: {upgrade}\n"
        "Sec-WebSocket-Key: x\n\n"
    )
    assert proxy.send(asked)[0] != 101


# ---- servers whose address is named


def test_a_private_server_is_reached_where_its_address_is_named(tmp_path: Path) -> None:
    port = 0
    with a_way_out(tmp_path, "usual.test") as proxy:
        port = proxy.server
        proxy.names.addresses |= {"hub.internal": [WITHIN]}
        named = NamedSource.model_construct(host=f"hub.internal:{port}", address=PRIVATE)
        proxy.write(proxy.plan(named, f"{PRIVATE}:{port}"))
        wait_for(lambda: proxy.tunnel(f"hub.internal:{port}") != 403)
        assert proxy.tunnel(f"hub.internal:{port}")["at"] == PRIVATE, "whatever DNS says"
        assert proxy.get(f"http://hub.internal:{port}/")["at"] == PRIVATE
        assert proxy.get(f"http://{PRIVATE}:{port}/")["at"] == PRIVATE
        assert "hub.internal" not in proxy.names.asked
        assert proxy.tunnel(f"127.3.0.10:{port}") == 403
        assert proxy.tunnel("usual.test:443") == 403, "the list is another one, and nothing was restarted"
