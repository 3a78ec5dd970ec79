"""Kokoro-FastAPI on a graphics card: a small model behind OpenAI's speech API, in the image with its voices.

The image starts uvicorn on 0.0.0.0:8880 (remsky/Kokoro-FastAPI at v0.8.0: `docker/gpu/Dockerfile.optimized`,
`docker/scripts/entrypoint.sh`); `-cu128` after the tag is for Blackwell cards. `POST /v1/audio/speech`, `GET
/v1/models`, and a page under `/web/`, which reads its path prefix from `UVICORN_ROOT_PATH`. It fetches nothing.

Ready: `/health`, which answers after the model was loaded and has spoken once. Speaking blocks it, so there is one
slot, and the check waits long before it counts. A stop lets answers under way finish.

VRAM: upstream measured 3.1 GB for 6 s of audio and 4.0 GB for 7.5 minutes. It runs as uid 1001 and keeps temporary
files below its own `/app`, hence the writable root. The time to load is a limit that we chose.

Compressed answers are encoded at 128 kbit/s (`api/src/services/streaming_audio_writer.py`).
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "ghcr.io/remsky/kokoro-fastapi-gpu:v0.8.0",
        "environment": {"PYTHONUNBUFFERED": "1", "USE_GPU": "true", "API_LOG_LEVEL": "INFO"},
        "port": 8880,
        "kind": "api",
        "slots": 1,
        "base_path_variable": "UVICORN_ROOT_PATH",
        "health": {
            "command": ["curl", "--fail", "--silent", "http://127.0.0.1:8880/health"],
            "path": "/health",
            "interval": "30s",
            "timeout": "30s",
            "retries": 5,
            "startup": "5m",
        },
        "user": "1001:1001",
        "read_only": False,
        "vram": "4g",
        "memory": "8g",
        "pids": 512,
        "stop_grace": "1m",
        "audio": {"rate": 24000, "kilobits": {"audio/mpeg": 128, "audio/aac": 128, "audio/opus": 128}},
    }
)

CANNOT = {
    "read_only": "it keeps temporary files below its own `/app`",
}
