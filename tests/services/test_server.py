"""What only a real process shows: slots, streams, cut connections, and a stop that finishes what it has."""

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.services.hearing import read_wav
from tests.services.serving import SERVICES, Start
from tests.waiting import in_time, measured_again, wait_for

LONG = "This sentence is one of several that take their time. " * 4
"""Some 12 s of speech: with VOICE_PACE 0.3 it takes some 4 s."""


def speech(text: str = LONG, form: str = "pcm") -> dict[str, str]:
    return {"input": text, "voice": "slt", "response_format": form}


def test_full_slots_answer_503_with_retry_after_and_stay_healthy(start: Start) -> None:
    server = start(VOICE_SLOTS="1", VOICE_PACE="1")
    with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=speech()) as busy:
        assert busy.status_code == 200
        refused = httpx.post(f"{server.url}/v1/audio/speech", json=speech())
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["error"]["code"] == "slots_full"
        health = httpx.get(f"{server.url}/health")
        assert health.status_code == 200
        assert health.json()["slots"] == {"total": 1, "busy": 1}
        assert health.elapsed.total_seconds() < 2
    assert server.metric('voice_requests_total{format="pcm",outcome="full"}') == 1


@pytest.mark.parametrize("form", ["wav", "pcm"])
def test_who_has_the_whole_answer_finds_a_slot(start: Start, form: str) -> None:
    server = start(VOICE_SLOTS="1")
    with httpx.Client(base_url=server.url) as client:
        asked = [client.post("/v1/audio/speech", json=speech("Yes.", form)).status_code for _ in range(60)]
    assert set(asked) == {200}, "a guard that counts slots has the next request here at once"


@measured_again
@pytest.mark.parametrize("form", ["wav", "pcm", "mp3", "flac"])
def test_audio_is_sent_while_it_is_made(start: Start, form: str) -> None:
    server = start(VOICE_PACE="0.3")
    begin = time.monotonic()
    with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=speech(form=form), timeout=60) as answer:
        arrived = [time.monotonic() - begin for chunk in answer.iter_bytes() if chunk]
    in_time(arrived[0], arrived[-1] / 2)


def test_a_cut_connection_frees_its_slot_and_ends_its_synthesis(start: Start) -> None:
    server = start(VOICE_SLOTS="1", VOICE_PACE="1")
    with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=speech(), timeout=30) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        assert server.metric("voice_slots_busy") == 1
    wait_for(lambda: server.metric("voice_slots_busy") == 0, seconds=3)
    assert server.metric('voice_requests_total{format="pcm",outcome="cut"}') == 1
    assert list(server.outputs.iterdir()) == [], "an answer that was cut is not kept"


def test_a_caller_who_leaves_before_the_first_byte_frees_its_slot(start: Start) -> None:
    server = start(VOICE_SLOTS="1", VOICE_PACE="30")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/audio/speech", json=speech(form="flac"), timeout=1)
    wait_for(lambda: server.metric("voice_slots_busy") == 0, seconds=3)
    children = subprocess.run(
        ["ps", "--ppid", str(server.process.pid), "-o", "comm="], capture_output=True, text=True, check=False
    )
    assert children.stdout.split() == []


def test_sigterm_finishes_what_it_has_and_takes_nothing_new(start: Start) -> None:
    server = start(VOICE_PACE="0.3")
    answers: list[httpx.Response] = []

    def talk() -> None:
        answers.append(httpx.post(f"{server.url}/v1/audio/speech", json=speech(form="wav"), timeout=60))

    talking = threading.Thread(target=talk)
    talking.start()
    wait_for(lambda: server.metric("voice_slots_busy") == 1, seconds=10)
    server.process.send_signal(signal.SIGTERM)

    def refuses() -> bool:
        try:
            httpx.get(f"{server.url}/health")
        except httpx.ConnectError:
            return True
        return False

    wait_for(refuses, seconds=2)
    assert talking.is_alive(), "the answer in flight goes on after the port is closed"
    talking.join(60)
    _, samples = read_wav(answers[0].content)
    assert len(samples) > 24_000
    assert server.process.wait(10) in (0, -signal.SIGTERM)
    assert len(list(server.outputs.iterdir())) == 1


def test_the_health_check_command(start: Start) -> None:
    server = start()
    port = server.url.rsplit(":", 1)[1]

    def check(port_: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["python3", "-m", "voice.healthcheck"],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SERVICES), "VOICE_PORT": port_},
            capture_output=True,
            text=True,
            check=False,
        )

    assert check(port).returncode == 0
    server.process.kill()
    server.process.wait()
    gone = check(port)
    assert gone.returncode == 1
    assert "refused" in gone.stdout
    assert check("eighty").returncode == 1


def test_the_log_is_json_lines_without_the_spoken_text(start: Start, tmp_path: Path) -> None:
    server = start()
    httpx.post(f"{server.url}/v1/audio/speech", json=speech("Secret words."), headers={"x-request-id": "from-caller"})
    (log,) = tmp_path.glob("log-*")
    wait_for(lambda: "from-caller" in log.read_text(), seconds=5)
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "from-caller"]
    assert line["outcome"] == "finished"
    assert line["characters"] == len("Secret words.")
    assert "Secret" not in text
    httpx.get(f"{server.url}/health")
    assert "/health" not in log.read_text(), "what is asked every few seconds is not worth a line"


def test_a_wrong_environment_is_told_at_once() -> None:
    ended = subprocess.run(
        ["python3", "-c", "from voice.settings import from_environment as f; import os; f(os.environ)"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SERVICES), "VOICE_SLOTS": "none", "VOICE_PACE": "nan"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "VOICE_SLOTS='none' should be a whole number, 1 to 64" in ended.stderr
    assert "VOICE_PACE='nan'" in ended.stderr
