"""One instance of a pool at a time, as the engine's hooks see it."""

import asyncio
from dataclasses import dataclass

import pytest

from pulumi_tts.docker import rolling
from pulumi_tts.docker.rolling import OneAtATime


@dataclass(frozen=True)
class Instance:
    name: str


FIRST, SECOND = Instance("voice-1"), Instance("voice-2")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "UNFOLLOWED_AFTER", 0.02)


async def replace(turns: OneAtATime, instance: Instance, log: list[str]) -> None:
    await turns.before_delete(instance)
    log.append(f"{instance.name} goes")
    await turns.after_delete(instance)
    await turns.before_create(instance)
    await asyncio.sleep(0.05)
    log.append(f"{instance.name} is back")
    await turns.after_create(instance)


def test_replacements_take_turns() -> None:
    log: list[str] = []

    async def both() -> None:
        turns = OneAtATime(settle=0.01)
        await asyncio.gather(replace(turns, FIRST, log), replace(turns, SECOND, log))

    asyncio.run(both())
    assert log == ["voice-1 goes", "voice-1 is back", "voice-2 goes", "voice-2 is back"]


def test_a_first_up_waits_for_nobody() -> None:
    async def creations() -> None:
        turns = OneAtATime(settle=60)
        for instance in (FIRST, SECOND):
            await turns.before_create(instance)
        for instance in (FIRST, SECOND):
            await turns.after_create(instance)

    asyncio.run(asyncio.wait_for(creations(), timeout=5))


def test_scaling_down_hands_the_permit_on_although_nothing_is_created() -> None:
    async def deletions() -> None:
        turns = OneAtATime(settle=60)
        for instance in (FIRST, SECOND):
            await turns.before_delete(instance)
            await turns.after_delete(instance)

    asyncio.run(asyncio.wait_for(deletions(), timeout=5))


def test_after_a_failed_replacement_the_others_are_left_alone() -> None:
    async def failing() -> None:
        turns = OneAtATime(settle=0.01)
        await turns.before_delete(FIRST)
        await turns.after_delete(FIRST)
        await turns.before_create(FIRST)
        waiting = asyncio.create_task(turns.before_delete(SECOND))
        await asyncio.sleep(0.05)
        assert not waiting.done(), "the permit is still with the first"
        assert turns.on_error(FIRST) is False, "the engine is not asked to try again"
        with pytest.raises(RuntimeError, match=r"voice-2 was not touched: voice-1 did not come up"):
            await waiting

    asyncio.run(failing())


def test_a_slow_creation_keeps_the_permit() -> None:
    async def slow() -> None:
        turns = OneAtATime(settle=0.01)
        await turns.before_delete(FIRST)
        await turns.after_delete(FIRST)
        await turns.before_create(FIRST)
        waiting = asyncio.create_task(turns.before_delete(SECOND))
        await asyncio.sleep(0.1)
        assert not waiting.done(), "a model that loads slowly is not a creation that never came"
        waiting.cancel()

    asyncio.run(slow())
