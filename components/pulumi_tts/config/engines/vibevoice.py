"""VibeVoice: the community's Gradio page for long conversations of up to four speakers.

`python3 demo/gradio_demo.py --model_path DIR --device cuda` (vibevoice-community/VibeVoice at b9d5612, Gradio
5.50.0). Its `--port` is read and not used, so the port is `GRADIO_SERVER_PORT`'s; and it binds 127.0.0.1 whatever
`GRADIO_SERVER_NAME` says, unless `--share` opens a public tunnel. `engines/vibevoice`, which builds the image that
nobody publishes, mends that line.

Ready: `/config` answers once the page is up, after the model was loaded. One request runs and 20 wait, in one
process: sessions stay on their instance. Up to 90 minutes of audio are made in one request. Each result is a WAV in
the temporary directory, which is therefore `/outputs`. A stop takes the whole of `stop_grace`, as with every Gradio
page.

VRAM: others report 8.7 GB for the 1.5B model, 11.2 at its peak, and 19.8 GB for the 7B one: for that, write `weights:
{repository: vibevoice/VibeVoice-7B, revision: …}` and `vram: 22g`. The time to load is a limit that we chose.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "vibevoice",
        "weights": {"repository": "vibevoice/VibeVoice-1.5B"},
        "command": ["python3", "demo/gradio_demo.py", "--model_path", "/models/weights", "--device", "cuda"],
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "GRADIO_SERVER_PORT": "7860",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": "/outputs/gradio",
            "TMPDIR": "/outputs",
            "NUMBA_CACHE_DIR": "/tmp/numba",
        },
        "port": 7860,
        "kind": "ui",
        "base_path_variable": "GRADIO_ROOT_PATH",
        "health": {
            "command": ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/config')"],
            "path": "/config",
            "interval": "15s",
            "timeout": "10s",
            "startup": "10m",
        },
        "outputs": "/outputs",
        "vram": "12g",
        "memory": "16g",
        "pids": 1024,
    }
)
