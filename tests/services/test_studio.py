"""The Gradio page as a real process behind a prefix that a proxy strips."""

import json
import re
import signal
import threading
import time

import httpx
import pytest

from tests.services.hearing import loudness, read_wav
from tests.services.serving import Server, Start
from tests.waiting import wait_for

FORWARDED = {"x-forwarded-host": "voice.example", "x-forwarded-proto": "https"}


@pytest.fixture(scope="module")
def studio(start_for_all: Start) -> Server:
    return start_for_all("studio", "/config", GRADIO_ROOT_PATH="/studio", STUDIO_INSTANCE="studio-1")


def call(server: Server, text: str, voice: str = "auto", speed: float = 1.0) -> tuple[str, list[object]]:
    """One click, as a program makes it: the last event's name and data."""
    asked = httpx.post(f"{server.url}/gradio_api/call/speak", json={"data": [text, voice, speed]})
    events = httpx.get(f"{server.url}/gradio_api/call/speak/{asked.json()['event_id']}", timeout=60).text
    name, data = re.findall(r"event: (\w+)\ndata: (.*)\n", events)[-1]
    return name, json.loads(data)


def test_a_click_gives_a_sound_and_says_where_it_was_made(studio: Server) -> None:
    name, data = call(studio, "Hello from the studio.")
    assert name == "complete"
    audio, note = data
    assert isinstance(audio, dict)
    assert "/studio/gradio_api/file=" in audio["url"], "the page's links go through the prefix"
    sound = httpx.get(f"{studio.url}/gradio_api/file={audio['path']}")
    assert sound.headers["content-type"] == "audio/wav"
    _, samples = read_wav(sound.content)
    assert loudness(samples) > 500
    assert str(note).endswith("on studio-1")
    (kept,) = studio.outputs.iterdir()
    assert kept.read_bytes()[44:] == sound.content[44:]


def test_a_refusal_reaches_the_page(studio: Server) -> None:
    name, _ = call(studio, "...")
    assert name == "error"


def test_the_page_knows_its_prefix_and_its_instance(studio: Server) -> None:
    config = httpx.get(f"{studio.url}/config", headers=FORWARDED)
    assert config.json()["root"] == "https://voice.example/studio"
    assert "studio-1" in config.text
    assert config.headers["x-instance"] == "studio-1"


def test_the_page_loads_nothing_from_elsewhere(studio: Server) -> None:
    page = httpx.get(studio.url, headers=FORWARDED).text
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']((?:https?:)?//[^"']+)""", page)
    assert all(url.startswith("https://voice.example/studio") for url in loaded)
    theme = httpx.get(f"{studio.url}/theme.css").text
    assert "http" not in re.sub(r"http://www\.w3\.org", "", theme)
    config = httpx.get(f"{studio.url}/config").json()
    assert config["analytics_enabled"] is False
    assert config["stylesheets"] == []


def test_sigterm_does_not_wait_for_open_pages(start: Start) -> None:
    studio = start("studio", "/config")
    ended: list[float] = []

    def stay() -> None:
        with httpx.stream("GET", f"{studio.url}/gradio_api/heartbeat/page", timeout=60) as stream:
            for _ in stream.iter_raw():
                pass
        ended.append(time.monotonic())

    page = threading.Thread(target=stay)
    page.start()
    time.sleep(1)
    stopped = time.monotonic()
    studio.process.send_signal(signal.SIGTERM)
    studio.process.wait(20)
    page.join(5)
    assert ended, "the stream ended in good order rather than by a broken connection"
    assert ended[0] - stopped < 10
    wait_for(lambda: studio.process.poll() is not None, seconds=1)
