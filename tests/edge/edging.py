"""The real Traefik with the edge's own files, as a process on loopback.

Behind it is a stand-in for every upstream; or the real guard, as another process, and a stand-in for each instance.
"""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bootstrap.go_programs import built
from pulumi_tts.config import load_stack
from pulumi_tts.plan import EdgePlan, Route, StackPlan, plan_stack
from pulumi_tts.plan.oidc import OidcPlan
from pulumi_tts.plan.tls import TlsPlan, leaf_names, ordered_names
from pulumi_tts.render import oauth2_proxy, traefik
from pulumi_tts.render.self_signed import self_signed
from pulumi_tts.render.traefik_auth import guard_file, login_file
from pulumi_tts.render.traefik_session import session_file
from pulumi_tts.render.traefik_tls import tls_environment, tls_file, tls_files
from pulumi_tts.render.traefik_tracing import TRACING_ENVIRONMENT
from tests.guard.guarding import NO_TLS, TOKEN, Guarding, Stub, guarding_plan
from tests.loopback import Loopback, free_port
from tests.waiting import wait_for

TRAEFIK = shutil.which("traefik", path=str(Path(sys.executable).parent)) or "traefik"
SEED = "a seed that a real stack keeps as a secret"
PASSWORD_HASH = "$2a$05$ujnU/WPPgNheFKrK7/bsg.rgGLUvmNYx8NYBY7Sdnz20HDtwceWNy"
"""Of `secret`, for whoever has a login."""


@dataclass
class Edging:
    """A running edge, and the one stand-in that all its routes lead to, save those that a guard takes."""

    folder: Path
    upstream: Stub
    layout: traefik.Layout
    guard: Guarding | None = None
    oidc: oauth2_proxy.Layout | None = None
    """Where oauth2-proxy listens, if it runs."""
    process: subprocess.Popen[bytes] | None = None
    routes: list[Route] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Those of the config, by their keys."""
    ca: str = ""
    """Who signs its certificates, where that is an authority of its own."""
    _known: dict[str, int] = field(default_factory=dict)
    """How many requests of each stand-in `arrived` has told of."""

    @property
    def port(self) -> int:
        return self.layout.web

    def client(self, host: str = "localhost", **options: Any) -> httpx.Client:
        """A client for one of its host names."""
        headers = {"Host": host, **options.pop("headers", {})}
        base = f"http://127.0.0.1:{self.port}"
        return httpx.Client(
            base_url=base, headers=headers, timeout=30, trust_env=False, **({"verify": NO_TLS} | options)
        )

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
        self.routes = [self._led_here(route, plan) for route in plan.routes]
        checked_at = f"http://127.0.0.1:{self.guard.layout.auth_port}" if self.guard else None
        auth = replace(plan.edge.auth, checked_at=checked_at)
        if auth.oidc and self.oidc:
            auth = replace(auth, oidc=replace(auth.oidc, asked_at=f"http://127.0.0.1:{self.oidc.port}"))
        written = {
            "login.yml": login_file(self.routes, auth, {user.name: PASSWORD_HASH for user in auth.users}),
            "routes.yml": traefik.routes_file(self.routes, plan.edge),
            "front.yml": traefik.front_file(plan.edge),
            "guard.yml": guard_file(TOKEN),
        }
        if auth.oidc:
            written["session.yml"] = session_file(auth, auth.oidc)
        if plan.edge.dashboard:
            here = f"http://127.0.0.1:{self.upstream.port}"
            pages = tuple(replace(page, url=here) for page in plan.edge.dashboard.pages)
            written["dashboard.yml"] = traefik.dashboard_file(replace(plan.edge.dashboard, pages=pages), PASSWORD_HASH)
        if plan.edge.tls:
            written |= {"tls.yml": self._tls(plan.edge, plan.edge.tls), **tls_files(plan.edge.tls, self.secrets)}
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        for name, text in written.items():
            incoming = self.folder / name
            incoming.write_text(text)
            os.replace(incoming, files / name)  # noqa: PTH105

    def _tls(self, edge: EdgePlan, tls: TlsPlan) -> str:
        routes = [*self.routes, *edge.own_routes]
        if tls.self_signed:
            made = self_signed(SEED, tls.domain, leaf_names(tls, routes), datetime.now(UTC))
            self.ca = made.ca
            return tls_file(tls, [(made.certificate, made.key)], [])
        pairs = [(given.certificate, self.secrets[given.key]) for given in tls.given]
        return tls_file(tls, pairs, ordered_names(tls, tls.acme, routes) if tls.acme else [])

    def _led_here(self, route: Route, plan: StackPlan) -> Route:
        guarded = self.guard and plan.guard and route.upstreams == (plan.guard.url,)
        here = self.guard.url if self.guard and guarded else f"http://127.0.0.1:{self.upstream.port}"
        return replace(route, upstreams=(here,), health=None)

    def reached(self) -> list[dict[str, Any]]:
        """Every request that has come through so far: to the upstream, or to an instance behind the guard."""
        return [request for stub in self._stubs() for request in stub.seen()["requests"]]

    def arrived(self) -> list[dict[str, Any]]:
        """The requests that have come through since this was last asked, each with the stand-in that it came `at`."""
        came = []
        for stub in self._stubs():
            requests = stub.seen()["requests"]
            new = requests[self._known.get(stub.name, 0) :]
            self._known[stub.name] = len(requests)
            came += [{"at": stub.name, **each} for each in new if each["headers"].get("user-agent") != "Envoy/HC"]
        return came

    def _stubs(self) -> list[Stub]:
        return [self.upstream, *(stub for stubs in (self.guard.pools if self.guard else {}).values() for stub in stubs)]

    def wait_until(self, condition: Callable[[httpx.Client], bool]) -> None:
        """Waits until the edge has read a file that was changed: it looks every other second."""
        with self.client() as client:
            wait_for(lambda: condition(client))

    def start(self, plan: StackPlan) -> None:
        self.write(plan)
        files = str(self.folder / "files")
        arguments = traefik.static_arguments(plan.edge, files, self.layout)
        told = tls_environment(plan.edge.tls, files, self.secrets, SEED) if plan.edge.tls else []
        told = [*told, *(TRACING_ENVIRONMENT if plan.edge.tracing else ())]
        environment = {**os.environ, **dict(each.split("=", 1) for each in told)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([TRAEFIK, *arguments], stdout=log, stderr=log, env=environment)
        wait_for(self._is_strict if plan.edge.tls else self._answers)

    def shown(self, host: str) -> str | None:
        """The certificate, as PEM, that it shows to who asks for a host name; None where it refuses to."""
        return shown(self.layout.websecure, host)

    def _is_strict(self) -> bool:
        """Whether it has taken its files: before, it shows anybody a certificate of Traefik's own; ours may still be
        on their way."""
        assert self.process
        assert self.process.poll() is None, self.log()[-2000:]
        try:
            with self.client(self.routes[0].host) as client:
                return client.get("/").is_redirect and self.shown("nobody.invalid") is None
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
def edging(
    folder: Path, plan: StackPlan, secrets: Mapping[str, str] | None = None, *, guarded: bool = False
) -> Iterator[Edging]:
    """An edge with this plan's routes, all of which lead to one stand-in that says what it was asked.

    With TLS or a login that has pages it is where the plan says, as it sends people there. With ``guarded``, the routes
    of guarded pools lead to the plan's real guard, and there to a stand-in for each instance.
    """
    tls, oidc = plan.edge.tls, plan.edge.auth.oidc
    layout = traefik.Layout(
        address="127.0.0.1",
        web=plan.edge.http_port if tls or oidc else free_port(),
        websecure=tls.port if tls else 0,
        dashboard=free_port(),
        ping=free_port(),
        metrics=free_port(),
        acme=str(folder),
        logs=str(folder / "logs"),
    )
    (folder / "logs").mkdir(exist_ok=True)
    edge = Edging(folder, Stub("upstream"), layout, secrets=secrets or {})
    with ExitStack() as ends:
        ends.callback(edge.end)
        if guarded:
            assert plan.guard, "no pool of this plan is guarded"
            (folder / "guard").mkdir()
            edge.guard = ends.enter_context(guarding_plan(folder / "guard", plan.guard, logs=folder / "logs"))
        if oidc:
            edge.oidc = ends.enter_context(asking(folder, oidc, edge.secrets[oidc.client_secret_key]))
        edge.upstream.start()
        edge.start(plan)
        yield edge


@contextmanager
def asking(folder: Path, oidc: OidcPlan, client_secret: str) -> Iterator[oauth2_proxy.Layout]:
    """The real oauth2-proxy, as a process on loopback: where it listens, and reads its files."""
    layout = oauth2_proxy.Layout(address="127.0.0.1", port=free_port(), files=str(folder / "oidc"))
    files = Path(layout.files)
    files.mkdir()
    for name, text in oauth2_proxy.files(oidc, client_secret, "c" * oauth2_proxy.COOKIE_SECRET_LENGTH).items():
        (files / name).write_text(text)
    with (folder / "oidc.log").open("ab") as log:
        command = [str(built("oauth2-proxy")), *oauth2_proxy.arguments(oidc, layout)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: _listens(process, layout.port, folder / "oidc.log"), seconds=30)
        yield layout
    finally:
        process.kill()
        process.wait()


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-2000:]
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
