"""Ollama: language models, for what is to be spoken.

The image runs `ollama serve` on `OLLAMA_HOST`, 0.0.0.0:11434 (ollama/ollama at v0.32.15: `Dockerfile`,
`envconfig/config.go`). `/api/*`, and `/v1/*` as OpenAI has it. A model has to be fetched once, by `POST /api/pull`;
the pool's volume keeps it for all instances. It comes from two hosts (upstream's issue 4307); for models of Hugging
Face, name the three that `speaches` has too in `fetches_from`. More requests than `OLLAMA_MAX_QUEUE` are answered 503:
that is back-pressure, not a dead instance. It works on as many requests at once as the pool has slots
(`OLLAMA_NUM_PARALLEL`); one by default, since each takes VRAM for a context of its own.

Ready: `ollama ps` in the container and `/api/version` from the edge; both prove the process only. It is known to lose
its card and to go on with 200 (upstream's issues 10026, 12323); the container's check notices that, as it does for
every instance on a card. A stop ends what is under way.

VRAM: by model; 8 GB is room for one of 8 billion parameters in 4 bits with a short context. With a larger one, say so
in the pool. The image has no user of its own and a fresh volume belongs to root, so it runs as root, without a single
capability, on a read-only root.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "ollama/ollama:0.32.15",
        "environment": {
            "OLLAMA_HOST": "0.0.0.0:11434",
            "OLLAMA_MODELS": "/root/.ollama/models",
            "OLLAMA_KEEP_ALIVE": "5m",
            "OLLAMA_MAX_QUEUE": "64",
        },
        "port": 11434,
        "kind": "api",
        "slots": 1,
        "slots_variable": "OLLAMA_NUM_PARALLEL",
        "health": {
            "command": ["ollama", "ps"],
            "path": "/api/version",
            "startup": "60s",
        },
        "models": "/root/.ollama",
        "fetches_from": ["registry.ollama.ai", "dd20bb891979d25aebc8bec07b2b3bbc.r2.cloudflarestorage.com"],
        "user": "0:0",
        "vram": "8g",
        "memory": "16g",
        "pids": 1024,
    }
)

CANNOT = {
    "user": "the image has no other user, and a fresh volume is root's",
    "fetches_from": "models are fetched when a client asks for one",
}
