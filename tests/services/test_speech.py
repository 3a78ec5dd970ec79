"""The API in this process: what is asked, what comes back."""

# ruff: noqa: RUF001
import asyncio
import itertools
import subprocess
import wave
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.hearing import loudness, read_wav
from voice import api, dsp, formats, synthesis
from voice.settings import Settings
from voice.voices import ALIASES, VOICES

ENGLISH = "The quick brown fox jumps over the lazy dog. It does so every morning."
MANDARIN = "今天天气很好。我们去公园散步。"


@pytest.fixture
def voice(tmp_path: Path) -> Settings:
    return Settings(outputs_dir=tmp_path)


def ask(settings_: Settings, method: str, path: str, **request: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(api.create_app(settings_))
        async with httpx.AsyncClient(transport=transport, base_url="http://voice") as client:
            return await client.request(method, path, **request)

    return asyncio.run(once())


def speak(settings_: Settings, **fields: Any) -> httpx.Response:
    return ask(settings_, "POST", "/v1/audio/speech", json={"response_format": "wav", **fields})


def error(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return dict(body["error"])


# ---- speech


def test_a_wav_has_the_right_header_and_sound_in_it(voice: Settings) -> None:
    answer = speak(voice, input=ENGLISH)
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content)
    rate, samples = read_wav(answer.content)
    assert rate == dsp.RATE
    assert loudness(samples) > 500


def test_it_lasts_as_long_as_the_engine_itself_needs(voice: Settings, tmp_path: Path) -> None:
    alone = tmp_path / "alone.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", ENGLISH, "-o", str(alone)], check=True)
    with wave.open(str(alone)) as sound:
        expected = sound.getnframes() / sound.getframerate()
    rate, samples = read_wav(speak(voice, input=ENGLISH, voice="slt").content)
    assert len(samples) / rate == pytest.approx(expected, rel=0.2)


def test_mandarin(voice: Settings) -> None:
    rate, samples = read_wav(speak(voice, input=MANDARIN, voice="cmn").content)
    assert 2 < len(samples) / rate < 8
    assert loudness(samples) > 500
    assert speak(voice, input=MANDARIN).content == speak(voice, input=MANDARIN, voice="cmn").content, "auto"


@pytest.mark.parametrize("name", [voice.id for voice in VOICES])
def test_every_voice_speaks(voice: Settings, name: str) -> None:
    _, samples = read_wav(speak(voice, input="1 2 3", voice=name).content)
    assert loudness(samples) > 300


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed(voice: Settings, speed: float) -> None:
    _, natural = read_wav(speak(voice, input=ENGLISH).content)
    _, changed = read_wav(speak(voice, input=ENGLISH, speed=speed).content)
    assert len(natural) / len(changed) == pytest.approx(speed, rel=0.05)


def test_all_formats_carry_the_same_speech(voice: Settings) -> None:
    pcm = speak(voice, input=ENGLISH, response_format="pcm").content
    assert speak(voice, input=ENGLISH).content[44:] == pcm
    flac = speak(voice, input=ENGLISH, response_format="flac")
    assert flac.headers["content-type"] == "audio/flac"
    decoded = subprocess.run(
        ["flac", "-dcs", "--force-raw-format", "--endian=little", "--sign=signed", "-"],
        input=flac.content,
        capture_output=True,
        check=True,
    )
    assert decoded.stdout == pcm
    mp3 = speak(voice, input=ENGLISH, response_format="mp3")
    assert mp3.headers["content-type"] == "audio/mpeg"
    assert len(mp3.content) * 8 / 64_000 == pytest.approx(formats.seconds(len(pcm)), rel=0.05)


def test_openais_names_work_unchanged(voice: Settings) -> None:
    plain = speak(voice, model="tts-1", input=ENGLISH, voice="alloy", instructions="cheerfully")
    assert plain.content == speak(voice, input=ENGLISH, voice=ALIASES["alloy"]).content


@pytest.mark.parametrize("text", ["-v de -f /etc/passwd", "$(id) `id` ; id", "<speak>hi</speak>", "[h][ào] 你好"])
def test_text_is_only_ever_text(voice: Settings, text: str) -> None:
    _, samples = read_wav(speak(voice, input=text, voice="cmn").content)
    assert loudness(samples) > 300


def test_finished_answers_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    bounded = Settings(outputs_dir=tmp_path, outputs_max_mb=1)
    answer = speak(bounded, input=ENGLISH)
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == answer.content
    for _ in range(6):
        speak(bounded, input=ENGLISH, speed=0.7)
    files = list(tmp_path.iterdir())
    assert kept not in files
    assert 0 < sum(file.stat().st_size for file in files) <= 2**20


def test_a_missing_outputs_folder_does_not_stop_the_speech(tmp_path: Path) -> None:
    assert speak(Settings(outputs_dir=tmp_path / "absent"), input=ENGLISH).status_code == 200


# ---- refusals


@pytest.mark.parametrize(
    ("fields", "param", "code", "hint"),
    [
        ({"voice": "mandrin"}, "voice", "unknown_voice", '"mandarin"'),
        ({"model": "tts-2"}, "model", "unknown_model", '"tts-1"'),
        ({"input": ""}, "input", "invalid_request", "at least 1"),
        ({"input": " ... \n"}, "input", "nothing_to_speak", "at least one letter"),
        ({"input": "a" * 5000}, "input", "input_too_long", "4096"),
        ({"input": "你好", "voice": "slt"}, "input", "voice_cannot_read_input", "auto"),
        ({"speed": 9}, "speed", "invalid_request", "less than or equal to 4, and 9 was sent"),
        ({"response_format": "opus"}, "response_format", "invalid_request", "'flac' or 'mp3'"),
        ({"sped": 1}, "sped", "invalid_request", '"speed"'),
    ],
)
def test_a_refusal_says_what_would_be_right(
    voice: Settings, fields: dict[str, Any], param: str, code: str, hint: str
) -> None:
    answer = speak(voice, **{"input": "Hello.", **fields})
    told = error(answer)
    assert answer.status_code == 400
    assert (told["param"], told["code"], told["type"]) == (param, code, "invalid_request_error")
    assert hint in told["message"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{"}, 400),
        ({"content": b"[]"}, 400),
        ({"content": b'{"input": "' + b"a" * 700_000 + b'"}'}, 413),
        ({"json": None}, 400),
    ],
)
def test_bodies_that_are_not_requests(voice: Settings, request_: dict[str, Any], status: int) -> None:
    answer = ask(voice, "POST", "/v1/audio/speech", headers={"content-type": "application/json"}, **request_)
    assert answer.status_code == status
    error(answer)


def test_other_paths_and_methods_are_told_in_the_same_shape(voice: Settings) -> None:
    assert error(ask(voice, "GET", "/nowhere"))["code"] == "not_found"
    assert error(ask(voice, "GET", "/v1/audio/speech"))["code"] == "method_not_allowed"


def test_a_wav_beyond_its_bound_is_refused_before_it_fills_the_memory(
    voice: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "WAV_SECONDS", 2)
    told = error(speak(voice, input=ENGLISH))
    assert told["code"] == "too_long_for_wav"
    assert speak(voice, input=ENGLISH, response_format="pcm").status_code == 200


def test_a_synthesiser_that_fails_is_an_honest_500_and_unhealthy(
    voice: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "_command", lambda piece, voice_: (["false"], b""))
    answer = speak(voice, input=ENGLISH)
    assert answer.status_code == 500
    assert error(answer)["code"] == "synthesis_failed"
    health = ask(voice, "GET", "/health")
    assert health.status_code == 503
    assert "status 1" in health.json()["problem"]


def test_a_synthesiser_that_is_silent_is_unhealthy(voice: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silence(*_: object) -> tuple[bytes, int]:
        return bytes(48_000), dsp.RATE

    monkeypatch.setattr(synthesis, "_run", silence)
    assert "silent" in ask(voice, "GET", "/health").json()["problem"]


# ---- what else is asked of an engine


def test_models_voices_and_health(voice: Settings) -> None:
    assert "voice" in [model["id"] for model in ask(voice, "GET", "/v1/models").json()["data"]]
    listed = ask(voice, "GET", "/v1/audio/voices").json()["voices"]
    assert {"en-US", "zh-CN"} <= {one["language"] for one in listed}
    health = ask(voice, "GET", "/health")
    assert health.status_code == 200
    assert health.json() == {"status": "ok", "slots": {"total": 2, "busy": 0}}


def test_a_request_id_is_kept_unless_it_is_unsafe(voice: Settings) -> None:
    def id_for(given_: str) -> str:
        return str(ask(voice, "GET", "/health", headers={"x-request-id": given_}).headers["x-request-id"])

    assert id_for("abc-123") == "abc-123"
    for unsafe in ("../../etc/passwd", ".hidden", "a b", "x" * 65):
        assert id_for(unsafe) != unsafe


WEIRD = st.one_of(
    st.text(min_size=1, max_size=60),
    st.text(alphabet="aeiou.,!?;:-'\"()[]{}<>\\/|&%$#@*0123456789 \n\t", min_size=1, max_size=60),
    st.text(alphabet="你好世界。，！？[]hàoǎo1 ", min_size=1, max_size=40),
)


@given(text=WEIRD, voice_name=st.sampled_from(["auto", "slt", "cmn", "en-us"]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_spoken_or_refused(voice: Settings, text: str, voice_name: str) -> None:
    answer = speak(voice, input=text, voice=voice_name)
    if answer.status_code == 200:
        _, samples = read_wav(answer.content)
        assert samples
    else:
        assert answer.status_code == 400
        assert error(answer)["code"] in {"nothing_to_speak", "voice_cannot_read_input"}


def test_request_ids_differ(voice: Settings) -> None:
    ids = [ask(voice, "GET", "/v1/models").headers["x-request-id"] for _ in range(3)]
    assert all(one != other for one, other in itertools.combinations(ids, 2))
