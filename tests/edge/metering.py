"""The real meter with the stack's own file, as a process on loopback, beside the real edge and guard."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from pulumi_tts.plan import StackPlan
from pulumi_tts.plan.meter import MeterPlan
from pulumi_tts.render.meter import meter_file
from tests.edge.edging import Edging
from tests.loopback import free_port
from tests.waiting import wait_for

SERVICES = Path(__file__).resolve().parents[2] / "services"


@dataclass
class Metering:
    """A running meter, and what it is asked."""

    folder: Path
    logs: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(SERVICES),
            "METER_HOST": "127.0.0.1",
            "METER_PORT": str(self.port),
            "METER_PLAN": str(self.folder / "meter.json"),
            "METER_LOGS": str(self.logs),
            "METER_DATA": str(self.folder),
        }

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "meter"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        wait_for(self._is_well)

    def _is_well(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def report(self, by: str, *words: str) -> dict[str, Any]:
        """What the command in its container says."""
        command = [sys.executable, "-m", "meter", "report", "--by", by, *words]
        said = subprocess.check_output(command, env=self.environment)
        told: dict[str, Any] = json.loads(said)
        return told

    def counted(self, by: str) -> dict[str, Any]:
        """Its rows, by name."""
        return {row[by]: row for row in self.report(by)["rows"]}

    def requests(self) -> int:
        """How many it has counted."""
        return sum(row["requests"] for row in self.counted("pool").values())

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text

    def said(self) -> str:
        """All that it has said so far."""
        return (self.folder / "log").read_text()


def here(plan: MeterPlan, edge: Edging) -> MeterPlan:
    """The plan with everything where it is on loopback: what goes past the guard has one stand-in."""
    upstream = f"127.0.0.1:{edge.upstream.port}"
    guard = edge.guard.layout if edge.guard else None
    return replace(
        plan,
        guards=tuple(f"127.0.0.1:{port}" for port in (guard.port, guard.auth_port)) if guard else (),
        instances=tuple(replace(instance, upstream=upstream) for instance in plan.instances),
    )


@contextmanager
def metering(folder: Path, plan: StackPlan, edge: Edging) -> Iterator[Metering]:
    """A meter that reads what this edge and its guard write."""
    assert plan.meter
    meter = Metering(folder, Path(edge.layout.logs))
    (folder / "meter.json").write_text(meter_file(here(plan.meter, edge)))
    try:
        meter.start()
        yield meter
    finally:
        meter.kill()
