"""A Gradio page on the reference engine, from this repository's `services/studio`.

It stands for the UIs of CosyVoice and VibeVoice: a queue in one process (so sessions must stay on their instance),
a path prefix told by `GRADIO_ROOT_PATH`, and `/config` as its honest check.

Measured on 2 cores in a container confined as a pool confines it: ready after 2.7 s; 121 MiB idle, 134 MiB while it
speaks; 4 processes. Its check is not called prompt: page, queue and work share one interpreter, and on a machine with
all its processors taken the answer was late for the guard, which cost sessions that were well.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "studio",
        "port": 7860,
        "kind": "ui",
        "base_path_variable": "GRADIO_ROOT_PATH",
        "health": {
            "command": ["python3", "-m", "studio.healthcheck"],
            "path": "/config",
            "interval": "5s",
            "startup": "60s",
        },
        "outputs": "/outputs",
        "traces": True,
        "memory": "512m",
        "pids": 128,
    }
)
