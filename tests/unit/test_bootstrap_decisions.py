"""What the bootstrap decides, told apart from what it then does: no Docker, no engine, no network."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from bootstrap import docker, stack
from bootstrap.commands import go_programs_of, images_setting
from bootstrap.farewell import farewell, request, what_changed
from bootstrap.machine import is_debian_like
from bootstrap.packages import Package, is_there
from bootstrap.paths import VENV
from bootstrap.pulumi import Engine
from bootstrap.say import Problem, duration
from bootstrap.volumes import Volume, should_remove, volumes_of


def docker_lists(name: str, labels: dict[str, str] | None) -> dict[str, object]:
    return {"Name": name, "Driver": "local", "Labels": labels, "Scope": "local"}


def test_only_the_volumes_of_the_stack_are_its_volumes() -> None:
    listed = [
        docker_lists("voice-2", {"pulumi-tts.stack": "tts-dev", "pulumi-tts.part": "outputs"}),
        docker_lists("certificates", {"pulumi-tts.stack": "tts-dev", "pulumi-tts.part": "certificates"}),
        docker_lists("somebody-elses", {"com.example": "yes"}),
        docker_lists("without-labels", None),
        docker_lists("another-stack", {"pulumi-tts.stack": "tts-production", "pulumi-tts.part": "outputs"}),
    ]
    assert volumes_of("tts-dev", listed) == [Volume("certificates", "certificates"), Volume("voice-2", "outputs")]


@pytest.mark.parametrize(
    ("told", "answer", "removed"),
    [
        (True, None, True),
        (False, None, False),
        (False, False, False),
        (False, True, True),
        (True, False, True),
    ],
)
def test_volumes_go_only_when_somebody_says_so(*, told: bool, answer: bool | None, removed: bool) -> None:
    asked = None if answer is None else (lambda: bool(answer))
    assert should_remove(told=told, asked=asked) is removed


def test_pulumis_own_entries_survive_an_edit_of_the_tracked_configuration() -> None:
    before = {"encryptionsalt": "v1:abc", "config": {"tts:stack": {"pools": []}}}
    tracked = {"config": {"tts:stack": {"domain": "new.example"}}}
    assert stack.stack_file(tracked, before) == {**tracked, "encryptionsalt": "v1:abc"}


def test_a_secret_that_was_set_stays_and_everything_else_is_as_tracked() -> None:
    tracked = {"config": {"tts:stack": {"domain": "new.example.com"}}}
    before = {
        "config": {"tts:stack": {"domain": "old"}, "tts:dashboardPassword": {"secure": "v1:x"}, "tts:gone": "old"}
    }
    assert stack.stack_file(tracked, before) == {
        "config": {"tts:dashboardPassword": {"secure": "v1:x"}, "tts:stack": {"domain": "new.example.com"}}
    }


def test_the_generated_project_points_at_the_checkout() -> None:
    tracked = {
        "name": "speech",
        "runtime": {"name": "python", "options": {"toolchain": "uv", "virtualenv": ".venv"}},
    }
    generated = stack.project_file(tracked, checkout="../..", venv="../../.venv")
    assert generated == {
        "name": "speech",
        "main": "../..",
        "runtime": {"name": "python", "options": {"toolchain": "uv", "virtualenv": "../../.venv"}},
    }


def test_a_program_in_a_subfolder_is_pointed_at_too() -> None:
    generated = stack.project_file({"name": "speech", "runtime": "python", "main": "infra"}, "../..", "../../.venv")
    assert generated["main"] == "../../infra"
    assert generated["runtime"] == "python"


def test_preparing_the_project_writes_under_local_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    tracked = {
        "Pulumi.yaml": "name: speech\nruntime: python\n",
        "Pulumi.dev.yaml": "config:\n  tts:stack: {}\n",
    }
    for name, content in tracked.items():
        (checkout / name).write_text(content)
    for name, place in {
        "CHECKOUT": checkout,
        "LOCAL": checkout / ".local",
        "PROJECT": checkout / ".local/project",
        "STATE": checkout / ".local/state",
        "PASSPHRASE": checkout / ".local/passphrase",
        "VENV": checkout / ".venv",
    }.items():
        monkeypatch.setattr(stack, name, place)

    stack.prepare()
    passphrase = stack.PASSPHRASE.read_text()
    generated = stack.PROJECT / "Pulumi.dev.yaml"
    generated.write_text("encryptionsalt: v1:abc\n" + generated.read_text())
    stack.prepare()

    assert {path.name: path.read_text() for path in checkout.iterdir() if path.is_file()} == tracked
    assert stack.PASSPHRASE.read_text() == passphrase, "a new passphrase could not read the old state's secrets"
    assert stack.PASSPHRASE.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(generated.read_text()) == {"config": {"tts:stack": {}}, "encryptionsalt": "v1:abc"}


def test_our_own_calls_do_not_see_the_passphrase_of_the_users_own_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the user's own stacks")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://the-users-own")
    seen = stack.environment(Engine(Path("/bin/pulumi"), {"PULUMI_HOME": "/cache/home"}, "a test"))
    assert "PULUMI_CONFIG_PASSPHRASE" not in seen
    assert seen["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(stack.PASSPHRASE)
    assert seen["PULUMI_BACKEND_URL"] == stack.STATE.as_uri()
    assert seen["PULUMI_HOME"] == "/cache/home"
    assert seen["PATH"].startswith(str(VENV / "bin"))


@pytest.mark.parametrize("content", ["- a list", "a: [unclosed"])
def test_a_configuration_that_is_no_mapping_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(content)
    with pytest.raises(Problem, match=r"Pulumi\.dev\.yaml"):
        stack.read_yaml(path)


@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ({}, "auto"),
        ({"config": None}, "auto"),
        ({"config": {"tts:stack": {}}}, "auto"),
        ({"config": {"tts:stack": {"images": "local"}}}, "local"),
        ({"config": {"tts:stack": {"images": "registry"}}}, "registry"),
        ({"config": {"tts:stack": {"images": ["the program", "refuses this"]}}}, "auto"),
    ],
)
def test_where_images_come_from_is_read_from_the_stack(file: dict[str, object], setting: str) -> None:
    assert images_setting(file) == setting


@pytest.mark.parametrize(
    ("ours", "programs"),
    [
        ({}, []),
        ("no mapping", []),
        ({"observability": "yes"}, []),
        ({"observability": {}}, []),
        ({"observability": {"tracing": None}}, []),
        ({"observability": {"tracing": {}}}, ["jaeger"]),
        ({"edge": {"auth": {"oidc": {"issuer": "https://id.example.com"}}}}, ["oauth2-proxy"]),
    ],
)
def test_what_takes_minutes_to_build_is_built_for_those_who_run_it(ours: object, programs: list[str]) -> None:
    assert go_programs_of({"config": {"tts:stack": ours}}) == programs


OUTPUTS = {
    "edge_url": "http://127.0.0.1:8080",
    "pools": {
        "studio": {"url": "http://127.0.0.1:8080/studio", "instances": [], "engine": "studio"},
        "speech": {
            "url": "http://voice.localhost:8080/",
            "instances": ["http://voice1.localhost:8080", "http://voice2.localhost:8080"],
            "engine": "voice",
        },
    },
    "dashboard": {"url": "http://traefik.localhost:8080", "user": "admin", "password": "correct horse"},
}


def test_a_first_up_ends_with_every_url_and_a_request_to_try() -> None:
    text = "\n".join(farewell(OUTPUTS, {"create": 21, "same": 2}))
    assert "Up: 21 created." in text
    for url in ("127.0.0.1:8080/studio", "voice1.localhost", "voice2.localhost", "traefik.localhost"):
        assert url in text
    assert "correct horse" not in text, "what is printed ends up in CI logs"
    assert "curl" in text


def test_a_second_up_says_that_nothing_changed() -> None:
    assert "==> Up: nothing changed." in list(farewell(OUTPUTS, {"same": 21}))


def test_a_replacement_is_said_once() -> None:
    changes = {"same": 20, "replace": 2, "create-replacement": 2, "delete-replaced": 2, "update": 1}
    assert what_changed(changes) == "2 replaced, 1 updated"


def test_a_stack_without_the_reference_engine_gets_no_request_that_would_fail() -> None:
    pools = {"cosy": {"url": "http://cosy.example", "instances": [], "engine": "cosyvoice3"}}
    assert "curl" not in "\n".join(farewell({"pools": pools}, {"create": 2}))


def test_the_request_shows_what_its_pool_asks_for() -> None:
    pools = {"voice": {"url": "http://voice.example", "instances": [], "engine": "voice", "login": "api_keys"}}
    said = "\n".join(
        farewell({"pools": pools, "logins": {"users": {}, "api_keys": {"app-1": "hidden"}}}, {"create": 2})
    )
    assert "--header 'Authorization: Bearer KEY'" in said
    assert "app-1: make outputs" in said
    assert "hidden" not in said


def test_the_request_is_one_shell_line_with_json_in_it() -> None:
    words = shlex.split(request("http://voice.localhost:8080/"))
    assert "--cacert" not in words
    assert words[0] == "curl"
    assert "http://voice.localhost:8080/v1/audio/speech" in words
    assert json.loads(words[-1])["response_format"] == "wav"


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ({"ID": "debian"}, True),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, True),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, True),
        ({"ID": "fedora"}, False),
        ({}, False),
    ],
)
def test_packages_are_installed_on_debians_only(release: dict[str, str], *, expected: bool) -> None:
    assert is_debian_like(release) is expected


def test_a_docker_of_somebody_elses_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "may_install", lambda: True)
    monkeypatch.setenv("DOCKER_HOST", "tcp://gpu-1:2376")
    silence = docker.Silence("tcp://gpu-1:2376", "nothing listens there", denied=False)
    with pytest.raises(Problem, match="DOCKER_HOST is tcp://gpu-1:2376"):
        docker.refuse_what_is_not_ours_to_start(silence)


@pytest.mark.parametrize(("allowed", "denied", "told"), [(True, True, "group"), (False, False, "Install Docker")])
def test_a_missing_docker_is_explained(
    monkeypatch: pytest.MonkeyPatch, *, allowed: bool, denied: bool, told: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(docker, "may_install", lambda: allowed)
    with pytest.raises(Problem, match=told):
        docker.refuse_what_is_not_ours_to_start(docker.Silence("unix:///x", "there is no such socket", denied=denied))


def test_a_daemon_that_dies_is_explained_from_its_log() -> None:
    log = "a line\n" * 40 + "failed to start daemon: error initializing graphdriver: driver not supported\n"
    text = docker.why_it_died(log, ended=True)
    assert "storage driver" in text
    assert "driver not supported" in text
    assert text.count("a line") < 15, "only the end of the log is of use"


def test_a_package_is_known_by_its_program_or_library() -> None:
    assert is_there(Package("libc6", "libc.so.6", "this test"))
    assert is_there(Package("dash", "sh", "this test"))
    assert not is_there(Package("none", "no-such-program", "this test"))
    assert not is_there(Package("none", "libnosuch.so.9", "this test"))


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (185, "3 min 05 s")])
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_where_the_stack_has_an_authority_of_its_own_the_sample_trusts_it() -> None:
    text = "\n".join(farewell({**OUTPUTS, "tls": {"ca": "PEM"}}, {"create": 21}))
    assert 'json.load(sys.stdin)["tls"]["ca"]' in text
    assert "curl --cacert ca.pem" in text
