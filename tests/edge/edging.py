"""The real Traefik with the edge's own files, as a process on loopback; behind it, a stand-in for every upstream."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from pulumi_tts.config import load_stack
from pulumi_tts.plan import Route, StackPlan, plan_stack
from pulumi_tts.render import traefik
from tests.guard.guarding import Stub
from tests.loopback import free_port
from tests.waiting import wait_for

TRAEFIK = shutil.which("traefik", path=str(Path(sys.executable).parent)) or "traefik"
PASSWORD_HASH = "$2y$05$fsxOSbn3JKx37kJJVfRDp.EF3qv5yV5evIMq27oahJY7IjrO1NdFS"
"""Of `secret`, for whoever has a login."""


@dataclass
class Edging:
    """A running edge, and the one stand-in that all its routes lead to."""

    folder: Path
    upstream: Stub
    layout: traefik.Layout
    process: subprocess.Popen[bytes] | None = None
    routes: list[Route] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.layout.web

    def client(self, host: str = "localhost", **options: Any) -> httpx.Client:
        """A client for one of its host names."""
        headers = {"Host": host, **options.pop("headers", {})}
        base = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False, **options)

    def log(self) -> str:
        """All that it has said so far, access log included."""
        return (self.folder / "log").read_text()

    def write(self, plan: StackPlan) -> None:
        """What the courier does: each file moved into place."""
        self.routes = [self._to_the_stub(route) for route in plan.routes]
        written = {"routes.yml": traefik.routes_file(self.routes, plan.edge)}
        if plan.edge.dashboard:
            written["dashboard.yml"] = traefik.dashboard_file(plan.edge.dashboard, PASSWORD_HASH)
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        for name, text in written.items():
            incoming = self.folder / name
            incoming.write_text(text)
            os.replace(incoming, files / name)  # noqa: PTH105

    def _to_the_stub(self, route: Route) -> Route:
        return replace(route, upstreams=(f"http://127.0.0.1:{self.upstream.port}",), health=None)

    def start(self, plan: StackPlan) -> None:
        self.write(plan)
        arguments = traefik.static_arguments(plan.edge, str(self.folder / "files"), self.layout)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([TRAEFIK, *arguments], stdout=log, stderr=log)
        wait_for(self._answers)

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


def planned(*pools: dict[str, Any], domain: str = "localhost", **edge: Any) -> StackPlan:
    """The plan of a stack with these pools; `voice` at its own host name where none are given."""
    written = [
        {"engine": "voice", "routes": {"pool": f"{pool['name']}.{{domain}}"}, **pool}
        for pool in pools or ({"name": "voice"},)
    ]
    return plan_stack(load_stack({"domain": domain, "pools": written, "edge": edge}), "tts-test", local_images=True)


@contextmanager
def edging(folder: Path, plan: StackPlan) -> Iterator[Edging]:
    """An edge with this plan's routes, all of which lead to one stand-in that says what it was asked."""
    layout = traefik.Layout(address="127.0.0.1", web=free_port(), dashboard=free_port(), ping=free_port())
    edge = Edging(folder, Stub("upstream"), layout)
    try:
        edge.upstream.start()
        edge.start(plan)
        yield edge
    finally:
        edge.end()
