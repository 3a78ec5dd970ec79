"""The reference engine: real speech on a CPU behind OpenAI's speech API, from this repository's `services/voice`.

Measured on 2 cores in a container confined as a pool confines it: ready after 0.7 s; 43 MiB idle, 204 MiB while it
speaks two answers of 456 s each; 6 processes at most. It speaks as many at once as the pool has slots (`VOICE_SLOTS`).

WAV and PCM are counted to the sample. MP3 is encoded at 64 kbit/s, to which an answer adds some 0.05 s; FLAC took 174
to 219 kbit/s of each of its voices, 190 of most.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "voice",
        "port": 8000,
        "kind": "api",
        "health": {
            "command": ["python3", "-m", "voice.healthcheck"],
            "path": "/health",
            "interval": "5s",
            "prompt": True,
            "startup": "60s",
        },
        "outputs": "/outputs",
        "slots": 2,
        "slots_variable": "VOICE_SLOTS",
        "memory": "512m",
        "pids": 128,
        "audio": {"rate": 24000, "kilobits": {"audio/mpeg": 64, "audio/flac": 190}},
    }
)
