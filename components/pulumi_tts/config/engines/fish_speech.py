"""Fish Speech (S2 Pro): its API server.

The image's `start_server.sh` runs `tools/api_server.py --listen $API_SERVER_NAME:$API_SERVER_PORT`, 0.0.0.0:8080,
with `checkpoints/s2-pro` (fishaudio/fish-speech at v2.0.0-beta: `docker/Dockerfile`; its tags from
`.github/workflows/build-docker-image.yml`). `POST /v1/tts`, `/v1/references/*`. `UV_NO_SYNC` keeps its `uv run` from
looking for packages at each start.

Neither the image nor the server fetches weights: the stack does, into `/app/checkpoints/s2-pro`. Where its authors
want their terms to be accepted first, give it a token (`hub.token`).

Ready: `/v1/health`, which answers after the model was loaded and warmed. One request is spoken at a time, and the
check stalls meanwhile: one slot, and a check that waits long. Reference voices are kept in `/app/references`, one set
for each instance; they are no results, so `outputs_limit` is refused.

VRAM: its documentation asks for 24 GB; a 24 GB card reports a little less, and room is left for its driver, hence 22
GB here. It runs as uid 1000; its root was not tried read-only. The time to load is a limit that we chose.
"""

from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "fishaudio/fish-speech:server-cuda-v2.0.0-beta",
        "weights": {"repository": "fishaudio/s2-pro", "directory": "/app/checkpoints/s2-pro"},
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "API_SERVER_NAME": "0.0.0.0",
            "API_SERVER_PORT": "8080",
            "UV_NO_SYNC": "1",
        },
        "port": 8080,
        "kind": "api",
        "slots": 1,
        "health": {
            "command": ["curl", "--fail", "--silent", "http://127.0.0.1:8080/v1/health"],
            "path": "/v1/health",
            "interval": "60s",
            "timeout": "60s",
            "retries": 5,
            "startup": "15m",
        },
        "outputs": "/app/references",
        "outputs_hold_more": True,
        "user": "1000:1000",
        "read_only": False,
        "vram": "22g",
        "memory": "24g",
        "pids": 1024,
        "stop_grace": "2m",
    }
)

CANNOT = {
    "read_only": "its root was not tried read-only",
}
