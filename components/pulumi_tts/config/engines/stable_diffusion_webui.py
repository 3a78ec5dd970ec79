"""Stable Diffusion WebUI (AUTOMATIC1111): its page, and its API under `/sdapi/v1/`.

`launch.py --listen --port 7860 --api --data-dir DIR --ckpt-dir DIR` (AUTOMATIC1111/stable-diffusion-webui at v1.10.1,
82a973c: `modules/cmd_args.py`; Gradio 3.41.2, whose queue is a WebSocket). It listens on 127.0.0.1 without
`--listen`. Upstream publishes no image; `engines/stable-diffusion-webui` builds one, without any checkpoint: put
yours into the pool's volume (below: a volume filled by hand). Settings and images go to `/outputs`, of each instance
its own, so `outputs_limit` is refused.

Ready: `/sdapi/v1/memory`, which asks the card for its memory, so it fails when the card is gone; a model may still be
loading. One image is made at a time. The page asks for absolute paths, unless its `--subpath` is told, so it needs a
host name of its own. Tokenizers come from Hugging Face with the first model, hence the way out. A stop takes the
whole of `stop_grace`, as with every Gradio page.

VRAM: no figure; 8 GB is our guess at SDXL, and `--medvram` in a command of your own makes it less. Memory grows when
checkpoints are switched (upstream's issue 9323). The time to load is a limit that we chose.
"""

from pulumi_tts.config.fetching import HUGGING_FACE
from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "stable-diffusion-webui",
        "command": [
            "python3",
            "launch.py",
            "--skip-prepare-environment",
            "--listen",
            "--port",
            "7860",
            "--api",
            "--data-dir",
            "/outputs",
            "--ckpt-dir",
            "/models",
            "--no-download-sd-model",
        ],
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": "/outputs/gradio",
            "HF_HOME": "/outputs/huggingface",
        },
        "port": 7860,
        "kind": "ui",
        "own_host": True,
        "health": {
            "command": [
                "python3",
                "-c",
                "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/sdapi/v1/memory')",
            ],
            "path": "/sdapi/v1/memory",
            "interval": "15s",
            "timeout": "10s",
            "startup": "10m",
        },
        "outputs": "/outputs",
        "outputs_hold_more": True,
        "models": "/models",
        "fetches_from": list(HUGGING_FACE),
        "read_only": False,
        "vram": "8g",
        "memory": "16g",
        "pids": 1024,
    }
)

CANNOT = {
    "read_only": "it writes below its own folder, and its root was not tried read-only",
    "fetches_from": "tokenizers come from Hugging Face with the first model",
}
