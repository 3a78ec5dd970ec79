"""Envoy as a process of a test's own: the binary that our image is built from."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bootstrap.paths import CHECKOUT
from pulumi_tts.plan.socket_proxy import PORT, SocketProxyPlan
from pulumi_tts.render import socket_proxy
from tests.loopback import free_port

BINARY = CHECKOUT / "images" / "envoy" / "collected" / "envoy"
_PATIENCE = 20.0


@contextmanager
def socket_proxy_process(plan: SocketProxyPlan, folder: Path, token: str | None = None) -> Iterator[int]:
    """The port of a proxy before the plan's socket of this machine, configured as its container is."""
    folder.mkdir()
    replace_routes(plan, folder, token)
    ports = {PORT: free_port(), socket_proxy.HEALTH_PORT: free_port()}
    bootstrap = json.loads(socket_proxy.bootstrap(plan, str(folder)))
    for listener in bootstrap["static_resources"]["listeners"]:
        address = listener["address"]["socket_address"]
        address |= {"address": "127.0.0.1", "port_value": ports[address["port_value"]]}
    (docker,) = bootstrap["static_resources"]["clusters"]
    docker["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["pipe"]["path"] = plan.socket
    command = [str(BINARY), "--config-yaml", json.dumps(bootstrap), "--concurrency", "1", "--use-dynamic-base-id"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, "--log-level", "warn"], stdout=log, stderr=log)
    try:
        _wait(process, ports[socket_proxy.HEALTH_PORT], folder / "log")
        yield ports[PORT]
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def replace_routes(plan: SocketProxyPlan, folder: Path, token: str | None = None) -> None:
    """Moves a new list of what may be asked into place, as the courier does."""
    (folder / "incoming").write_text(socket_proxy.routes_file(plan, token))
    (folder / "incoming").rename(folder / socket_proxy.ROUTES)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/_ping").text == "OK":
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"Envoy did not start:\n{log.read_text()[-3000:]}")
