"""The real keeper beside the real Envoy, as processes on loopback, with stand-ins for engines behind them."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from pulumi_tts.plan import GuardPlan
from pulumi_tts.render import envoy
from pulumi_tts.render.keeper import mark_of, pools_file
from tests.guard.guarding import Guarding, guarding, planned
from tests.loopback import free_port
from tests.services.fake_docker import FakeDocker
from tests.services.serving import SERVICES
from tests.waiting import wait_for


@dataclass
class Keeping:
    """A running keeper, and the guard beside it."""

    guard: Guarding
    folder: Path
    docker: FakeDocker | None = None
    elsewhere: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The host, and the URL of its proxy, of each instance that is on another one."""
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def names(self) -> list[str]:
        return [stub.name for stub in self.guard.pools["voice"]]

    def start(self, wait: bool = True) -> None:
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(SERVICES),
            "KEEPER_HOST": "127.0.0.1",
            "KEEPER_PORT": str(self.port),
            "KEEPER_FILES": str(self.folder / "files"),
            "KEEPER_RUN": self.guard.layout.run,
            "KEEPER_CONTROL": str(self.folder / "control.sock"),
        }
        with (self.folder / "keeper-log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "keeper"], env=self.environment, stdout=log, stderr=log
            )
        if wait:
            wait_for(self.is_well)

    def is_well(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log()[-3000:]
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def write(self, plan: GuardPlan, **changes: Any) -> None:
        """What the courier does: the plan's files, `pools.json` last; `changes` are of each pool in it."""
        tree = json.loads(pools_file(plan, "tts-test"))
        for pool in tree["pools"]:
            pool.update(changes)
            for instance, stub in zip(pool["instances"], self.guard.pools[pool["name"]], strict=False):
                instance.update({"address": stub.address, "port": stub.port})
        tree["hosts"] = [{"name": "local", "proxy": self.docker.url}] if self.docker else []
        for name, (host, proxy) in self.elsewhere.items():
            tree["hosts"].append({"name": host, "proxy": proxy})
            next(each for each in tree["pools"][0]["instances"] if each["name"] == name)["host"] = host
        files = envoy.files(plan, self.guard.layout)
        tree["configuration"] = mark_of(files)
        files["pools.json"] = json.dumps(tree)
        for name, text in files.items():
            part = self.folder / "files" / f".{name}"
            part.parent.mkdir(exist_ok=True)
            part.write_text(text)
            part.replace(self.folder / "files" / name)

    def ask(self, *words: str) -> tuple[int, dict[str, Any]]:
        """A command, as `docker exec` would run it: its exit status and what it prints."""
        asked = self.asking(*words)
        output, _ = asked.communicate(timeout=60)
        return asked.returncode, json.loads(output)

    def asking(self, *words: str) -> "subprocess.Popen[bytes]":
        """The same, while it waits."""
        return subprocess.Popen([sys.executable, "-m", "keeper", *words], env=self.environment, stdout=subprocess.PIPE)

    def status(self, pool: str = "voice") -> dict[str, Any]:
        pools = httpx.get(f"{self.url}/status").json()["pools"]
        found: dict[str, Any] = next(each for each in pools if each["name"] == pool)
        return found

    def instance(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in self.status()["instances"] if each["name"] == name)
        return found

    def endpoints(self, pool: str = "voice") -> dict[str, str]:
        """What is written for Envoy: each instance's health status."""
        file = Path(self.guard.layout.run) / "endpoints" / f"{pool}.json"
        (resource,) = json.loads(file.read_text())["resources"]
        return {
            each["endpoint"]["hostname"]: each["health_status"] for each in resource["endpoints"][0]["lb_endpoints"]
        }

    def log(self) -> str:
        return (self.folder / "keeper-log").read_text()


@contextmanager
def keeping(folder: Path, instances: int = 3, docker: bool = False, **changes: Any) -> Iterator[Keeping]:
    """A keeper that keeps one pool, `voice`; with `docker` on a fake host; `changes` are made to the pool's plan."""
    pool = {"name": "voice", "instances": instances}
    with guarding(folder, pool) as guard:
        names = [stub.name for stub in guard.pools["voice"]]
        fake = FakeDocker(*names) if docker else None
        kept = Keeping(guard, folder, fake)
        kept.write(planned(pool), **changes)
        try:
            kept.start()
            yield kept
        finally:
            kept.end()
            if fake:
                fake.close()


class Traffic:
    """A steady stream of requests through the guard, until it is ended."""

    def __init__(self, guard: Guarding, clients: int = 3, work: float = 0.2) -> None:
        self.answers: Counter[str] = Counter()
        self._guard = guard
        self._work = work
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def failed(self) -> dict[str, int]:
        return {answer: count for answer, count in self.answers.items() if answer != "200"}

    def _ask(self) -> None:
        with self._guard.client() as client:
            while not self._ending.is_set():
                try:
                    answer = str(client.post(f"/work?first={self._work}", content=b"text").status_code)
                except httpx.TransportError as error:
                    answer = type(error).__name__
                self.answers[answer] += 1
