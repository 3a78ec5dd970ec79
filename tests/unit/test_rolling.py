"""One instance of a pool at a time, as the engine's hooks see it."""

import asyncio

import pytest

from pulumi_tts.docker import rolling
from pulumi_tts.docker.rolling import OneAtATime

FIRST, SECOND = "voice-1", "voice-2"


def pool(*expected: str, settle: float = 0.01) -> OneAtATime:
    """The permit of a pool of which the engine has not yet answered for some instances."""
    turns = OneAtATime()
    turns.settle = settle
    turns.expected.update(expected)
    return turns


async def replace(turns: OneAtATime, instance: str, log: list[str]) -> None:
    await turns.before_delete(instance)
    log.append(f"{instance} goes")
    turns.after_delete(instance)
    turns.before_create(instance)
    await asyncio.sleep(0.05)
    log.append(f"{instance} is back")
    turns.after_create(instance)


def test_replacements_take_turns() -> None:
    log: list[str] = []

    async def both() -> None:
        turns = pool(FIRST, SECOND)
        await asyncio.gather(replace(turns, FIRST, log), replace(turns, SECOND, log))

    asyncio.run(both())
    assert log == ["voice-1 goes", "voice-1 is back", "voice-2 goes", "voice-2 is back"]


def test_the_next_one_goes_only_when_the_edge_has_seen_the_last_one_also_if_nobody_was_waiting() -> None:
    async def one_after_the_other() -> float:
        turns, clock = pool(FIRST, SECOND, settle=0.2), asyncio.get_running_loop().time
        await replace(turns, FIRST, [])
        back = clock()
        await turns.before_delete(SECOND)
        return clock() - back

    assert asyncio.run(one_after_the_other()) == pytest.approx(0.2, abs=0.1)


def test_a_first_up_waits_for_nobody() -> None:
    turns = pool(FIRST, SECOND, settle=60)
    for instance in (FIRST, SECOND):
        turns.before_create(instance)
    for instance in (FIRST, SECOND):
        turns.after_create(instance)


def test_scaling_down_hands_the_permit_on_at_once() -> None:
    async def deletions() -> None:
        turns = pool(settle=60)
        for instance in (FIRST, SECOND):
            await turns.before_delete(instance)
            turns.after_delete(instance)

    asyncio.run(asyncio.wait_for(deletions(), timeout=5))


@pytest.mark.parametrize(
    "begun", [True, False], ids=["its creation failed", "its creation was slow to begin and failed"]
)
def test_after_a_failed_replacement_the_others_are_left_alone(begun: bool) -> None:
    async def failing() -> None:
        turns = pool(FIRST, SECOND)
        await turns.before_delete(FIRST)
        turns.after_delete(FIRST)
        waiting = asyncio.create_task(turns.before_delete(SECOND))
        if begun:
            turns.before_create(FIRST)
        await asyncio.sleep(0.05)
        assert not waiting.done(), "the permit is still with the first"
        turns.on_error(FIRST)
        with pytest.raises(RuntimeError, match=r"voice-2 was not touched: voice-1 did not come up"):
            await waiting

    asyncio.run(failing())


def test_a_first_creation_that_fails_holds_up_no_later_replacement() -> None:
    async def failing() -> None:
        turns = pool(FIRST, SECOND)
        turns.before_create(FIRST)
        turns.on_error(FIRST)
        await turns.before_delete(SECOND)

    asyncio.run(asyncio.wait_for(failing(), timeout=5))


def test_a_replacement_that_the_engine_gave_up_does_not_hold_the_others_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rolling, "ABANDONED_AFTER", 0.05)

    async def abandoned() -> None:
        turns = pool(FIRST, SECOND)
        await turns.before_delete(FIRST)
        turns.after_delete(FIRST)
        await turns.before_delete(SECOND)

    asyncio.run(asyncio.wait_for(abandoned(), timeout=5))


def test_a_creation_that_has_begun_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "ABANDONED_AFTER", 0.02)

    async def slow() -> None:
        turns = pool(FIRST, SECOND)
        await turns.before_delete(FIRST)
        turns.after_delete(FIRST)
        turns.before_create(FIRST)
        waiting = asyncio.create_task(turns.before_delete(SECOND))
        await asyncio.sleep(0.1)
        assert not waiting.done(), "a model that loads slowly is not a creation that never came"
        waiting.cancel()

    asyncio.run(slow())
