"""speaches: speech and transcription behind OpenAI's API, with models fetched on demand.

The image starts uvicorn on 0.0.0.0:8000 (speaches-ai/speaches at v0.8.3: `Dockerfile`; its tags from
`.github/workflows/docker-build-and-push.yaml`). `POST /v1/audio/speech`, `/v1/audio/transcriptions`, `/v1/realtime`.
A model has to be fetched once, by `POST /v1/models/speaches-ai/Kokoro-82M-v1.0-ONNX`; the pool's volume keeps it for
all instances.

Ready: `/health` proves the process only; models are loaded by the first request, and unloaded after 300 s without
one. `API_KEY` in the environment closes all but `/health` and the documentation. A stop lets answers under way
finish.

VRAM: no figure is reported. 4 GB is our guess at Kokoro and one small transcriber; larger models need more. It runs
as uid 1000; its root was not tried read-only.
"""

from pulumi_tts.config.fetching import HUGGING_FACE
from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "ghcr.io/speaches-ai/speaches:0.8.3-cuda",
        "environment": {"PYTHONUNBUFFERED": "1", "LOG_LEVEL": "info"},
        "port": 8000,
        "kind": "api",
        "health": {
            "command": ["curl", "--fail", "--silent", "http://127.0.0.1:8000/health"],
            "path": "/health",
            "startup": "2m",
        },
        "models": "/home/ubuntu/.cache/huggingface/hub",
        "fetches_from": list(HUGGING_FACE),
        "user": "1000:1000",
        "read_only": False,
        "vram": "4g",
        "memory": "8g",
        "pids": 512,
        "stop_grace": "1m",
    }
)

CANNOT = {
    "read_only": "its root was not tried read-only",
    "fetches_from": "models are fetched when a client asks for one",
}
