"""What the guard itself sees, by the socket that it shares with its keeper."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.system.deployment import Deployment
from tests.waiting import TooSlowError

GLANCE = 0.1
"""Seconds between two looks; each is work for the thread that also checks who is healthy."""


class GuardView:
    """Envoy's own view of a stack's pools."""

    def __init__(self, deployment: Deployment) -> None:
        volume = deployment.docker.api.inspect_volume(f"{deployment.full_name}-guard-run")
        socket = Path(volume["Mountpoint"], "admin.sock")
        self._client = httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://guard", timeout=5)

    def serving(self, pool: str) -> set[str]:
        """The instances that get requests."""
        listed = self._client.get("/clusters", params={"format": "json"}).raise_for_status().json()
        hosts = [
            host for found in listed["cluster_statuses"] if found["name"] == pool for host in found["host_statuses"]
        ]
        return {host["hostname"] for host in hosts if _in_rotation(host["health_status"])}

    def until(self, pool: str, holds: Callable[[set[str]], bool], within: float) -> float:
        """Waits until that holds of the instances in rotation; when it did, on the monotonic clock.

        Raises TooSlowError.
        """
        deadline = time.monotonic() + within
        while not holds(found := self.serving(pool)):
            if time.monotonic() > deadline:
                raise TooSlowError(f"after {within:g} s, in rotation: {sorted(found)}")
            time.sleep(GLANCE)
        return time.monotonic()


def _in_rotation(health: dict[str, Any]) -> bool:
    flags = {name: value for name, value in health.items() if name != "eds_health_status"}
    return health.get("eds_health_status") == "HEALTHY" and not any(flags.values())
