"""One instance of a pool at a time, as the engine's hooks see it."""

import asyncio
from dataclasses import dataclass, field

import pulumi
import pytest

from pulumi_tts.docker import rolling
from pulumi_tts.docker.rolling import OneAtATime
from pulumi_tts.docker.rotation import MustStayError, NotBackError

FIRST, SECOND = "voice-1", "voice-2"


@dataclass
class Guard:
    """Stands in for the keepers: says what it was asked, and answers as it is told."""

    drains: float = 0.0
    """Seconds until a drained instance is idle."""
    sees: bool | str = True
    """Whether it counts a new instance healthy; False where there is no keeper, or why it does not."""
    refuses: str = ""
    """Why an instance must not be replaced now."""
    asked: list[str] = field(default_factory=list)

    async def drain(self, instance: str, within: int, *, replaced: bool) -> None:
        if self.refuses and replaced:
            raise MustStayError(self.refuses)
        self.asked.append(f"drain {instance} within {within} s")
        await asyncio.sleep(self.drains)
        self.asked.append(f"{instance} is idle")

    async def restore(self, instance: str) -> bool:
        self.asked.append(f"restore {instance}")
        if isinstance(self.sees, str):
            raise NotBackError(self.sees)
        return self.sees

    async def give_up(self, instance: str) -> None:
        self.asked.append(f"give up {instance}")


def pool(*expected: str, settle: float = 0.01, guard: Guard | None = None) -> OneAtATime:
    """The permit of a pool of which the engine has not yet answered for some instances; without a guard by default."""
    turns = OneAtATime(guard or Guard(sees=False))
    turns.settle, turns.guarded = settle, guard is not None
    turns.expected.update(expected)
    return turns


async def replace(turns: OneAtATime, instance: str, log: list[str]) -> None:
    await turns.before_delete(instance)
    log.append(f"{instance} goes")
    turns.after_delete(instance)
    turns.before_create(instance)
    await asyncio.sleep(0.05)
    log.append(f"{instance} is back")
    await turns.after_create(instance)


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
    async def first() -> None:
        turns = pool(FIRST, SECOND, settle=60)
        for instance in (FIRST, SECOND):
            turns.before_create(instance)
        for instance in (FIRST, SECOND):
            await turns.after_create(instance)

    asyncio.run(asyncio.wait_for(first(), timeout=5))


def test_an_instance_is_drained_before_it_goes_and_the_next_one_waits_until_the_guard_sees_it_again() -> None:
    guard = Guard(drains=0.05)

    async def both() -> None:
        turns = pool(FIRST, SECOND, settle=60, guard=guard)
        await asyncio.gather(replace(turns, FIRST, guard.asked), replace(turns, SECOND, guard.asked))

    asyncio.run(asyncio.wait_for(both(), timeout=5))
    of_each = ["drain {0} within 60 s", "{0} is idle", "{0} goes", "{0} is back", "restore {0}"]
    assert guard.asked == [step.format(instance) for instance in (FIRST, SECOND) for step in of_each]


def test_a_new_instance_that_the_guard_does_not_see_healthy_stops_the_update() -> None:
    async def not_seen() -> None:
        turns = pool(FIRST, SECOND, guard=Guard(sees="its health check answers 503"))
        await replace(turns, FIRST, [])
        with pytest.raises(RuntimeError, match=r"voice-2 was not touched: voice-1 came .* answers 503\. Mend"):
            await turns.before_delete(SECOND)

    asyncio.run(asyncio.wait_for(not_seen(), timeout=5))


def test_the_last_instance_too_fails_the_update_if_it_gets_no_requests() -> None:
    async def not_seen() -> None:
        turns = pool(FIRST, guard=Guard(sees="its health check answers 503"))
        await replace(turns, FIRST, [])
        with pytest.raises(pulumi.RunError, match="voice-1 came up after its replacement and gets no requests: its he"):
            turns.registered(FIRST)

    asyncio.run(asyncio.wait_for(not_seen(), timeout=5))


def test_an_instance_that_must_stay_is_not_touched_and_nor_are_the_others() -> None:
    async def refused() -> None:
        guard = Guard(refuses="voice-3 is out, for the schedule")
        turns = pool(FIRST, SECOND, guard=guard)
        for instance in (FIRST, SECOND):
            with pytest.raises(RuntimeError, match=rf"{instance} was not touched: voice-3 is out, for the schedule"):
                await turns.before_delete(instance)
        assert not guard.asked

    asyncio.run(asyncio.wait_for(refused(), timeout=5))


@pytest.mark.parametrize("guarded", [True, False])
def test_what_is_not_replaced_may_go_without_anybodys_leave(guarded: bool) -> None:
    """Scaling down, and a pool without a guard, whose addresses nobody needs to be told."""

    async def goes() -> None:
        turns = pool(guard=Guard(refuses="the keeper does not answer"))
        turns.guarded = guarded
        if not guarded:
            turns.expected.add(FIRST)
        await turns.before_delete(FIRST)

    asyncio.run(asyncio.wait_for(goes(), timeout=5))


def test_a_replacement_that_failed_is_no_longer_held_out_of_rotation() -> None:
    guard = Guard()

    async def failing() -> None:
        turns = pool(FIRST, guard=guard)
        await turns.before_delete(FIRST)
        turns.after_delete(FIRST)
        turns.before_create(FIRST)
        await turns.on_error(FIRST)

    asyncio.run(failing())
    assert guard.asked[-1] == "give up voice-1"


def test_a_drain_that_breaks_off_gives_the_permit_back() -> None:
    async def broken() -> None:
        guard = Guard(drains=60)
        turns = pool(FIRST, SECOND, guard=guard)
        going = asyncio.create_task(turns.before_delete(FIRST))
        await asyncio.sleep(0.02)
        going.cancel()
        guard.drains = 0
        await turns.before_delete(SECOND)

    asyncio.run(asyncio.wait_for(broken(), timeout=5))


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
        await turns.on_error(FIRST)
        with pytest.raises(RuntimeError, match=r"voice-2 was not touched: voice-1 did not come up"):
            await waiting

    asyncio.run(failing())


def test_a_first_creation_that_fails_holds_up_no_later_replacement() -> None:
    async def failing() -> None:
        turns = pool(FIRST, SECOND)
        turns.before_create(FIRST)
        await turns.on_error(FIRST)
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
