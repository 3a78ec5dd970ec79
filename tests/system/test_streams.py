"""Streams pass the edge as they are made: neither held back nor compressed."""

import json
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import httpx
import pytest

from tests.system.conftest import PACE
from tests.system.deployment import Deployment

THREE_SENTENCES = " ".join(f"This is sentence number {number}, and it is not the shortest." for number in range(1, 4))
"""Some 10 s of speech."""

A_PAUSE = PACE / 5
"""Seconds without a byte that tell one arrival from the next; the engine pauses up to PACE between two chunks."""

ZIPPED = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def arrivals(times: Sequence[float]) -> int:
    """How many times something came: what came together counts once."""
    return 1 + sum(later - earlier > A_PAUSE for earlier, later in pairwise(times))


def through_the_edge(deployment: Deployment, url: str, body: dict[str, str]) -> tuple[httpx.Response, list[float]]:
    """An answer's head, and when each of its chunks came, in seconds since the request."""
    start = time.monotonic()
    with deployment.client(headers=ZIPPED) as client, client.stream("POST", url, json=body) as answer:
        return answer, [time.monotonic() - start for _ in answer.iter_raw()]


def from_inside(deployment: Deployment, body: dict[str, str]) -> list[float]:
    """The same asked in the instance's own container, past edge and network."""
    program = (
        "import http.client, json, sys, time; start = time.monotonic(); "
        "connection = http.client.HTTPConnection('127.0.0.1', 8000); "
        "connection.request('POST', '/v1/audio/speech', sys.argv[1], {'Content-Type': 'application/json'}); "
        "answer = connection.getresponse(); "
        "print([time.monotonic() - start for _ in iter(lambda: answer.read1(65536), b'')])"
    )
    code, output = deployment.inside("slow-1", "python3", "-c", program, json.dumps(body))
    assert code == 0, output
    times: list[float] = json.loads(output)
    return times


@pytest.mark.parametrize("form", ["pcm", "mp3", "flac", "wav"])
def test_audio_comes_through_the_edge_chunk_by_chunk(shared: Deployment, form: str) -> None:
    body = {"model": "voice", "input": THREE_SENTENCES, "response_format": form}
    url = f"{shared.outputs()['pools']['slow']['url']}/v1/audio/speech"
    answer, times = through_the_edge(shared, url, body)
    own_times = from_inside(shared, body)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert arrivals(own_times) > 5, "the engine itself gives it in parts"
    assert arrivals(times) > arrivals(own_times) / 2
    assert times[0] < times[-1] / 2, "the first came long before the last"


def events(answer: httpx.Response) -> Iterator[tuple[float, str]]:
    """Gradio's events with the time of each, until it ends the stream."""
    for line in answer.iter_lines():
        if line.startswith("data:"):
            yield time.monotonic(), json.loads(line.removeprefix("data:"))["msg"]


def test_the_pages_events_come_through_the_edge_one_by_one(shared: Deployment) -> None:
    studio = shared.outputs()["pools"]["studio"]["url"]
    session = "of-this-test"
    asked = {"data": [THREE_SENTENCES * 10, "auto", 1.0], "fn_index": 0, "session_hash": session}
    with shared.client(headers=ZIPPED) as client:
        assert client.post(f"{studio}/gradio_api/queue/join", json=asked).status_code == 200
        with client.stream("GET", f"{studio}/gradio_api/queue/data", params={"session_hash": session}) as answer:
            came = list(events(answer))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers
    at = {message: when for when, message in came}
    assert "session_not_found" not in at
    assert at["process_completed"] - at["process_starts"] > 0.1, "while it speaks, the page knows that it does"
