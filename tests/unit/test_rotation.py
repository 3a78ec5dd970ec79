"""What keepers are asked when an instance goes and comes back, and what becomes of their answers."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pulumi_tts.docker import rotation as asking
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.rotation import Keeper, Keepers, MustStayError, NotBackError

INSTANCE = "tts-test-voice-1"


@dataclass
class Scripted:
    """The keepers of a test: what each answers to a command, and what they were asked."""

    answers: Mapping[tuple[str, str], Mapping[str, Any] | Exception | Iterator[Any] | None]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def ask(self, keeper: Keeper, *words: str) -> Mapping[str, Any] | None:
        self.asked.append((keeper.container, *words))
        answer = self.answers[keeper.container, words[0]]
        answer = next(answer) if isinstance(answer, Iterator) else answer
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
        await rotation.drain(INSTANCE, within=60, replaced=False)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is True
    drain = ("drain", INSTANCE, "--within", "60", "--holder", "pulumi")
    assert script.asked == [("theirs", *drain), ("ours", *drain), ("ours", "restore", INSTANCE, "--within", "60")]


def test_a_keeper_that_is_gone_stops_no_deletion(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    rotation = keepers(monkeypatch, Scripted({("ours", "drain"): ConnectionError("nobody there")}))

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60, replaced=False)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is False, "nobody can say that it is back"
    assert warned == ["tts-test-voice-1 goes without being drained: the keeper ours does not answer: nobody there"]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keepers that do not answer are asked again at once, and not for long."""
    monkeypatch.setattr(asking, "PATIENCE", 0.5)
    monkeypatch.setattr(asking, "PAUSE", 0.01)


@pytest.mark.usefixtures("hasty")
def test_nothing_is_replaced_whose_successor_nobody_would_send_requests_to(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({("theirs", "drain"): None, ("ours", "drain"): ConnectionError("nobody there")})
    with pytest.raises(MustStayError, match=r"the keeper ours does not answer: nobody there\. .* \(docker start ours"):
        asyncio.run(keepers(monkeypatch, script).drain(INSTANCE, within=60, replaced=True))
    assert len(script.asked) > 2, "it might have been starting"


@pytest.mark.usefixtures("hasty")
def test_a_keeper_that_is_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    drained = {"drained": True, "waited": 1.0, "left": 0}
    back = {"healthy": True, "waited": 0.5}
    starting = ConnectionError("not yet")
    script = Scripted({("ours", "drain"): iter([starting, drained]), ("ours", "restore"): iter([starting, back])})
    rotation = keepers(monkeypatch, script)

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60, replaced=True)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is True
    assert not warned


@pytest.mark.usefixtures("hasty")
def test_an_instance_of_which_nobody_says_that_it_is_back_is_not_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drained = {"drained": True, "waited": 1.0, "left": 0}
    script = Scripted({("ours", "drain"): drained, ("ours", "restore"): ConnectionError("nobody there")})
    rotation = keepers(monkeypatch, script)

    async def through() -> None:
        await rotation.drain(INSTANCE, within=60, replaced=True)
        await rotation.restore(INSTANCE)

    with pytest.raises(NotBackError, match="the keeper ours does not answer: nobody there"):
        asyncio.run(through())


@dataclass
class Ended:
    """Stands in for Docker: a command in the keeper's container that ended like this."""

    status: int
    output: bytes

    def __call__(self, at: Endpoint) -> "Ended":
        return self

    @property
    def containers(self) -> "Ended":
        return self

    def get(self, name: str) -> "Ended":
        return self

    def exec_run(self, command: list[str]) -> tuple[int, bytes]:
        return self.status, self.output


def drained_by(monkeypatch: pytest.MonkeyPatch, ended: Ended, *, replaced: bool) -> None:
    monkeypatch.setattr(asking, "client", ended)
    rotation = Keepers()
    rotation.add(Keeper(Endpoint("unix:///nowhere.sock"), "ours"))
    asyncio.run(rotation.drain(INSTANCE, within=60, replaced=replaced))


def test_a_turn_that_somebody_else_has_stops_the_update_and_no_deletion(
    monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    taken = Ended(3, b'{"drained": false, "note": "tts-test-voice-2 is out, for the schedule"}\n')
    with pytest.raises(MustStayError, match=r"voice-2 is out, for the schedule.*docker exec ours .* restore"):
        drained_by(monkeypatch, taken, replaced=True)
    assert not warned
    drained_by(monkeypatch, taken, replaced=False)
    assert warned == ["tts-test-voice-1 goes without being drained: tts-test-voice-2 is out, for the schedule"]


@pytest.mark.usefixtures("hasty")
def test_a_keeper_that_says_nothing_has_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MustStayError, match="it ended with status 0 and said: nothing"):
        drained_by(monkeypatch, Ended(0, b""), replaced=True)


def test_work_that_was_left_is_said(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    script = Scripted({("ours", "drain"): {"drained": False, "waited": 60.0, "left": 2}})
    asyncio.run(keepers(monkeypatch, script).drain(INSTANCE, within=60, replaced=False))
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
        await rotation.drain(INSTANCE, within=60, replaced=False)
        await rotation.restore(INSTANCE)

    with pytest.raises(NotBackError, match="answers 503"):
        asyncio.run(through())


def test_an_instance_that_nobody_drained_needs_no_restoring(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({("ours", "drain"): None})
    rotation = keepers(monkeypatch, script)

    async def through() -> bool:
        await rotation.drain(INSTANCE, within=60, replaced=False)
        await rotation.give_up(INSTANCE)
        return await rotation.restore(INSTANCE)

    assert asyncio.run(through()) is False
    assert [asked[1] for asked in script.asked] == ["drain"]
