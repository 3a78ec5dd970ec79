"""Instances that die, hang, drain or are replaced while people go on asking: what that costs whom.

One stack of real engines on the real Docker, with the product's own defaults for `voice` but these: its answers take as
long as their audio (VOICE_PACE), Docker asks for its health each second, and the keeper does not restart what is dead
(`heal: none`), because these tests look at how the guard does without it.
"""

import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from docker.errors import APIError

from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.system.deployment import Deployment
from tests.system.guard_view import GuardView
from tests.system.speaking import BUSY, CUT, WHOLE, Answer, Heard, Pool, Text, arriving, callers
from tests.system.test_changes import in_turns
from tests.waiting import TooSlowError, in_time, measured_again, wait_for

INSTANCES, SLOTS = 3, 2
PORT = 8000
OUT, OUT_OF_REACH, BACK = 2.0, 3.0, 3.0
"""Seconds within which a dead instance is out of rotation, one that hangs or cannot be reached, and one is back."""
GOODPUT = 0.95
"""Of the slots, busy with answers that arrive, while four times too many people ask."""
AT_ONCE = 0.05
"""Seconds within which who finds no room is told so; of half of them, because this machine has other things to do."""

pytestmark = [
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("nsenter"), reason="stops processes and drops packets of containers"
    ),
    measured_again,
]

# Streams of 20 bytes, ten a second, for as long as the path says; at the path /stall, one that stops after five.
STREAMS = """
import asyncio

async def serve(reader, writer):
    try:
        path = (await reader.readuntil(b"\\r\\n\\r\\n")).split()[1].decode()
        if path == "/health":
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
            return
        writer.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nConnection: close\\r\\n\\r\\n")
        for number in range(5 if path == "/stall" else int(path[1:]) * 10):
            writer.write(b"14\\r\\n" + b"x" * 20 + b"\\r\\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        if path == "/stall":
            await asyncio.sleep(600)
        writer.write(b"0\\r\\n\\r\\n")
    finally:
        writer.close()

async def main():
    async with await asyncio.start_server(serve, "0.0.0.0", 8000) as server:
        await server.serve_forever()

asyncio.run(main())
"""
STREAMING, STALL = 64, 3


def faults_config(port: int) -> dict[str, Any]:
    """Three voices, and an engine that streams to 64 at once."""
    health = {
        "command": ["python3", "-m", "voice.healthcheck"],
        "path": "/health",
        "interval": "1s",
        "timeout": "1s",
        "retries": 10,
    }
    voice = {
        "name": "voice",
        "engine": "voice",
        "instances": INSTANCES,
        "environment": {"VOICE_PACE": "1", "VOICE_KEEP_OUTPUTS": "no"},
        "health": health,
        "heal": "none",
        "routes": {"pool": "voice.{domain}"},
    }
    streams = {
        "name": "streams",
        "engine": "voice",
        "command": ["python3", "-c", STREAMS],
        "slots": STREAMING,
        "stop_grace": "1s",
        "health": health,
        "heal": "none",
        "guard": {"deadlines": {"first_byte": "2s", "stall": f"{STALL}s"}},
        "routes": {"pool": "streams.{domain}"},
    }
    return {"pools": [voice, streams], "edge": {"port": port}}


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stack of this file, up."""
    deployment = Deployment("faults", faults_config(free_port()), tmp_path_factory.mktemp("faults"), engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


@pytest.fixture(scope="module")
def learnt(stack: Deployment) -> Pool:
    """The pool of voices, and how long their texts are: from half a second to some twenty."""
    pool = Pool(stack, "voice")
    GuardView(stack).until("voice", lambda found: len(found) == INSTANCES, 30)
    pool.learn(1, 3, 12, 25, 45)
    return pool


@pytest.fixture
def voices(stack: Deployment, learnt: Pool, view: GuardView) -> Iterator[Pool]:
    """The same with every instance in rotation, before and afterwards."""
    all_serve(view)
    yield learnt
    for name in instances(stack):
        stack.docker.containers.get(name).start()
    all_serve(view)


@pytest.fixture
def view(stack: Deployment) -> GuardView:
    """What the guard sees."""
    return GuardView(stack)


def instances(stack: Deployment) -> list[str]:
    """The names of the voices."""
    return [f"{stack.full_name}-voice-{number}" for number in range(1, INSTANCES + 1)]


def all_serve(view: GuardView) -> None:
    """Waits until every voice is in rotation."""
    view.until("voice", lambda found: len(found) == INSTANCES, 30)


def process(stack: Deployment, name: str) -> int:
    """The id, on this machine, of an instance's first process."""
    return int(stack.docker.api.inspect_container(name)["State"]["Pid"])


def own_health(stack: Deployment, name: str) -> int:
    """The status with which an instance itself answers for its health; 0 for no answer."""
    # From inside: the host is not on its network.
    ask = (
        f"from http.client import HTTPConnection; asked = HTTPConnection('127.0.0.1', {PORT}, timeout=5); "
        "asked.request('GET', '/health'); print(asked.getresponse().status, end='')"
    )
    try:
        code, output = stack.inside(name.removeprefix(f"{stack.full_name}-"), "python3", "-c", ask)
    except APIError:  # it does not run
        return 0
    return int(output.decode()) if code == 0 else 0


def short(pool: Pool) -> list[Text]:
    """The texts of a second or two, of which many are said while something happens."""
    return [text for text in pool.texts if text.seconds < 3]


def lost(heard: Heard) -> list[Answer]:
    """Everybody who got neither a whole answer nor was asked to come back."""
    return [answer for answer in heard.answers if answer.outcome not in (WHOLE, BUSY)]


def only_streams_cut_on(name: str, at: float, heard: Heard) -> None:
    """Whoever lost an answer had it from that instance, when it happened, and could see that it was not all."""
    for answer in lost(heard):
        assert answer.began < at, f"asked after it happened: {answer}"
        assert (answer.outcome, answer.instance) == (CUT, name) or not answer.instance, answer
    assert len(lost(heard)) <= SLOTS


def test_a_killed_instance_costs_the_streams_that_it_had_and_nothing_else(
    stack: Deployment, voices: Pool, view: GuardView
) -> None:
    victim = instances(stack)[0]
    with callers(voices, 3, short(voices)) as heard:
        time.sleep(3)
        at = time.monotonic()
        stack.docker.containers.get(victim).kill("SIGKILL")
        dead = time.monotonic()
        out = view.until("voice", lambda found: victim not in found, OUT) - at
        time.sleep(3)
    only_streams_cut_on(victim, dead, heard)
    assert not heard.of(BUSY), "two of three have room for three callers"
    assert len(heard.of(WHOLE)) > 5
    print(f"\nout of rotation after {out:.2f} s; {len(heard.of(WHOLE))} whole, {len(lost(heard))} cut")


def test_an_instance_that_hangs_gets_nothing_new(stack: Deployment, voices: Pool, view: GuardView) -> None:
    victim = instances(stack)[1]
    with callers(voices, 3, short(voices)) as heard:
        time.sleep(2)
        at = time.monotonic()
        os.kill(process(stack, victim), signal.SIGSTOP)
        try:
            out = view.until("voice", lambda found: victim not in found, OUT_OF_REACH)
            time.sleep(3)
        finally:
            os.kill(process(stack, victim), signal.SIGCONT)
    assert [answer for answer in heard.answers if answer.began > out and answer.outcome != WHOLE] == []
    assert len(lost(heard)) <= SLOTS, "those that it had, or got before it was found out"
    print(f"\nout of rotation after {out - at:.2f} s; {len(lost(heard))} lost of those that it had")


def test_an_instance_that_says_it_is_not_ready_gets_nothing_and_loses_nothing(
    stack: Deployment, voices: Pool, view: GuardView
) -> None:
    victim = instances(stack)[2]
    with cannot_speak(stack, victim), callers(voices, 3, short(voices)) as heard:
        deadline = time.monotonic() + 10
        while own_health(stack, victim) != httpx.codes.SERVICE_UNAVAILABLE:
            assert time.monotonic() < deadline
        at = time.monotonic()
        out = view.until("voice", lambda found: victim not in found, OUT_OF_REACH) - at
        time.sleep(2)
    assert lost(heard) == []
    assert not heard.of(BUSY)
    print(f"\nout of rotation after {out:.2f} s")


@contextmanager
def cannot_speak(stack: Deployment, name: str) -> Iterator[None]:
    """Meanwhile the instance has no `flite`, which its health check speaks with, and these callers' voice does not."""
    inside = ["nsenter", "--target", str(process(stack, name)), "--mount"]
    subprocess.run([*inside, "mount", "--bind", "/bin/false", "/usr/bin/flite"], check=True)
    yield
    stack.docker.containers.get(name).restart()  # with mounts of its own again


def test_an_instance_that_cannot_be_reached_costs_no_request(stack: Deployment, voices: Pool, view: GuardView) -> None:
    victim = instances(stack)[0]
    with callers(voices, 3, short(voices)) as heard:
        time.sleep(5)  # an instance that the test before has restarted is busy with itself
        with out_of_reach(stack, victim) as at:
            out = view.until("voice", lambda found: victim not in found, OUT_OF_REACH) - at
            time.sleep(3)
    only_streams_cut_on(victim, at, heard)
    assert not heard.of(BUSY)
    print(f"\nout of rotation after {out:.2f} s; {len(lost(heard))} cut")


@contextmanager
def out_of_reach(stack: Deployment, name: str) -> Iterator[float]:
    """Meanwhile nothing that is sent to the instance arrives, and nobody is told; since when, is given."""
    inside = ["nsenter", "--target", str(process(stack, name)), "--net", "iptables"]
    rule = ["INPUT", "--in-interface", "eth0", "--protocol", "tcp", "--dport", str(PORT), "--jump", "DROP"]
    subprocess.run([*inside, "--append", *rule], check=True)
    try:
        yield time.monotonic()
    finally:
        subprocess.run([*inside, "--delete", *rule], check=True)


def test_with_two_of_three_dead_the_third_serves_its_slots_and_the_rest_is_told_at_once(
    stack: Deployment, voices: Pool, view: GuardView
) -> None:
    with callers(voices, SLOTS, short(voices)) as heard:
        time.sleep(1)
        at = time.monotonic()
        for name in instances(stack)[1:]:
            stack.docker.containers.get(name).kill("SIGKILL")
        dead = time.monotonic()
        out = view.until("voice", lambda found: len(found) == 1, OUT)
        time.sleep(4)
    assert [answer for answer in heard.answers if answer.began > out and answer.outcome != WHOLE] == []
    assert all(answer.began < dead for answer in lost(heard))
    crowd = arriving(voices, rate=15, seconds=4, text=voices.texts[1])
    assert {answer.outcome for answer in crowd.answers} == {WHOLE, BUSY}
    told = sorted(answer.ended - answer.began for answer in crowd.of(BUSY))
    in_time(statistics.median(told), AT_ONCE)
    how_fast = f"{statistics.median(told) * 1000:.0f} ms (half), {quantile(told, 0.95) * 1000:.0f} ms (95 %)"
    print(f"\nout of rotation after {out - at:.2f} s; of a crowd {len(told)} were told to come again in {how_fast}")


def test_with_all_dead_everybody_is_told_at_once_and_served_soon_after_one_is_back(
    stack: Deployment, voices: Pool, view: GuardView
) -> None:
    for name in instances(stack):
        stack.docker.containers.get(name).kill("SIGKILL")
    view.until("voice", lambda found: not found, 2 * OUT)
    nobody = arriving(voices, rate=10, seconds=2, text=voices.texts[0])
    assert {answer.outcome for answer in nobody.answers} == {BUSY}
    in_time(statistics.median(answer.ended - answer.began for answer in nobody.answers), AT_ONCE)
    first = instances(stack)[0]
    stack.docker.containers.get(first).start()
    while own_health(stack, first) != httpx.codes.OK:
        time.sleep(0.02)
    at = time.monotonic()
    with callers(voices, 1, voices.texts[:1]) as heard:
        wait_for(lambda: bool(heard.of(WHOLE)), BACK + voices.texts[0].seconds)
    served = min(answer.began for answer in heard.of(WHOLE)) - at
    assert not lost(heard)
    in_time(served, BACK)
    print(f"\nserved {served:.2f} s after it was healthy")


def quantile(values: list[float], part: float) -> float:
    """The value that so large a part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def test_an_up_with_a_new_image_fails_no_request_however_long(stack: Deployment, voices: Pool, view: GuardView) -> None:
    before = stack.lasting_ids()
    running = stack.docker.containers.get(instances(stack)[0])
    running.commit("pulumi-tts/voice", "faults", changes=f'LABEL made="{time.time()}"')
    stack.pool("voice")["image"] = "pulumi-tts/voice:faults"
    with stack.events() as events, callers(voices, 3) as heard:
        time.sleep(2)
        stack.up()
    after = stack.lasting_ids()
    assert {name for name in before if after[name] != before[name]} == set(instances(stack))
    assert [answer for answer in heard.answers if answer.outcome != WHOLE] == []
    assert len(heard.answers) > 5
    assert in_turns(events), "never two at a time"
    longest = max(answer.ended - answer.began for answer in heard.answers)
    print(f"\n{len(heard.answers)} whole, the longest {longest:.1f} s")


def test_a_stop_of_the_guard_lets_what_is_under_way_finish(stack: Deployment, voices: Pool) -> None:
    report_a_restart(stack, voices, f"{stack.full_name}-guard")


def test_a_stop_of_the_edge_lets_what_is_under_way_finish(stack: Deployment, voices: Pool) -> None:
    report_a_restart(stack, voices, f"{stack.full_name}-edge")


def report_a_restart(stack: Deployment, voices: Pool, name: str) -> None:
    """There is one of these, so that who asks while it is away is refused; who asked before is not."""
    with callers(voices, 3, voices.texts[1:3]) as heard:
        time.sleep(3)
        at = time.monotonic()
        stack.docker.containers.get(name).restart(timeout=35)
        wait_for(lambda: any(answer.outcome == WHOLE and answer.began > at + 1 for answer in heard.answers), 30)
    refused = lost(heard)
    assert [answer for answer in refused if answer.began < at] == [], "it was under way"
    assert CUT not in {answer.outcome for answer in refused}
    away = max((answer.ended for answer in refused), default=at) - at
    print(f"\n{name}: under way all whole; away {away:.1f} s, in which {len(refused)} were refused")


def test_four_times_too_much_is_served_as_fast_as_it_can_be_and_the_rest_is_told_at_once(
    voices: Pool, view: GuardView
) -> None:
    text, seconds = voices.texts[2], 30
    slots = INSTANCES * SLOTS
    start = time.monotonic()
    crowd = arriving(voices, rate=4 * slots / text.spoken, seconds=seconds, text=text)
    assert {answer.outcome for answer in crowd.answers} == {WHOLE, BUSY}
    # Each whole answer has kept a slot busy for as long as its audio is.
    begin, end = start + 5, start + seconds
    busy = sum(max(0.0, min(answer.ended, end) - max(answer.ended - text.spoken, begin)) for answer in crowd.of(WHOLE))
    goodput = busy / (slots * (end - begin))
    told = [answer.ended - answer.began for answer in crowd.of(BUSY)]
    how_fast = f"{statistics.median(told) * 1000:.0f} ms (half), {quantile(told, 0.95) * 1000:.0f} ms (95 %)"
    print(f"\n{len(crowd.of(WHOLE))} whole, goodput {goodput:.1%}; {len(told)} told to come again in {how_fast}")
    if goodput < GOODPUT:
        raise TooSlowError(f"{goodput:.1%} of the slots were busy, {GOODPUT:.0%} at least")
    in_time(statistics.median(told), AT_ONCE)
    with callers(voices, 1, [text]) as afterwards:
        wait_for(lambda: bool(afterwards.answers), 10)
    (first, *_) = afterwards.answers
    assert first.outcome == WHOLE
    in_time(first.ended - first.began, text.seconds + 0.5)  # nobody is in line any more


def test_of_64_streams_only_the_one_that_stalls_ends(stack: Deployment, voices: Pool) -> None:
    pool = Pool(stack, "streams")
    outcomes = pool.many(["/stall", *[f"/{STALL * 2}"] * (STREAMING - 1)])
    stalled, others = outcomes[0], outcomes[1:]
    assert stalled.outcome == CUT
    assert stalled.ended - stalled.began >= STALL
    in_time(stalled.ended - stalled.began, STALL + 2.5)
    assert {answer.outcome for answer in others} == {WHOLE}
    print(f"\nthe one that stalled ended after {stalled.ended - stalled.began:.1f} s")
