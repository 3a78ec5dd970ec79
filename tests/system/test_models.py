"""Engines that fetch their models: the proxy that is their only way out, and the shared volume, on the real Docker."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread
from typing import Any

import docker
import pytest

from tests.system.deployment import Deployment
from tests.waiting import wait_for

FETCH = """
import json, os, socket, urllib.request
def fetched(url):
    try:
        return urllib.request.urlopen(url, timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__
def direct(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return "open"
    except OSError as error:
        return type(error).__name__
there = ("{host}", {port})
ways = [fetched("http://%s:%s/" % there), fetched("http://%s:%s/" % (there[0], 1)), fetched("http://169.254.169.254/")]
ways += [fetched("https://not-listed.example.com/"), direct(*there), direct("1.1.1.1", 443)]
print(json.dumps(ways))
"""
"""Tries, from inside an instance, what is on its list, what is not, and to go by itself."""


class Hub(BaseHTTPRequestHandler):
    """A server on a private address, as a mirror within would be."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a model")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[str, int]]:
    """Where it answers: at the address that this machine has on Docker's own bridge."""
    bridge = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0]
    server = ThreadingHTTPServer((str(ip_network(bridge["Subnet"])[1]), 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[0], server.server_port  # type: ignore[misc]
    server.shutdown()
    server.server_close()


def inspected(deployment: Deployment, name: str) -> dict[str, Any]:
    id_ = deployment.container_ids()[f"{deployment.full_name}-{name}"]
    found: dict[str, Any] = deployment.docker.api.inspect_container(id_)
    return found


def test_an_engine_reaches_what_it_fetches_from_and_nothing_else(single: Deployment, hub: tuple[str, int]) -> None:
    host, port = hub
    voice, routes = single.pool("voice"), {"pool": "fetching.{domain}"}
    fetching = {**voice, "name": "fetching", "instances": 2, "routes": routes, "models": "/models"}
    fetching["fetches_from"] = [f"{host}:{port}", "*.hf.co"]
    single.config["pools"].append(fetching)
    single.up()
    own, inside = f"{single.full_name}-fetching-way-out", f"{single.full_name}-network"

    (network,) = single.docker.networks.list(names=[own])
    assert network.attrs["Internal"] is True
    proxy = inspected(single, "fetching-way-out")
    assert set(proxy["NetworkSettings"]["Networks"]) == {own, f"{single.full_name}-internet"}
    for instance in ("fetching-1", "fetching-2"):
        assert set(inspected(single, instance)["NetworkSettings"]["Networks"]) == {inside, own}
    assert set(inspected(single, "voice-1")["NetworkSettings"]["Networks"]) == {inside}

    code, output = single.inside(
        "fetching-1", "python3", "-c", FETCH.replace("{host}", host).replace("{port}", str(port))
    )
    assert code == 0, output
    listed, other_port, metadata, not_listed, *by_itself = json.loads(output)
    assert listed == "a model"
    assert (other_port, metadata) == (403, 403)
    assert not_listed in (403, "URLError"), "urllib's word for a tunnel that is refused"
    assert "open" not in by_itself
    told = single.docker.containers.get(proxy["Id"])
    wait_for(lambda: b'"host":"not-listed.example.com:443"' in told.logs(), seconds=15)
    (line,) = [json.loads(line) for line in told.logs().splitlines() if b"not-listed" in line]
    assert (line["of"], line["status"]) == ("pool fetching", 403)

    code, output = single.inside("voice-1", "python3", "-c", f"import socket; socket.gethostbyname('{own}')")
    assert code != 0, "another pool does not even know of it"

    # Its instances share what they have fetched.
    mounts = [inspected(single, instance)["Mounts"] for instance in ("fetching-1", "fetching-2")]
    one, two = ({mount["Destination"]: mount["Name"] for mount in each} for each in mounts)
    assert one["/models"] == two["/models"] == f"{single.full_name}-fetching-models"
    assert one["/outputs"] != two["/outputs"]

    single.refresh(expect_no_changes=True)
    single.up(expect_no_changes=True)

    # Another host on the list replaces nothing but the file.
    before = single.lasting_ids()
    fetching["fetches_from"].append("example.com")
    single.up()
    assert single.lasting_ids() == before

    single.destroy()
    assert single.networks() == set()
    assert f"{single.full_name}-fetching-models" in single.volumes(), "gigabytes that would have to be fetched again"
