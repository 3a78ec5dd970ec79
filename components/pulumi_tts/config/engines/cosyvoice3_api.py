"""CosyVoice 3 behind its own HTTP API: form posts, answered with raw speech.

`python3 runtime/python/fastapi/server.py --port 50000 --model_dir DIR` binds 0.0.0.0 by itself (FunAudioLLM/CosyVoice
at ace7c47). `POST /inference_zero_shot`, `/inference_cross_lingual`, `/inference_instruct2` and more answer s16le
without a header, at 24 000 Hz (its own client says 22 050). The image is that of `cosyvoice3`.

Ready: `/openapi.json`, since there is no `/health`; a 200 proves that the model was loaded once. A request's
inference begins after its 200 was sent, so a 200 without audio is a failure. A stop lets answers under way finish. At
that commit, zero-shot cloning through this server is reported broken (upstream's issues 1794, 1805).

VRAM: others report 6 to 8 GB. Run one process for each place on a card: one process shares state between streams
(issue 1002); hence one slot. It writes nothing but temporary files. The time to load is a limit that we chose.

Its answers name no content type (`StreamingResponse` without one in that file), so each is taken for raw samples.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "build": "cosyvoice3",
        "weights": {"repository": "FunAudioLLM/Fun-CosyVoice3-0.5B-2512"},
        "command": [
            "python3",
            "runtime/python/fastapi/server.py",
            "--port",
            "50000",
            "--model_dir",
            "/models/weights",
        ],
        "environment": {"PYTHONUNBUFFERED": "1", "NUMBA_CACHE_DIR": "/tmp/numba"},
        "port": 50000,
        "kind": "api",
        "slots": 1,
        "health": {
            "command": [
                "python3",
                "-c",
                "import urllib.request as u; u.urlopen('http://127.0.0.1:50000/openapi.json')",
            ],
            "path": "/openapi.json",
            "interval": "15s",
            "timeout": "10s",
            "startup": "10m",
        },
        "vram": "8g",
        "memory": "16g",
        "pids": 1024,
        "stop_grace": "2m",
        "audio": {"rate": 24000, "raw": ["none"]},
    }
)
