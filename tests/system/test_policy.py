"""The policy pack by the real engine: what is right passes, and what is not is refused before anything is made."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation as auto

from bootstrap.paths import CHECKOUT, VENV
from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.system.deployment import Deployment

Preview = Callable[..., tuple[bool, str]]

BESIDE_OURS = """
import pulumi_docker as docker
from pulumi_tts.docker import SpeechStack

pool = {"name": "voice", "engine": "voice", "routes": {"path": "/speech"}}
SpeechStack("tts-guarded", {"config": {"images": "local", "pools": [pool]}, "preflight": False})
docker.Container(
    "mine",
    name="mine",
    image="nginx:latest",
    privileged=True,
    memory=256,
    security_opts=["no-new-privileges:true"],
    ports=[docker.ContainerPortArgs(internal=80, external=8443)],
    mounts=[docker.ContainerMountArgs(type="bind", source="/var/run/docker.sock", target="/var/run/docker.sock")],
    envs=["DB_PASSWORD=hunter2"],
)
"""


@pytest.fixture
def preview(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preview:
    """Previews a program with the pack; what was said, and whether that was all."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(VENV / "bin"), os.environ["PATH"]]))

    def run(stack: str, program: Path, settings: dict[str, object] | None = None, **config: object) -> tuple[bool, str]:
        deployment = Deployment(stack, config, tmp_path / stack, engine, program=program)
        pack = subprocess.check_output(["pulumi-tts", "policy"], text=True).strip()
        settings_file = tmp_path / "settings.json"
        settings_file.write_text(json.dumps(settings or {}))
        options = ("--policy-pack", pack, "--policy-pack-config", str(settings_file))
        try:
            previewed = deployment.pulumi("preview", *options)
        except auto.CommandError as error:
            return False, str(error)
        return True, previewed.stdout

    return run


def test_a_stack_of_ours_passes(preview: Preview) -> None:
    pools = [{"name": "voice", "engine": "voice", "routes": {"path": "/speech"}}]
    passed, said = preview("policed", CHECKOUT, pools=pools, edge={"port": free_port()})
    assert passed, said
    assert "✅ pulumi-tts@" in said
    assert "[mandatory]" not in said
    assert "[advisory]" not in said


def test_what_a_container_of_ones_own_opens_is_refused_with_the_reason(preview: Preview, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text((CHECKOUT / "Pulumi.yaml").read_text())
    (program / "__main__.py").write_text(BESIDE_OURS)
    settings = {"no-docker-socket": {"except": ["mine"]}, "health-checks": {"enforcementLevel": "disabled"}}
    passed, said = preview("prod", program, settings)
    assert not passed
    assert "mine.ports[0]: 0.0.0.0:8443 -> 80 is a way in beside the edge" in said
    assert "mine.privileged: true has every device and capability of the host" in said
    assert "mine.image: nginx:latest may be another one at the next start" in said
    assert "mine.envs.DB_PASSWORD: (hidden) looks like a secret" in said
    assert "hunter2" not in said
    assert "no-docker-socket" not in said, "an exception in the pack's config"
    assert "health-checks" not in said, "a level in the pack's config"
    assert "tts-guarded" not in said.partition("Policies:")[2], "nothing of ours is complained about"
