"""IndexTTS 2.5: its Gradio page.

`webui.py --host 0.0.0.0 --port 7860 --model_dir checkpoints` in the environment that `uv` made (index-tts/index-tts
at ee40fa7, Gradio 5.45.0, version 2.5 by default). Upstream publishes no image; `engines/indextts` builds one, with
the weights and the four smaller models in it, so that nothing is fetched at a start.

Ready: `/config` answers once the page is up, after the model was loaded. 20 requests wait in one process, whose
caches are not guarded against each other: sessions stay on their instance. Results and presets go to `outputs/`, so
`outputs_limit` is refused. A stop takes the whole of `stop_grace`, as with every Gradio page.

VRAM: others report about 10 GB; on a card with less, it takes half precision and leaves out emotion from text. The
time to load is a limit that we chose.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "indextts",
        "weights": {"repository": "IndexTeam/IndexTTS-2.5"},
        "command": [
            "python",
            "webui.py",
            "--host",
            "0.0.0.0",
            "--port",
            "7860",
            "--model_dir",
            "checkpoints",
        ],
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": "/opt/indextts/outputs/gradio",
            "HF_HUB_OFFLINE": "1",
            "NUMBA_CACHE_DIR": "/tmp/numba",
        },
        "port": 7860,
        "kind": "ui",
        "base_path_variable": "GRADIO_ROOT_PATH",
        "health": {
            "command": ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/config')"],
            "path": "/config",
            "interval": "15s",
            "timeout": "10s",
            "startup": "10m",
        },
        "outputs": "/opt/indextts/outputs",
        "outputs_hold_more": True,
        "vram": "10g",
        "memory": "16g",
        "pids": 1024,
    }
)
