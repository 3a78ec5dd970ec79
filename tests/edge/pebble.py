"""Pebble, Let's Encrypt's own ACME test server, as a process on loopback, and what answers its DNS questions."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx

from bootstrap.test_tools import pebble
from pulumi_tts.render.self_signed import self_signed
from tests.loopback import free_port
from tests.waiting import wait_for

CLOSED = 1
"""A port of this machine that nobody listens on."""

CREDENTIAL = "what the DNS provider wants"


@dataclass
class Pebble:
    """A running one. Every name is this machine to it."""

    folder: Path
    reaches: str
    """The challenge for which it reaches an edge, at `http` or `https`; for any other it meets a closed port."""
    lasting: int
    """Seconds that its certificates last."""
    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)
    directory_port: int = field(default_factory=free_port)
    management: int = field(default_factory=free_port)
    dns: int = field(default_factory=free_port)
    dns_management: int = field(default_factory=free_port)
    ca: str = ""
    """Who has signed its own certificate."""

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.directory_port}/dir"

    def root(self) -> str:
        """Who signs what it issues; another one each time that it starts."""
        return httpx.get(f"https://localhost:{self.management}/roots/0", verify=False, trust_env=False).text

    def orders(self) -> int:
        """How many certificates were ordered of it."""
        return len(re.findall(r"Added order", (self.folder / "pebble.log").read_text()))

    def record(self, path: str, **told: str) -> None:
        """Tells the DNS server of a record."""
        httpx.post(f"http://127.0.0.1:{self.dns_management}/{path}", json=told, trust_env=False).raise_for_status()

    def start(self) -> list["subprocess.Popen[bytes]"]:
        made = self_signed("pebble", "localhost", ["localhost"], datetime.now(UTC))
        self.ca = made.ca
        (self.folder / "cert.pem").write_text(made.certificate)
        (self.folder / "key.pem").write_text(made.key)
        settings = {
            "listenAddress": f"127.0.0.1:{self.directory_port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "cert.pem"),
            "privateKey": str(self.folder / "key.pem"),
            "httpPort": self.http if self.reaches == "http" else CLOSED,
            "tlsPort": self.https if self.reaches == "tls_alpn" else CLOSED,
            "keyAlgorithm": "ecdsa",
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {"default": {"description": "the only one", "validityPeriod": self.lasting}},
        }
        config = self.folder / "pebble.json"
        config.write_text(json.dumps({"pebble": settings}))
        environment = {
            **os.environ,
            "PEBBLE_WFE_NONCEREJECT": "20",
            "PEBBLE_AUTHZREUSE": "0",
            "PEBBLE_VA_NOSLEEP": "1",
        }
        tools = pebble()
        off = [argument for name in ("http01", "https01", "tlsalpn01", "doh") for argument in (f"-{name}", "")]
        resolver = [f"{tools}/pebble-challtestsrv", *off, "-dnsserver", f"127.0.0.1:{self.dns}"]
        resolver += ["-management", f"127.0.0.1:{self.dns_management}", "-defaultIPv6", ""]
        server = [f"{tools}/pebble", "-strict", "-config", str(config), "-dnsserver", f"127.0.0.1:{self.dns}"]
        with (self.folder / "pebble.log").open("wb") as log, (self.folder / "dns.log").open("wb") as dns_log:
            return [
                subprocess.Popen(resolver, stdout=dns_log, stderr=dns_log),
                subprocess.Popen(server, stdout=log, stderr=log, env=environment),
            ]

    def answers(self) -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{self.dns_management}/", trust_env=False)
            return bool(self.root())
        except httpx.TransportError:
            return False


@contextmanager
def running_pebble(
    folder: Path, reaches: str = "tls_alpn", lasting: int = 90 * 86_400, beside: Pebble | None = None
) -> Iterator[Pebble]:
    """An ACME server that refuses a fifth of all nonces, as the real one may at any time; it looks for the edge where
    the one ``beside`` it does."""
    server = Pebble(folder, reaches, lasting)
    if beside:
        server.http, server.https = beside.http, beside.https
    processes = server.start()
    try:
        wait_for(server.answers)
        yield server
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def dns_provider(server: Pebble) -> Iterator[str]:
    """The URL of a DNS provider that speaks lego's `httpreq`, and writes its records where Pebble asks."""
    wanted = "Basic " + base64.b64encode(f"edge:{CREDENTIAL}".encode()).decode()

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            allowed = self.headers["Authorization"] == wanted
            if allowed and self.path == "/present":
                server.record("set-txt", host=asked["fqdn"], value=asked["value"])
            elif allowed:
                server.record("clear-txt", host=asked["fqdn"])
            self.send_response(200 if allowed else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: its answers are in the edge's log."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
