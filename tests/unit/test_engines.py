"""Every engine as its container is started, against what its authors document.

What is expected here is written down from upstream's files at the versions named, not from the profiles: a flag that is
not theirs, or a port that they do not listen on, is found.
"""

from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.config.engines import ENGINES
from pulumi_tts.config.engines.document import document
from pulumi_tts.docker import SpeechStack
from pulumi_tts.plan import GuardedInstance, plan_stack
from pulumi_tts.plan.images import contexts
from pulumi_tts.render import envoy, traefik
from tests.unit.conftest import World, run
from tests.unit.test_config import problems_of
from tests.unit.test_reference import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = {"name": "local", "gpus": [{"id": 0, "vram": "80g"}]}
CONTAINER = "docker:index/container:Container"


@dataclass(frozen=True)
class Documented:
    """What an engine's authors say of it, with where they say it."""

    source: str
    port: int
    check: str
    """What they answer when they are ready."""
    command: str | None = None
    """The command line; absent where the image starts the server by itself."""
    environment: dict[str, str] = field(default_factory=dict)
    """The variables that decide where it listens and where it keeps things."""
    user: str = "10001:10001"
    """As the image has it; our own images have 10001."""
    image: str | None = None
    """Absent where nobody publishes one."""
    volumes: tuple[str, ...] = ()
    """Where it keeps what it makes and the models it fetches."""
    way_out: bool = False
    """Whether it downloads by itself."""


DOCUMENTED = {
    "voice": Documented(
        source="services/voice: settings.py, Dockerfile",
        port=8000,
        check="/health",
        volumes=("/outputs",),
    ),
    "studio": Documented(
        source="services/studio: settings.py, Dockerfile",
        port=7860,
        check="/config",
        volumes=("/outputs",),
    ),
    "cosyvoice3": Documented(
        source="FunAudioLLM/CosyVoice ace7c47: webui.py (--port, --model_dir; server_name='0.0.0.0'; Gradio 5.4.0)",
        command="python3 webui.py --port 7860 --model_dir /models/weights",
        port=7860,
        check="/config",
        environment={"PYTHONUNBUFFERED": "1", "GRADIO_TEMP_DIR": "/outputs"},
        volumes=("/outputs",),
    ),
    "cosyvoice3-api": Documented(
        source="FunAudioLLM/CosyVoice ace7c47: runtime/python/fastapi/server.py (host='0.0.0.0'; FastAPI, no /health)",
        command="python3 runtime/python/fastapi/server.py --port 50000 --model_dir /models/weights",
        port=50000,
        check="/openapi.json",
        environment={"PYTHONUNBUFFERED": "1"},
    ),
    "vllm-omni": Documented(
        source="vllm-project/vllm-omni: speech API page; recipe for CosyVoice3; docker/Dockerfile.cuda (no entrypoint)",
        command="vllm serve /weights --served-model-name FunAudioLLM/Fun-CosyVoice3-0.5B-2512 --omni "
        "--host 0.0.0.0 --port 8000 --trust-remote-code",
        port=8000,
        check="/health",
        environment={"HF_HOME": "/models/huggingface", "VLLM_CACHE_ROOT": "/models/vllm"},
        image="vllm/vllm-omni:v0.28.0",
        user="0:0",
        volumes=("/models", "/weights"),
        way_out=True,
    ),
    "vibevoice": Documented(
        source="vibevoice-community/VibeVoice b9d5612: demo/gradio_demo.py (--port is not used; tempfile.gettempdir())",
        command="python3 demo/gradio_demo.py --model_path /models/weights --device cuda",
        port=7860,
        check="/config",
        environment={"GRADIO_SERVER_PORT": "7860", "TMPDIR": "/outputs"},
        volumes=("/outputs",),
    ),
    "vibevoice-realtime": Documented(
        source="microsoft/VibeVoice e73d1e1: demo/vibevoice_realtime_demo.py, demo/web/app.py",
        command="python3 demo/vibevoice_realtime_demo.py --model_path /models/weights --port 3000 --device cuda",
        port=3000,
        check="/config",
    ),
    "indextts": Documented(
        source="index-tts/index-tts ee40fa7: webui.py (--host, --port, --model_dir; outputs/; Gradio 5.45.0)",
        command="python webui.py --host 0.0.0.0 --port 7860 --model_dir checkpoints",
        port=7860,
        check="/config",
        volumes=("/opt/indextts/outputs",),
    ),
    "fish-speech": Documented(
        source="fishaudio/fish-speech v2.0.0-beta: docker/Dockerfile (target server), tools/server/views.py",
        port=8080,
        check="/v1/health",
        environment={"API_SERVER_NAME": "0.0.0.0", "API_SERVER_PORT": "8080"},
        image="fishaudio/fish-speech:server-cuda-v2.0.0-beta",
        user="1000:1000",
        volumes=("/app/references", "/app/checkpoints/s2-pro"),
    ),
    "kokoro": Documented(
        source="remsky/Kokoro-FastAPI v0.8.0: docker/gpu/Dockerfile.optimized, docker/scripts/entrypoint.sh",
        port=8880,
        check="/health",
        environment={"USE_GPU": "true"},
        image="ghcr.io/remsky/kokoro-fastapi-gpu:v0.8.0",
        user="1001:1001",
    ),
    "kokoro-cpu": Documented(
        source="remsky/Kokoro-FastAPI v0.8.0: docker/cpu/Dockerfile.optimized (useradd -u 1000)",
        port=8880,
        check="/health",
        environment={"USE_GPU": "false"},
        image="ghcr.io/remsky/kokoro-fastapi-cpu:v0.8.0",
        user="1000:1000",
    ),
    "speaches": Documented(
        source="speaches-ai/speaches v0.8.3: Dockerfile (UVICORN_PORT=8000, user ubuntu), compose.cuda.yaml",
        port=8000,
        check="/health",
        image="ghcr.io/speaches-ai/speaches:0.8.3-cuda",
        user="1000:1000",
        volumes=("/home/ubuntu/.cache/huggingface/hub",),
        way_out=True,
    ),
    "stable-diffusion-webui": Documented(
        source="AUTOMATIC1111/stable-diffusion-webui v1.10.1: modules/cmd_args.py, modules/api/api.py",
        command="python3 launch.py --skip-prepare-environment --listen --port 7860 --api "
        "--data-dir /outputs --ckpt-dir /models --no-download-sd-model",
        port=7860,
        check="/sdapi/v1/memory",
        environment={"HF_HOME": "/outputs/huggingface"},
        volumes=("/outputs", "/models"),
        way_out=True,
    ),
    "fooocus": Documented(
        source="lllyasviel/Fooocus 59f183a: Dockerfile, docker-compose.yml, launch.py (GRADIO_SERVER_PORT 7865)",
        port=7865,
        check="/config",
        environment={
            "CMDARGS": "--listen --disable-in-browser",
            "DATADIR": "/content/data",
            "config_path": "/content/data/config.txt",
            "path_outputs": "/content/app/outputs/",
        },
        image="ghcr.io/lllyasviel/fooocus:2.5.5",
        user="1000:1000",
        volumes=("/content/data",),
        way_out=True,
    ),
    "ollama": Documented(
        source="ollama/ollama v0.32.15: Dockerfile (entrypoint, OLLAMA_HOST, no user), envconfig/config.go",
        port=11434,
        check="/api/version",
        environment={"OLLAMA_HOST": "0.0.0.0:11434", "OLLAMA_MODELS": "/root/.ollama/models"},
        image="ollama/ollama:0.32.15",
        user="0:0",
        volumes=("/root/.ollama",),
        way_out=True,
    ),
}

every_engine = pytest.mark.parametrize("engine", ENGINES)


def pool(engine: str, **changes: Any) -> dict[str, Any]:
    """A pool of an engine, with a commit where the engine asks for one."""
    written = {"name": "it", "engine": engine, "routes": {"pool": "it.{domain}"}}
    if ENGINES[engine].weights:
        written["weights"] = {"revision": COMMIT}
    return written | changes


def stack(*pools: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"images": "registry", "hosts": [CARD], "pools": list(pools)} | changes


def made(config: dict[str, Any], world: World) -> World:
    """What becomes of a config, on mocks."""

    def program() -> pulumi.Output[str]:
        return SpeechStack("tts-test", {"config": config, "preflight": False}).edge_url

    run(program)
    return world


def container_of(engine: str, world: World) -> dict[str, Any]:
    return made(stack(pool(engine)), world).inputs(CONTAINER)["tts-test-it-1"]


def test_every_engine_is_in_this_table() -> None:
    assert set(DOCUMENTED) == set(ENGINES)


@every_engine
def test_it_is_started_as_its_authors_say(engine: str, world: World) -> None:
    said, container = DOCUMENTED[engine], container_of(engine, world)
    assert container.get("command") == (said.command.split() if said.command else None), said.source
    environment = dict(line.split("=", 1) for line in container["envs"])
    assert said.environment.items() <= environment.items(), said.source
    assert container["user"] == said.user, said.source
    assert [volume["containerPath"] for volume in container.get("volumes", [])] == list(said.volumes), said.source


@every_engine
def test_it_is_asked_where_it_answers(engine: str, world: World) -> None:
    said, container = DOCUMENTED[engine], container_of(engine, world)
    plan = plan_stack(load_stack(stack(pool(engine))), "tts-test", local_images=False).pools[0]
    assert [instance.upstream for instance in plan.instances] == [f"http://tts-test-it-1:{said.port}"], said.source
    assert plan.guard
    assert plan.guard.health.path == said.check, said.source
    asked = " ".join(container["healthcheck"]["tests"])
    if engine not in {"voice", "studio", "ollama"}:  # those ask by a command of their own
        assert f"http://127.0.0.1:{said.port}{said.check}" in asked, "the container is asked the same as the edge asks"


@every_engine
def test_only_an_engine_that_downloads_has_a_way_out(engine: str, world: World) -> None:
    networks = [joined["name"] for joined in container_of(engine, world)["networksAdvanced"]]
    assert networks == ["tts-test-network", "tts-test-it-way-out"][: 1 + DOCUMENTED[engine].way_out]
    internal = {name: inputs.get("internal") for name, inputs in world.inputs("docker:index/network:Network").items()}
    assert internal["tts-test-network"] is True
    weights = ENGINES[engine].weights
    fetched_for_it = bool(weights and weights.directory)
    assert all(internal[name] for name in networks), "the proxy alone is where there is a way out"
    assert ("tts-test-internet" in internal) is (DOCUMENTED[engine].way_out or fetched_for_it)


@every_engine
def test_its_image_is_published_or_there_is_a_dockerfile(engine: str) -> None:
    image = plan_stack(load_stack(stack(pool(engine))), "tts-test", local_images=False).pools[0].image
    if DOCUMENTED[engine].image:
        assert (image.reference, image.build) == (DOCUMENTED[engine].image, None)
    else:
        assert image.build
        dockerfile = (image.build.context / image.build.dockerfile).read_text()
        assert "USER 10001:10001" in dockerfile


@every_engine
def test_it_plans_and_renders_with_several_instances(engine: str) -> None:
    plan = plan_stack(load_stack(stack(pool(engine, instances=3))), "tts-test", local_images=False)
    assert len(plan.pools[0].instances) == 3
    assert plan.guard
    assert plan.guard.url in traefik.routes_file(plan.routes, plan.edge)
    assert plan.guard.pools[0].instances[2] == GuardedInstance(
        "tts-test-it-3", "tts-test-it-3", DOCUMENTED[engine].port, "local"
    )
    assert set(envoy.files(plan.guard)) >= {"clusters.json", "listeners.json"}


@pytest.mark.parametrize("folder", sorted((contexts() / "engines").iterdir()), ids=lambda folder: folder.name)
def test_a_dockerfile_pins_its_source_by_commit_and_says_that_it_was_not_built(folder: Any) -> None:
    dockerfile = (folder / "Dockerfile").read_text()
    (commit,) = [line for line in dockerfile.splitlines() if line.startswith("ARG COMMIT=")]
    assert len(commit.removeprefix("ARG COMMIT=")) == 40
    assert "NOT BUILT by this project" in dockerfile
    assert folder.name in {profile.build for profile in ENGINES.values()}, "a Dockerfile that no profile builds"


def test_weights_without_a_revision_are_refused() -> None:
    (problem,) = problems_of(stack(pool("cosyvoice3") | {"weights": {}}))
    assert problem.path == "pools[0].weights.revision"
    assert "full commit of FunAudioLLM/Fun-CosyVoice3-0.5B-2512" in problem.remedy


def test_weights_reach_the_build_the_command_and_the_clients() -> None:
    other = {"repository": "vibevoice/VibeVoice-7B", "revision": COMMIT}
    plan = plan_stack(load_stack(stack(pool("vibevoice", weights=other))), "tts-test", local_images=False)
    image = plan.pools[0].image
    assert image.build
    assert dict(image.build.arguments) == {
        "WEIGHTS_REPOSITORY": "vibevoice/VibeVoice-7B",
        "WEIGHTS_REVISION": COMMIT,
    }
    assert plan.routes[0].headers == (("X-Model-Version", f"vibevoice/VibeVoice-7B@{COMMIT}"),)


def test_another_revision_is_another_image() -> None:
    def reference(revision: str) -> str:
        config = stack(pool("cosyvoice3", weights={"revision": revision}))
        return plan_stack(load_stack(config), "tts-test", local_images=False).pools[0].image.reference

    assert reference(COMMIT) != reference(COMMIT[::-1])


def test_a_model_version_of_ones_own_is_left_alone() -> None:
    config = stack(pool("cosyvoice3", headers={"X-Model-Version": "v3"}))
    assert plan_stack(load_stack(config), "tts-test", local_images=False).routes[0].headers == (
        ("X-Model-Version", "v3"),
    )


@pytest.mark.parametrize("engine", ["vibevoice-realtime", "stable-diffusion-webui", "fooocus"])
def test_an_engine_that_needs_its_own_host_name_is_refused_a_path(engine: str) -> None:
    (problem,) = problems_of(stack(pool(engine, routes={"path": "/it"})))
    assert problem.path == "pools[0].routes.path"
    assert "Give it a host name of its own" in problem.remedy


def test_an_image_that_is_built_on_one_from_a_registry_is_refused_where_images_are_local() -> None:
    with pytest.raises(Exception, match=r"pools\[0\]\.engine: 'indextts' has an image that is built on one from a"):
        plan_stack(load_stack(stack(pool("indextts"))), "tts-test", local_images=True)
    own = stack(pool("indextts", image="indextts:mine"))
    assert plan_stack(load_stack(own), "tts-test", local_images=True).pools[0].image.reference == "indextts:mine"


def test_the_instances_of_a_pool_share_one_volume_of_models(world: World) -> None:
    containers = made(stack(pool("speaches", instances=2)), world).inputs(CONTAINER)
    mounted = {containers[f"tts-test-it-{number}"]["volumes"][0]["volumeName"] for number in (1, 2)}
    assert mounted == {"tts-test-it-models"}


def test_the_page_of_engines_is_the_profiles() -> None:
    assert (ROOT / "docs" / "engines.md").read_text() == document(), "run `make engines-doc`"
