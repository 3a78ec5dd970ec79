"""What Envoy sees: for each instance whether it is in rotation, and how much work it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

TIME_LIMIT = 3.0

_WRONG = {
    "failed_active_health_check": "fails its health check",
    "failed_outlier_check": "is ejected for its answers",
    "pending_active_hc": "was not asked for its health yet",
    "pending_dynamic_removal": "is being removed",
    "failed_active_degraded_check": "calls itself degraded",
    "active_hc_timeout": "does not answer its health check",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance as Envoy sees it."""

    draining: bool
    wrong: str | None
    """Why it gets no requests, other than by draining; None where it is healthy."""
    active: int
    """Requests that it works on."""
    waiting: int
    """Requests that wait for it."""
    connections: int
    succeeded: int = 0
    """Requests that it has answered, and not with a 5xx, since Envoy knows it."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way to it or from it."""
        return not (self.active or self.waiting or self.connections)


class GuardSilentError(Exception):
    """Envoy does not answer, or not as it should."""


class Guard:
    """Envoy's admin interface, by its socket in the shared folder."""

    def __init__(self, run: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(run / "admin.sock"), retries=1)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://guard", timeout=TIME_LIMIT, trust_env=False
        )

    async def look(self, cluster: str | None = None) -> dict[str, dict[str, Seen]]:
        """Every instance by its cluster and name; of one cluster only where it is named. What has no name is under "".

        Raises GuardSilentError.
        """
        asked = {"format": "json"} | ({"filter": f"^{re.escape(cluster)}$"} if cluster else {})
        try:
            answer = await self._client.get("/clusters", params=asked)
            answer.raise_for_status()
            return {found["name"]: _hosts(found) for found in answer.json().get("cluster_statuses", ())}
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise GuardSilentError(f"the guard does not answer: {error or type(error).__name__}") from error

    async def close(self) -> None:
        await self._client.aclose()


def _hosts(cluster: Mapping[str, Any]) -> dict[str, Seen]:
    return {host.get("hostname", ""): _seen(host) for host in cluster.get("host_statuses", ())}


def _seen(host: Mapping[str, Any]) -> Seen:
    # Envoy leaves out what is 0 or false.
    stats = {stat["name"]: int(stat.get("value", 0)) for stat in host["stats"]}
    health = host["health_status"]
    wrong = [words for flag, words in _WRONG.items() if health.get(flag)]
    return Seen(
        draining=health.get("eds_health_status") == "DRAINING",
        wrong=" and ".join(wrong) or None,
        active=stats["rq_active"],
        waiting=stats["rq_pending_active"],
        connections=stats["cx_active"],
        succeeded=stats["rq_success"],
    )
