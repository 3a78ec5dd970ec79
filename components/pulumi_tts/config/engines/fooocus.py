"""Fooocus: a page that makes images from a sentence.

The image runs `entrypoint.sh $CMDARGS`, which ends in `launch.py` (lllyasviel/Fooocus at 59f183a: `Dockerfile`,
`docker.md`, `docker-compose.yml`, from which the variables are; its tags from
`.github/workflows/build_container.yml`). `--listen` is 0.0.0.0; the port is 7865. Gradio 3.41.2, whose queue is a
WebSocket.

Ready: `/config` answers once the page is up; the first start fetches some 7 GB before that, hence the long time and
the way out. Models, settings and images are kept in `/content/data`, which the pool's instances share: images of all
are together under `outputs/`. The page asks for absolute paths, so it needs a host name of its own. A stop takes the
whole of `stop_grace`, as with every Gradio page.

VRAM: its readme asks for 4 GB at least, 8 GB with older cards. It runs as uid 1000 and links folders into its own
`/content/app` at each start, hence the writable root.
"""

from pulumi_tts.config.fetching import HUGGING_FACE
from pulumi_tts.config.profile import Profile

PROFILE = Profile.model_validate(
    {
        "image": "ghcr.io/lllyasviel/fooocus:2.5.5",
        "environment": {
            "PYTHONUNBUFFERED": "1",
            "CMDARGS": "--listen --disable-in-browser",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "DATADIR": "/content/data",
            "config_path": "/content/data/config.txt",
            "config_example_path": "/content/data/config_modification_tutorial.txt",
            "path_checkpoints": "/content/data/models/checkpoints/",
            "path_loras": "/content/data/models/loras/",
            "path_embeddings": "/content/data/models/embeddings/",
            "path_vae_approx": "/content/data/models/vae_approx/",
            "path_upscale_models": "/content/data/models/upscale_models/",
            "path_inpaint": "/content/data/models/inpaint/",
            "path_controlnet": "/content/data/models/controlnet/",
            "path_clip_vision": "/content/data/models/clip_vision/",
            "path_fooocus_expansion": "/content/data/models/prompt_expansion/fooocus_expansion/",
            "path_outputs": "/content/app/outputs/",
        },
        "port": 7865,
        "kind": "ui",
        "own_host": True,
        "health": {
            "command": ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:7865/config"],
            "path": "/config",
            "interval": "15s",
            "timeout": "10s",
            "startup": "45m",
        },
        "models": "/content/data",
        "fetches_from": list(HUGGING_FACE),
        "user": "1000:1000",
        "read_only": False,
        "vram": "8g",
        "memory": "16g",
        "pids": 1024,
    }
)

CANNOT = {
    "read_only": "it links folders into its own `/content/app` at each start",
    "fetches_from": "its first start fetches its models",
}
