"""What the bootstrap decides about images; making and collecting them is shown by the tests that use them."""

from pathlib import Path

import docker
import pytest
import requests
from docker.errors import APIError, NotFound

from bootstrap import images
from bootstrap.images import Collection, Source
from bootstrap.say import Problem


class Registry:
    """A Docker client whose registry does what a test wants."""

    def __init__(self, outcome: Exception | None) -> None:
        self._outcome = outcome
        self.api = self

    def inspect_distribution(self, image: str) -> None:
        if self._outcome:
            raise self._outcome

    def close(self) -> None:
        pass


def registry(monkeypatch: pytest.MonkeyPatch, outcome: Exception | None) -> None:
    monkeypatch.setattr(docker, "from_env", lambda **_: Registry(outcome))


def test_a_registry_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    registry(monkeypatch, None)
    assert images.registry_answers()


@pytest.mark.parametrize("silence", [APIError("no such host"), requests.ReadTimeout(), requests.ConnectionError()])
def test_no_registry_answers(monkeypatch: pytest.MonkeyPatch, silence: Exception) -> None:
    registry(monkeypatch, silence)
    assert not images.registry_answers()


def test_a_registry_without_that_image_is_a_wrong_name(monkeypatch: pytest.MonkeyPatch) -> None:
    registry(monkeypatch, NotFound("manifest unknown"))
    with pytest.raises(Problem, match=r"does not have debian:.*Correct its name in .*versions\.toml"):
        images.registry_answers()


def test_what_is_complete_is_left_alone_until_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "collected"
    downloads = []

    def download(collection: Collection) -> None:
        downloads.append(collection.requirements)
        (folder / f"wheel-{len(downloads)}.whl").write_bytes(b"")

    monkeypatch.setattr(images, "_download", download)

    def collect(requirements: str) -> None:
        monkeypatch.setattr(images, "collections", lambda: [Collection("x", requirements, folder)])
        images.collect_wheels()

    collect("a==1")
    collect("a==1")
    assert downloads == ["a==1"]
    collect("a==2")
    assert [file.name for file in folder.glob("*.whl")] == ["wheel-2.whl"]
    (folder / "wheel-2.whl").unlink()
    collect("a==2")
    assert downloads == ["a==1", "a==2", "a==2"]


def test_every_image_has_its_wheels_pinned_by_hash() -> None:
    for collection in images.collections():
        lines = collection.requirements.replace("\\\n", " ").splitlines()
        pinned = [line for line in lines if line and not line.lstrip().startswith("#")]
        assert pinned, collection.name
        assert all("==" in line and "--hash=sha256:" in line for line in pinned), collection.name


def test_wheels_for_debian_12_are_asked_for_the_newest_first() -> None:
    tags = images.wheel_platforms("aarch64")
    assert tags[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(tags)


def test_the_base_takes_this_machines_own_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(
        "#!/bin/sh\n"
        "echo http://mirror.example/debian/ bookworm Debian main\n"
        "echo http://mirror.example/debian/ bookworm Debian contrib\n"
        "echo http://mirror.example/debian/ bookworm-backports Debian main\n"
        "echo http://mirror.example/security/ bookworm-security Debian main\n"
        "echo http://docker.example/ bookworm Docker stable\n"
        "echo http://never-updated.example/ bookworm\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert images.host_sources("bookworm") == [
        Source("http://mirror.example/debian/", "bookworm"),
        Source("http://mirror.example/security/", "bookworm-security"),
    ]
    apt.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert images.host_sources("bookworm") == []
