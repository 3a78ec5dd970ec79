"""The Traefik that reads labels, with its own file: what it asks Docker, and who it says it is."""

import base64
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from pulumi_tts.render import discovery
from tests.edge.edging import TRAEFIK, planned
from tests.loopback import free_port
from tests.waiting import wait_for

ASKED: list[tuple[str, str | None]] = []


class NoDocker(BaseHTTPRequestHandler):
    """Stands where the proxy before Docker's socket would, and notes who asks."""

    def do_GET(self) -> None:
        """Knows nothing."""
        ASKED.append((self.path, self.headers.get("Authorization")))
        self.send_error(404)

    def do_HEAD(self) -> None:
        """Likewise."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_it_listens_where_its_file_says_and_shows_its_password(tmp_path: Path) -> None:
    plan = planned(discovery={"enabled": True}).edge
    assert plan.discovery
    server = ThreadingHTTPServer(("127.0.0.1", 0), NoDocker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = f"http://127.0.0.1:{server.server_port}"
    settings = json.loads(discovery.settings_file(plan.discovery, "tts-test", proxy, 5, "a password"))
    web, ping = free_port(), free_port()
    settings["entryPoints"]["web"]["address"] = f"127.0.0.1:{web}"
    settings["entryPoints"]["ping"]["address"] = f"127.0.0.1:{ping}"
    (tmp_path / "traefik.yml").write_text(json.dumps(settings))
    with (tmp_path / "log").open("wb") as log:
        traefik = subprocess.Popen([TRAEFIK, f"--configFile={tmp_path}/traefik.yml"], stdout=log, stderr=log)
    try:
        wait_for(lambda: bool(ASKED))
        assert {who for _, who in ASKED} == {"Basic " + base64.b64encode(b"discovery:a password").decode()}
        with httpx.Client(trust_env=False) as client:
            wait_for(lambda: client.get(f"http://127.0.0.1:{ping}/ping").status_code == httpx.codes.OK)
            assert client.get(f"http://127.0.0.1:{web}/").status_code == httpx.codes.NOT_FOUND
    finally:
        traefik.kill()
        traefik.wait()
        server.shutdown()
        server.server_close()
