"""The Docker hosts, each through its socket proxy, which lists, inspects and restarts this stack's instances only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIME_LIMIT = 5.0
"""Seconds for a question; a restart takes as long as the instance may take to stop, and this on top."""
RESTART_MARGIN = 60.0

_HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)")


@dataclass(frozen=True, slots=True)
class Container:
    """An instance's container as Docker lists it."""

    id: str
    state: str
    """`running`, `exited`, `restarting`, `paused`, `created` or `dead`."""
    health: str | None
    """`healthy`, `unhealthy` or `starting`; None without a health check, or where it does not run."""
    status: str
    """The same for people: `Up 3 hours (healthy)`."""

    @property
    def well(self) -> bool:
        """Whether it runs, and its health check says that it is ready."""
        return self.state == "running" and self.health in (None, "healthy")


class DockerError(Exception):
    """A Docker host, or the proxy in front of it, does not answer or does not do what it was asked."""


class DockerHost:
    """One host's engine."""

    def __init__(self, proxy: str, token: Callable[[], str | None]) -> None:
        self._token = token
        self._client = httpx.AsyncClient(base_url=proxy, timeout=TIME_LIMIT, trust_env=False)

    async def containers(self) -> dict[str, Container]:
        """Every instance of this stack by its name. Raises DockerError."""
        listed = await self._ask("GET", "/containers/json?all=1", TIME_LIMIT)
        try:
            return {str(each["Names"][0]).lstrip("/"): container_of(each) for each in listed.json()}
        except (ValueError, LookupError, TypeError) as error:
            raise DockerError(f"Docker's list is not one: {error}") from error

    async def restart(self, name: str, stop: float) -> None:
        """Returns when it has stopped, within `stop` seconds, and was started again. Raises DockerError."""
        await self._ask("POST", f"/containers/{name}/restart?t={stop:.0f}", stop + RESTART_MARGIN)

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, time_limit: float) -> httpx.Response:
        try:
            # Read each time: another token is another file, and restarts nothing.
            token = self._token()
        except OSError as error:
            raise DockerError(f"the token for Docker cannot be read: {error}") from error
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        time_limits = httpx.Timeout(TIME_LIMIT, read=time_limit)
        try:
            answer = await self._client.request(method, path, headers=headers, timeout=time_limits)
        except httpx.HTTPError as error:
            raise DockerError(f"Docker does not answer: {error or type(error).__name__}") from error
        if answer.is_error:
            raise DockerError(f"Docker refused {method} {path}: {answer.status_code} {answer.text.strip()[:200]}")
        return answer


def container_of(listed: Mapping[str, Any]) -> Container:
    """A container from one entry of Docker's list, which has its health only in words."""
    found = _HEALTH.search(listed["Status"])
    return Container(listed["Id"], listed["State"], found[1] if found else None, listed["Status"])
