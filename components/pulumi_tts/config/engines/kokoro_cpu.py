"""Kokoro-FastAPI without a graphics card: the same API from its image for CPUs.

As `kokoro`, from remsky/Kokoro-FastAPI at v0.8.0: `docker/cpu/Dockerfile.optimized`, whose user is 1000 where that of
the other image is 1001. Speaking blocks `/health` here too, and for longer.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "ghcr.io/remsky/kokoro-fastapi-cpu:v0.8.0",
        "environment": {"PYTHONUNBUFFERED": "1", "USE_GPU": "false", "API_LOG_LEVEL": "INFO"},
        "port": 8880,
        "kind": "api",
        "slots": 1,
        "base_path_variable": "UVICORN_ROOT_PATH",
        "health": {
            "command": ["curl", "--fail", "--silent", "http://127.0.0.1:8880/health"],
            "path": "/health",
            "interval": "60s",
            "timeout": "60s",
            "retries": 5,
            "startup": "5m",
        },
        "user": "1000:1000",
        "read_only": False,
        "memory": "8g",
        "pids": 512,
        "stop_grace": "1m",
        "audio": {"rate": 24000, "kilobits": {"audio/mpeg": 128, "audio/aac": 128, "audio/opus": 128}},
    }
)

CANNOT = {
    "read_only": "it keeps temporary files below its own `/app`",
}
