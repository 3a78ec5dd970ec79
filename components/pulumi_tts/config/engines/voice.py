"""The reference engine: real speech on a CPU behind OpenAI's speech API, from this repository's `services/voice`."""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "voice",
        "port": 8000,
        "kind": "api",
        "health": {"command": ["python3", "-m", "voice.healthcheck"], "path": "/health", "startup": "60s"},
        "outputs": "/outputs",
        "memory": "512m",
    }
)
