"""A service of ours as a process, and what a test asks of it."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

SERVICES = Path(__file__).resolve().parents[2] / "services"


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]
    outputs: Path

    def metric(self, sample: str) -> float:
        """A sample of /metrics by its full name with labels; 0 where there is none yet."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.rsplit(" ", 1)[0] == sample), 0.0)


Start = Callable[..., Server]


def answers(server: Server, path: str) -> bool:
    assert server.process.poll() is None, "the server ended while it was starting"
    try:
        return httpx.get(f"{server.url}{path}", timeout=10).status_code == 200
    except httpx.TransportError:
        return False
