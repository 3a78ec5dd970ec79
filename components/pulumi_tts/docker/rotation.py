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
_TAKEN = 3
"""The same where another instance of the pool is out, and stayed out: on somebody else's behalf."""
_SEEN = 60
"""Seconds within which the guard counts an instance healthy that Docker calls healthy: some of its checks."""
PATIENCE = 20.0
"""Seconds for which a keeper is asked again that is needed and does not answer: it may be starting."""
PAUSE = 4.0
"""Seconds between two such questions."""


class NotBackError(Exception):
    """Why an instance that is healthy gets no requests."""


class MustStayError(Exception):
    """Why an instance must not be replaced now, and what to do about it."""


class _TakenError(Exception):
    """The keeper's words for a pool whose turn somebody else has."""


class Rotation(Protocol):
    """What rolling replacement needs of whoever sends requests to instances."""

    async def drain(self, instance: str, within: int, *, replaced: bool) -> None:
        """Sends an instance nothing more; returns when it has finished what it has, or ``within`` seconds are over.

        One that is to be ``replaced`` comes back only if somebody sends its successor requests. Raises MustStayError
        where nobody would, or where another instance of its pool is out; any other goes all the same.
        """

    async def restore(self, instance: str) -> bool:
        """Sends it requests again; returns when it is counted healthy, or False where nobody had drained it.

        Raises NotBackError if it is not counted healthy in time, or if nobody says that it is.
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

        Raises OSError, DockerException or ValueError where it does not answer, and _TakenError where it refuses.
        """
        code, output = client(self.at).containers.get(self.container).exec_run([*_COMMAND, *words])
        if code == _UNKNOWN:
            return None
        said = cast("bytes", output).decode(errors="replace").strip()
        if code not in (0, _TAKEN) or not said:
            raise ValueError(f"it ended with status {code} and said: {said[-300:] or 'nothing'}")
        answer: Mapping[str, Any] = json.loads(said.splitlines()[-1])
        if code == _TAKEN:
            raise _TakenError(answer["note"])
        return answer


class Keepers:
    """The keepers of a program's guards; each knows the instances of its own pools only.

    One that does not answer stops replacements, as it alone tells the guard a new instance's address. It stops no
    deletion: the instance's own time to finish its work (`stop_grace`) still holds.
    """

    def __init__(self) -> None:
        self._keepers: list[Keeper] = []
        self._drained: dict[str, Keeper] = {}

    def add(self, keeper: Keeper) -> None:
        """Announces the keeper of a guard of this program."""
        self._keepers.append(keeper)

    async def drain(self, instance: str, within: int, *, replaced: bool) -> None:
        """Has an instance drained by the keeper that knows it; nothing happens where none does."""
        silent: tuple[Keeper, Exception] | None = None
        for keeper in self._keepers:
            # One name for all that this program takes out: its next instance ends the drain of the one before.
            words = ("drain", instance, "--within", str(within), "--holder", "pulumi")
            try:
                answer = await _asked(keeper, *words, patience=PATIENCE if replaced else 0)
            except _TakenError as error:
                if not replaced:
                    pulumi.log.warn(f"{instance} goes without being drained: {error}")
                    return
                raise MustStayError(
                    f"{error}. Run `pulumi up` again when that one is back; "
                    f"to put it back at once: docker exec {keeper.container} {' '.join(_COMMAND)} restore NAME"
                ) from error
            except _silences() as silence:
                silent = (keeper, silence)
                continue
            if answer is None:
                continue
            self._drained[instance] = keeper
            if not answer["drained"]:
                left = f"{answer['left']} requests" if answer["left"] else answer.get("note")
                pulumi.log.warn(f"{instance} goes after {within} s, and not idle: {left}")
            return
        if silent:
            keeper, why = silent
            said = f"the keeper {keeper.container} does not answer: {why}"
            if replaced:
                raise MustStayError(
                    f"{said}. A new instance would get no requests; start the keeper first (docker start "
                    f"{keeper.container}, or `pulumi refresh` where it is gone), and run `pulumi up` again"
                )
            pulumi.log.warn(f"{instance} goes without being drained: {said}")

    async def restore(self, instance: str) -> bool:
        """Has an instance restored by the keeper that drained it."""
        keeper = self._drained.pop(instance, None)
        if not keeper:
            return False
        try:
            answer = await _asked(keeper, "restore", instance, "--within", str(_SEEN), patience=PATIENCE)
        except _silences() as error:
            raise NotBackError(f"the keeper {keeper.container} does not answer: {error}") from error
        if answer is None:
            return False
        if not answer["healthy"]:
            raise NotBackError(answer["note"])
        return True

    async def give_up(self, instance: str) -> None:
        """Ends the drain of an instance, without waiting for it."""
        if keeper := self._drained.pop(instance, None):
            try:
                await _asked(keeper, "restore", instance, "--within", "0", patience=0)
            except _silences() as error:
                pulumi.log.warn(f"the keeper {keeper.container} did not restore {instance}: {error}")


async def _asked(keeper: Keeper, *words: str, patience: float) -> Mapping[str, Any] | None:
    """A keeper's answer; while it is silent it is asked again, for ``patience`` seconds."""
    clock = asyncio.get_running_loop().time
    last = clock() + patience
    while True:
        try:
            return await asyncio.to_thread(keeper.ask, *words)
        except _silences():
            if clock() >= last:
                raise
        await asyncio.sleep(PAUSE)


def _silences() -> tuple[type[Exception], ...]:
    """What a keeper that does not answer shows as."""
    from docker.errors import DockerException  # noqa: PLC0415  see endpoint.client

    return (DockerException, OSError, ValueError)
