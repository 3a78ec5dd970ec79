"""CosyVoice 3's own Gradio page, on port 7860 as its users run it.

`python3 webui.py --port 7860 --model_dir DIR` binds 0.0.0.0 by itself (FunAudioLLM/CosyVoice at ace7c47: `webui.py`,
Gradio 5.4.0). Upstream publishes no image; `engines/cosyvoice3` builds one, with the weights in it.

Ready: `/config` answers once the page is up, and the page comes up after the model was loaded; it does not touch the
card afterwards. At most 2 requests run and 4 wait in a queue of one process, so sessions stay on their instance. What
Gradio makes and is given goes to `/outputs`. The process has no handler for a stop and, being the first in its
container, ignores it: a stop takes the whole of `stop_grace`, and work under way may finish in it.

VRAM: others report 6 to 8 GB, and 4.5 GB more with TensorRT (upstream's issue 835). Memory is known to grow (issues
491, 1453), so the limit is generous. The time to load is a limit that we chose.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "cosyvoice3",
        "weights": {"repository": "FunAudioLLM/Fun-CosyVoice3-0.5B-2512"},
        "command": ["python3", "webui.py", "--port", "7860", "--model_dir", "/models/weights"],
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": "/outputs",
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
        "vram": "8g",
        "memory": "16g",
        "pids": 1024,
    }
)
