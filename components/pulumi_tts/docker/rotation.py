"""In and out of the guards' rotation: asked of the keepers, who know which instance is busy with what."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import pulumi

from pulumi_tts.docker.endpoint import Endpoint, client

_COMMAND = ("python3", "-m", "keeper")
_UNKNOWN = 2
"""The keeper's exit status for an instance that is in no pool of its guard."""
_SEEN = 60
"""Seconds within which the guard counts an instance healthy that Docker calls healthy: some of its checks."""


class NotBackError(Exception):
    """Why an instance that is healthy gets no requests."""


class Rotation(Protocol):
    """What rolling replacement needs of whoever sends requests to instances."""

    async def drain(self, instance: str, within: int) -> None:
        """Sends an instance nothing more; returns when it has finished what it has, or ``within`` seconds are over."""

    async def restore(self, instance: str) -> bool:
        """Sends it requests again; returns when it is counted healthy, or False where nobody could say.

        Raises NotBackError if it is not counted healthy in time.
        """

    async def give_up(self, instance: str) -> None:
        """Forgets that it was drained: its replacement failed, and whatever comes next may have requests."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """A keeper's container, and the endpoint of the Docker host that it runs on."""

    at: Endpoint
    container: str

    def ask(self, *words: str) -> Mapping[str, Any] | None:
        """Its answer; None for an instance that it does not know.

        Raises OSError or DockerException where it does not answer, ValueError where it refuses.
        """
        code, output = client(self.at).containers.get(self.container).exec_run([*_COMMAND, *words])
        if code == _UNKNOWN:
            return None
        said = cast("bytes", output).decode(errors="replace").strip()
        if code != 0:
            raise ValueError(f"it answered with status {code}: {said[-300:]}")
        answer: Mapping[str, Any] = json.loads(said.splitlines()[-1])
        return answer


class Keepers:
    """The keepers of a program's guards; each knows the instances of its own pools only.

    One that does not answer stops nothing: the instance's own time to finish its work (`stop_grace`) still holds.
    """

    def __init__(self) -> None:
        self._keepers: list[Keeper] = []
        self._drained: dict[str, Keeper] = {}

    def add(self, keeper: Keeper) -> None:
        """Announces the keeper of a guard of this program."""
        self._keepers.append(keeper)

    async def drain(self, instance: str, within: int) -> None:
        """Has an instance drained by the keeper that knows it; nothing happens where none does."""
        for keeper in self._keepers:
            # One name for all that this program takes out: its next instance ends the drain of the one before.
            answer = await _asked(keeper, "drain", instance, "--within", str(within), "--holder", "pulumi")
            if answer is None:
                continue
            self._drained[instance] = keeper
            if not answer["drained"]:
                left = f"{answer['left']} requests" if answer["left"] else answer.get("note")
                pulumi.log.warn(f"{instance} goes after {within} s, and not idle: {left}")

    async def restore(self, instance: str) -> bool:
        """Has an instance restored by the keeper that drained it."""
        keeper = self._drained.pop(instance, None)
        answer = await _asked(keeper, "restore", instance, "--within", str(_SEEN)) if keeper else None
        if answer is None:
            return False
        if not answer["healthy"]:
            raise NotBackError(answer["note"])
        return True

    async def give_up(self, instance: str) -> None:
        """Ends the drain of an instance, without waiting for it."""
        if keeper := self._drained.pop(instance, None):
            await _asked(keeper, "restore", instance, "--within", "0")


async def _asked(keeper: Keeper, *words: str) -> Mapping[str, Any] | None:
    from docker.errors import DockerException  # noqa: PLC0415  see endpoint.client

    try:
        return await asyncio.to_thread(keeper.ask, *words)
    except (DockerException, OSError, ValueError) as error:
        pulumi.log.warn(f"the keeper {keeper.container} did not {words[0]} {words[1]}: {error}")
        return None
