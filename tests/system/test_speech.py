"""Audio out of an HTTP request, by each way in."""

import json

import pytest

from tests.services.hearing import loudness, read_wav
from tests.system.deployment import Deployment

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it goes home to sleep."
MANDARIN = "今天天气很好，我们一起去公园散步吧。"  # noqa: RUF001
QUIET = 300  # of 32768; silence is 0


def request_body(text: str, **more: str) -> dict[str, str]:
    return {"model": "voice", "input": text, "response_format": "wav", **more}


def own_speech(deployment: Deployment, text: str, **more: str) -> bytes:
    """The same request put to an instance from inside its container, past edge and network."""
    program = (
        "import json, sys, urllib.request as http; "
        "request = http.Request('http://127.0.0.1:8000/v1/audio/speech', sys.argv[1].encode(), "
        "{'Content-Type': 'application/json'}); sys.stdout.buffer.write(http.urlopen(request).read())"
    )
    code, output = deployment.inside("voice-1", "python3", "-c", program, json.dumps(request_body(text, **more)))
    assert code == 0, output
    return output


@pytest.mark.parametrize("way", ["a shared host name", "a host name per instance", "a stripped path prefix"])
def test_a_wav_with_speech_comes_out_of_each_way_in(shared: Deployment, way: str) -> None:
    outputs = shared.outputs()
    url = {
        "a shared host name": outputs["pools"]["voice"]["url"],
        "a host name per instance": outputs["pools"]["voice"]["instances"][1],
        "a stripped path prefix": f"{outputs['edge_url']}/speech",
    }[way]
    with shared.client() as client:
        answer = client.post(f"{url}/v1/audio/speech", json=request_body(SENTENCE))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/wav"
    rate, samples = read_wav(answer.content)
    own_rate, own_samples = read_wav(own_speech(shared, SENTENCE))
    assert len(samples) / rate == pytest.approx(len(own_samples) / own_rate, rel=0.2)
    assert loudness(samples) > QUIET


def test_mandarin_is_spoken_too(shared: Deployment) -> None:
    with shared.client() as client:
        url = shared.outputs()["pools"]["voice"]["url"]
        voices = client.get(f"{url}/v1/audio/voices").json()
        voice = mandarin_voice(voices)
        answer = client.post(f"{url}/v1/audio/speech", json=request_body(MANDARIN, voice=voice))
    assert answer.status_code == 200, answer.text
    rate, samples = read_wav(answer.content)
    assert loudness(samples) > QUIET
    assert len(samples) / rate > 2, "seventeen syllables take more than two seconds"


def mandarin_voice(voices: dict[str, list[dict[str, str]]]) -> str:
    """The name of a voice that speaks Mandarin."""
    return next(voice["id"] for voice in voices["voices"] if voice["language"].startswith(("cmn", "zh")))


def test_a_pools_requests_are_spread_over_its_instances(shared: Deployment) -> None:
    with shared.client() as client:
        url = shared.outputs()["pools"]["voice"]["url"]
        before = spoken_by_instance(shared)
        for _ in range(4):
            assert client.post(f"{url}/v1/audio/speech", json=request_body("Hello.")).status_code == 200
    after = spoken_by_instance(shared)
    assert all(after[name] > before[name] for name in after), "the pool balances over its instances"


def spoken_by_instance(deployment: Deployment) -> dict[str, int]:
    """How many files each voice instance keeps in its own output volume."""
    counts = {}
    for number in (1, 2):
        _, listing = deployment.inside(f"voice-{number}", "ls", "/outputs")
        counts[f"voice-{number}"] = len(listing.decode().split())
    return counts
