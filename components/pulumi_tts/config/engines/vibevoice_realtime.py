"""VibeVoice-Realtime: Microsoft's WebSocket for one voice, and a small page on it.

`python3 demo/vibevoice_realtime_demo.py --model_path DIR --port 3000 --device cuda` binds 0.0.0.0 by itself
(microsoft/VibeVoice at e73d1e1). `WebSocket /stream?text=…&voice=…` answers s16le at 24 000 Hz. Nobody publishes an
image; `engines/vibevoice-realtime` builds one.

Ready: `/config`, which answers only after the model was loaded. One client speaks at a time, and another is closed
with 1013, hence one slot, which the page's own files take for a moment too: run as many instances as there are to be
voices at once. The page asks for absolute paths, so it needs a host name of its own. A stop closes the connection under
way. It writes nothing.

VRAM: no figure is reported. 0.5 billion parameters in bf16 are 1 GB; 4 GB is our guess at the rest, to be put right
by what `nvidia-smi` shows. Upstream: real time on a T4. The time to load is a limit that we chose.

Its audio is counted by the bytes of the WebSocket, with the frames' own and its reports among them: a little too much.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "vibevoice-realtime",
        "weights": {"repository": "microsoft/VibeVoice-Realtime-0.5B"},
        "command": [
            "python3",
            "demo/vibevoice_realtime_demo.py",
            "--model_path",
            "/models/weights",
            "--port",
            "3000",
            "--device",
            "cuda",
        ],
        "environment": {"PYTHONUNBUFFERED": "1", "NUMBA_CACHE_DIR": "/tmp/numba"},
        "port": 3000,
        "kind": "api",
        "slots": 1,
        "own_host": True,
        "health": {
            "command": ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/config')"],
            "path": "/config",
            "interval": "15s",
            "timeout": "10s",
            "startup": "10m",
        },
        "vram": "4g",
        "memory": "8g",
        "pids": 1024,
        "audio": {"rate": 24000, "raw": ["websocket"]},
    }
)
