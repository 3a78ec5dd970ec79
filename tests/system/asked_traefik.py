"""What Traefik makes of labels: the real one, asked about containers of a Docker that is made up."""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from bootstrap.paths import CHECKOUT
from tests.loopback import free_port

BINARY = CHECKOUT / "images" / "traefik" / "collected" / "traefik"
NETWORK = "tts-asked-admitted"
_PATIENCE = 300.0
_LAST = "last-of-all"


@dataclass(frozen=True)
class Made:
    """A container of the made-up Docker."""

    name: str
    labels: Mapping[str, str]
    ports: Sequence[str] = ("80/tcp",)
    networks: Sequence[str] = (NETWORK,)
    mode: str = "default"

    def inspected(self, number: int) -> dict[str, Any]:
        """As Docker's API tells of it."""
        address = {"IPAddress": "127.0.0.9", "NetworkID": "n" * 64, "Gateway": "", "MacAddress": ""}
        return {
            "Id": id_of(number),
            "Name": f"/{self.name}",
            "State": {"Status": "running", "Running": True},
            "Config": {"Labels": dict(self.labels), "ExposedPorts": {port: {} for port in self.ports}},
            "HostConfig": {"NetworkMode": self.mode},
            "NetworkSettings": {
                "Ports": dict.fromkeys(self.ports),
                "Networks": dict.fromkeys(self.networks, address),
            },
        }


def id_of(number: int) -> str:
    return f"{number:064x}"


@dataclass(frozen=True)
class Opinion:
    """What Traefik said of some containers, and what it made of all of them."""

    errors: dict[str, list[str]] = field(default_factory=dict)
    """By the name of the container, or of the router; one that it said nothing of is not there."""
    taken: dict[str, Any] = field(default_factory=dict)
    """Its routers, services and middlewares, as its API has them."""


def opinion(containers: Sequence[Made], *arguments: str) -> Opinion:
    """Starts Traefik on a Docker that has these containers, and waits until it has looked at them all."""
    # The last container is taken with the rest, all at once. Its rule is wrong, which is found out when the routers
    # are built: when that is said, all has been said.
    last = Made(_LAST, {"traefik.enable": "true", f"traefik.http.routers.{_LAST}.rule": "Wrong(`on purpose`)"})
    with _docker([*containers, last]) as docker, _traefik(docker, arguments) as (api, log):
        _wait(api, log)
        time.sleep(0.5)
        taken = httpx.get(f"{api}/api/rawdata", timeout=60).json()
        return Opinion(_errors(log, containers), taken)


def _errors(log: Path, containers: Sequence[Made]) -> dict[str, list[str]]:
    by_id = {id_of(number): container.name for number, container in enumerate(containers)}
    errors: dict[str, list[str]] = {}
    for line in log.read_text().splitlines():
        said = json.loads(line)
        what = said.get("error") or said["message"]
        # What is wrong with `traefik.docker.…` is said of the name, all else of the id.
        skipped = said.get("message", "").removeprefix("Skip container ")
        # And some of a router, before there is one that its API could show.
        name = by_id.get(said.get("container", "")[-64:]) or said.get("routerName", skipped).partition("@")[0]
        if what not in errors.setdefault(name, []):
            errors[name].append(what)
    return errors


def _wait(api: str, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            taken: dict[str, Any] = httpx.get(f"{api}/api/rawdata", timeout=60).json()
        except (httpx.TransportError, ValueError):
            taken = {}
        if "error" in taken.get("routers", {}).get(f"{_LAST}@docker", {}):
            return
        time.sleep(0.3)
    raise AssertionError(f"Traefik took nothing:\n{log.read_text()[-3000:]}")


@contextmanager
def _traefik(docker: str, arguments: Sequence[str]) -> Iterator[tuple[str, Path]]:
    web, api = free_port(), free_port()
    command = [
        str(BINARY),
        f"--entryPoints.web.address=127.0.0.1:{web}",
        f"--entryPoints.traefik.address=127.0.0.1:{api}",
        "--api.insecure=true",
        f"--providers.docker.endpoint={docker}",
        "--providers.docker.exposedByDefault=false",
        f"--providers.docker.network={NETWORK}",
        "--log.level=WARN",
        "--log.format=json",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
        *arguments,
    ]
    with tempfile.TemporaryDirectory(prefix="tts-traefik-") as folder:
        log = Path(folder) / "log"
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield f"http://127.0.0.1:{api}", log
        finally:
            process.kill()
            process.wait()


@contextmanager
def _docker(containers: Sequence[Made]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(containers))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(containers: Sequence[Made]) -> type[BaseHTTPRequestHandler]:
    listed = [{"Id": id_of(number), "Names": [f"/{made.name}"]} for number, made in enumerate(containers)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one piece: sent apart, each answer would wait for an acknowledgement, 40 ms.
        wbufsize = 65536
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self._answer({})

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.endswith("/containers/json"):
                self._answer(listed)
            elif "/containers/" in path:
                number = int(path.split("/")[-2], 16)
                self._answer(containers[number].inspected(number))
            elif path.endswith("/events"):
                self._answer({}, keep=True)
            else:
                self._answer({"ApiVersion": "1.44", "Version": "28.0.0", "MinAPIVersion": "1.24"})

        def _answer(self, body: Any, *, keep: bool = False) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Api-Version", "1.44")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(1 << 30 if keep else len(content)))
            self.end_headers()
            if keep:
                self.wfile.flush()
                threading.Event().wait(_PATIENCE)
            elif self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody wants to read it."""

    return Handler
