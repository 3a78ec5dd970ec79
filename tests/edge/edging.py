"""The real Traefik with the edge's own files, as a process on loopback; behind it, a stand-in for every upstream."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pulumi_tts.config import load_stack
from pulumi_tts.plan import EdgePlan, Route, StackPlan, plan_stack
from pulumi_tts.plan.edge import dashboard_route
from pulumi_tts.plan.tls import TlsPlan, leaf_names, ordered_names
from pulumi_tts.render import traefik
from pulumi_tts.render.self_signed import self_signed
from pulumi_tts.render.traefik_tls import tls_environment, tls_file, tls_files
from tests.guard.guarding import Stub
from tests.loopback import free_port, wait_for

TRAEFIK = shutil.which("traefik", path=str(Path(sys.executable).parent)) or "traefik"
SEED = "a seed that a real stack keeps as a secret"
PASSWORD_HASH = "$2a$05$ujnU/WPPgNheFKrK7/bsg.rgGLUvmNYx8NYBY7Sdnz20HDtwceWNy"
"""Of `secret`, for whoever has a login."""


@dataclass
class Edging:
    """A running edge, and the one stand-in that all its routes lead to."""

    folder: Path
    upstream: Stub
    layout: traefik.Layout
    process: subprocess.Popen[bytes] | None = None
    routes: list[Route] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Those of the config, by their keys."""
    ca: str = ""
    """Who signs its certificates, where that is an authority of its own."""

    @property
    def port(self) -> int:
        return self.layout.web

    def client(self, host: str = "localhost", **options: Any) -> httpx.Client:
        """A client for one of its host names."""
        headers = {"Host": host, **options.pop("headers", {})}
        base = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False, **options)

    def https(self, host: str, ca: str = "", **options: Any) -> httpx.Client:
        """A client that comes by HTTPS and trusts ``ca`` alone; by default the edge's own authority."""
        trusted = ssl.create_default_context(cadata=ca or self.ca)
        return httpx.Client(
            base_url=f"https://{host}:{self.layout.websecure}",
            transport=Loopback(verify=trusted),
            timeout=30,
            trust_env=False,
            **options,
        )

    def log(self) -> str:
        """All that it has said so far, access log included."""
        return (self.folder / "log").read_text()

    def write(self, plan: StackPlan) -> None:
        """What the courier does: each file moved into place."""
        self.routes = [self._to_the_stub(route) for route in plan.routes]
        written = {"routes.yml": traefik.routes_file(self.routes, plan.edge)}
        if plan.edge.dashboard:
            written["dashboard.yml"] = traefik.dashboard_file(plan.edge.dashboard, PASSWORD_HASH)
        if plan.edge.tls:
            written |= {"tls.yml": self._tls(plan.edge, plan.edge.tls), **tls_files(plan.edge.tls, self.secrets)}
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        for name, text in written.items():
            incoming = self.folder / name
            incoming.write_text(text)
            os.replace(incoming, files / name)  # noqa: PTH105

    def _tls(self, edge: EdgePlan, tls: TlsPlan) -> str:
        routes = [*self.routes, *([dashboard_route(edge.dashboard)] if edge.dashboard else [])]
        if tls.self_signed:
            made = self_signed(SEED, tls.domain, leaf_names(tls, routes), datetime.now(UTC))
            self.ca = made.ca
            return tls_file(tls, [(made.certificate, made.key)], [])
        pairs = [(given.certificate, self.secrets[given.key]) for given in tls.given]
        return tls_file(tls, pairs, ordered_names(tls, tls.acme, routes) if tls.acme else [])

    def _to_the_stub(self, route: Route) -> Route:
        return replace(route, upstreams=(f"http://127.0.0.1:{self.upstream.port}",), health=None)

    def start(self, plan: StackPlan) -> None:
        self.write(plan)
        files = str(self.folder / "files")
        arguments = traefik.static_arguments(plan.edge, files, self.layout)
        told = tls_environment(plan.edge.tls, files, self.secrets) if plan.edge.tls else []
        environment = {**os.environ, **dict(each.split("=", 1) for each in told)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([TRAEFIK, *arguments], stdout=log, stderr=log, env=environment)
        wait_for(self._redirects if plan.edge.tls else self._answers)

    def shown(self, host: str) -> str | None:
        """The certificate, as PEM, that it shows to who asks for a host name; None where it refuses to."""
        return shown(self.layout.websecure, host)

    def _redirects(self) -> bool:
        """Whether it has taken its files; certificates may still be on their way."""
        assert self.process
        assert self.process.poll() is None, self.log()[-2000:]
        try:
            return self.client(self.routes[0].host).get("/").is_redirect and "edge_hsts@file" not in self.log()
        except httpx.TransportError:
            return False

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log()[-2000:]
        try:
            ready = (
                httpx.get(f"http://127.0.0.1:{self.layout.ping}/ping", trust_env=False).status_code == httpx.codes.OK
            )
        except httpx.TransportError:
            return False
        # It answers before it has read its files.
        with self.client() as client:
            return ready and any(client.get("/", headers={"Host": route.host}).status_code != httpx.codes.NOT_FOUND
                                 for route in self.routes[:1])  # fmt: skip

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def end(self) -> None:
        self.upstream.end()
        if self.process:
            self.process.kill()
            self.process.wait()


class Loopback(httpx.HTTPTransport):
    """Every name is this machine; what is shown for it is that name's certificate."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        extensions = {**request.extensions, "sni_hostname": request.url.host}
        here = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        return super().handle_request(here)


def shown(port: int, host: str) -> str | None:
    """The certificate, as PEM, that a server on loopback shows for a host name; None where it refuses to."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            anybody.wrap_socket(plain, server_hostname=host or None) as secured,
        ):
            return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
    except (ssl.SSLError, OSError):
        return None


def planned(*pools: dict[str, Any], domain: str = "localhost", **edge: Any) -> StackPlan:
    """The plan of a stack with these pools; `voice` at its own host name where none are given."""
    written = [
        {"engine": "voice", "routes": {"pool": f"{pool['name']}.{{domain}}"}, **pool}
        for pool in pools or ({"name": "voice"},)
    ]
    return plan_stack(load_stack({"domain": domain, "pools": written, "edge": edge}), "tts-test", local_images=True)


@contextmanager
def edging(folder: Path, plan: StackPlan, secrets: Mapping[str, str] | None = None) -> Iterator[Edging]:
    """An edge with this plan's routes, all of which lead to one stand-in that says what it was asked.

    With TLS it is where the plan says, as it sends people there.
    """
    tls = plan.edge.tls
    layout = traefik.Layout(
        address="127.0.0.1",
        web=plan.edge.http_port if tls else free_port(),
        websecure=tls.port if tls else 0,
        dashboard=free_port(),
        ping=free_port(),
        acme=str(folder),
    )
    edge = Edging(folder, Stub("upstream"), layout, secrets=secrets or {})
    try:
        edge.upstream.start()
        edge.start(plan)
        yield edge
    finally:
        edge.end()
