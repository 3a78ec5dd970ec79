"""vLLM-Omni, serving Fun-CosyVoice3 behind OpenAI's speech API.

`vllm serve MODEL --omni --host 0.0.0.0 --port 8000 --trust-remote-code` (vllm-project/vllm-omni: its speech API page
and its recipe for CosyVoice3; the image has had no entrypoint since 0.25, so the command begins with `vllm`). One
process serves one model: `POST /v1/audio/speech` with `ref_audio` and `ref_text`, for CosyVoice3 has no voices of its
own; 24 000 Hz. Another model is another `weights`.

MODEL is a directory here, which the stack fills: given a repository, vLLM-Omni fetches its newest state, whatever
`--revision` says (`omni_snapshot_download` in its `entrypoints/omni_base.py` passes none on). It still needs a way
out: for a voice's first use it fetches a tokenizer of another project (`s3tokenizer`, in its
`models/cosyvoice3/cosyvoice3.py`) from ModelScope, which it keeps in `/models`.

Ready: `/health`, which answers after every stage was loaded, and 503 once its engine has died. It serves `/metrics`.
A stop lets requests under way finish. 4 slots, by what others measured of CosyVoice2 on an L20: beyond 4
streams no more is spoken in all, and the first packet comes after 198 ms with one, 511 with 4, 1 215 with 10.

VRAM is a share of the card here, whatever its size: its `deploy/cosyvoice3.yaml` takes 0.4 for one stage and 0.2 for
the other. 15 GB is that of a card with 24 GB; on a larger card, write 0.6 of it. Its compiled kernels are kept in
`/models`; the image has no user of its own, so it runs as root, without a single capability. Its shared
memory is larger than Docker's 64 MB. The image's tag is one that others run; it was not pulled here.
"""

from pulumi_tts.config.fetching import MODELSCOPE
from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "vllm/vllm-omni:v0.28.0",
        "weights": {"repository": "FunAudioLLM/Fun-CosyVoice3-0.5B-2512", "directory": "/weights"},
        "command": [
            "vllm",
            "serve",
            "{directory}",
            "--served-model-name",
            "{repository}",
            "--omni",
            "--host",
            "0.0.0.0",
            "--port",
            "8000",
            "--trust-remote-code",
        ],
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "HOME": "/models",
            "HF_HOME": "/models/huggingface",
            "VLLM_CACHE_ROOT": "/models/vllm",
            "TORCHINDUCTOR_CACHE_DIR": "/models/torchinductor",
            "TRITON_CACHE_DIR": "/models/triton",
        },
        "port": 8000,
        "kind": "api",
        "slots": 4,
        "health": {
            "command": ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"],
            "path": "/health",
            "interval": "15s",
            "timeout": "10s",
            "startup": "30m",
        },
        "models": "/models",
        "fetches_from": list(MODELSCOPE),
        "user": "0:0",
        "read_only": False,
        "writable": ["/dev/shm"],
        "vram": "15g",
        "memory": "24g",
        "pids": 4096,
        "stop_grace": "2m",
        "audio": {"rate": 24000},
    }
)

CANNOT = {
    "user": "the image has no other user, and its caches are in a fresh volume, which is root's",
    "read_only": "it compiles kernels, and not every place where it writes is known: its root was not tried read-only",
    "fetches_from": "a voice's first use fetches a tokenizer of another project, which it keeps in its models",
}
