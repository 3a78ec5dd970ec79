"""What keepers are asked when an instance goes and comes back, and what becomes of their answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.rotation import Keeper, Keepers, NotBackError

INSTANCE = "tts-test-voice-1"


@dataclass
class Scripted:
    """The keepers of a test: what each answers to a command, and what they were asked."""

    answers: Mapping[tuple[str, str], Mapping[str, Any] | Exception | None]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def ask(self, keeper: Keeper, *words: str) -> Mapping[str, Any] | None:
        self.asked.append((keeper.container, *words))
        answer = self.answers[keeper.container, words[0]]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person who runs `pulumi up` is warned of."""
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)
    return said


def keepers(monkeypatch: pytest.MonkeyPatch, script: Scripted) -> Keepers:
    """As a program has them that made a guard for each container in the script."""

    def ask(keeper: Keeper, *words: str) -> Mapping[str, Any] | None:
        return script.ask(keeper, *words)

    monkeypatch.setattr(Keeper, "ask", ask)
    made = Keepers()
    for container in dict.fromkeys(container for container, _ in script.answers):
        made.add(Keeper(Endpoint("unix:///nowhere.sock"), container))
    return made


def test_the_keeper_that_knows_an_instance_drains_and_restores_it(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted(
        {
            ("theirs", "drain"): None,
            ("ours", "drain"): {"drained": True, "waited": 1.0, "left": 0},
            ("ours", "restore"): {"healthy": True, "waited": 0.5},
        }
    )
    rotation = keepers(monkeypatch, script)

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is True
    drain = ("drain", INSTANCE, "--within", "60", "--holder", "pulumi")
    assert script.asked == [("theirs", *drain), ("ours", *drain), ("ours", "restore", INSTANCE, "--within", "60")]


def test_a_keeper_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    rotation = keepers(monkeypatch, Scripted({("ours", "drain"): ConnectionError("nobody there")}))

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is False, "nobody can say that it is back"
    assert warned == ["the keeper ours did not drain tts-test-voice-1: nobody there"]


def test_work_that_was_left_is_said(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    script = Scripted({("ours", "drain"): {"drained": False, "waited": 60.0, "left": 2}})
    asyncio.run(keepers(monkeypatch, script).drain(INSTANCE, within=60))
    assert warned == ["tts-test-voice-1 goes after 60 s, and not idle: 2 requests"]


def test_an_instance_that_the_guard_does_not_count_healthy_is_not_back(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted(
        {
            ("ours", "drain"): {"drained": True, "waited": 0.0, "left": 0},
            ("ours", "restore"): {"healthy": False, "note": "its health check answers 503"},
        }
    )
    rotation = keepers(monkeypatch, script)

    async def through() -> None:
        await rotation.drain(INSTANCE, within=60)
        await rotation.restore(INSTANCE)

    with pytest.raises(NotBackError, match="answers 503"):
        asyncio.run(through())


def test_an_instance_that_nobody_drained_needs_no_restoring(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({("ours", "drain"): None})
    rotation = keepers(monkeypatch, script)

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60)
        await rotation.give_up(INSTANCE)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is False
    assert [asked[1] for asked in script.asked] == ["drain"]
