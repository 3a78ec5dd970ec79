"""What images are built from where no container registry answers: a base image from Debian's packages, and
wheels from the Python package index, collected on this machine.

They are collected here rather than downloaded during a build because a company's own certificate authority,
which this machine trusts, is unknown inside a container.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker as docker_sdk
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from bootstrap import docker, packages
from bootstrap.machine import may_install
from bootstrap.paths import CHECKOUT
from bootstrap.say import Problem, detail, long_step, say
from bootstrap.shell import quietly
from pulumi_tts.config import versions as pinned

VERSIONS = CHECKOUT / "components" / "pulumi_tts" / "config" / "versions.toml"


REGISTRY_SECONDS = 10
"""For asking the registry for one small document. It takes 1 s; where nothing answers we must not hang."""

PYTHON = "3.11"
"""Of Debian 12, whose Python runs our services."""

GLIBC_MINOR = 36
"""Debian 12 has glibc 2.36: wheels for any glibc from 2.5 to that one run there."""

PROGRAMS = {"traefik": ".data/scripts/traefik", "envoy": "envoy/_bin/envoy"}
"""Others' programs that come in a wheel, and where in it they are; each has a folder in `images/`."""

# What Debian's own slim images leave out, so that a local base is as small.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
DPKG_RULES = "".join(f"path-exclude /{folder}/*\n" for folder in LEFT_OUT[:4])
APT_RULES = (
    'APT::Keep-Downloaded-Packages "false";\n'
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n'
    'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n'
    'Acquire::Languages "none";\n'
    'Acquire::Retries "3";\n'  # a mirror that fails for a moment should not cost a build
)


def versions() -> dict[str, Any]:
    """The `images` part of the table of names and versions."""
    images: dict[str, Any] = pinned.table()["images"]
    return images


def local_base() -> str:
    """The image that our own images start from where no registry answers."""
    return pinned.images().local_base


# ---- is there a registry?


def registry_answers() -> bool:
    """Whether the Docker host can get the base image's manifest from its registry, asked by Docker itself, as
    only its own proxy, mirror and credentials count. Takes REGISTRY_SECONDS at most.

    Raises Problem where a registry answers and does not have that image.
    """
    image = versions()["base"]["registry"]
    try:
        with closing(docker_sdk.from_env(timeout=REGISTRY_SECONDS, use_ssh_client=True)) as client:
            client.api.inspect_distribution(image)  # type: ignore[no-untyped-call]
    except NotFound as error:
        raise Problem(
            f"a registry answers and does not have {image}: {error.explanation}. Correct its name in {VERSIONS}."
        ) from error
    except (DockerException, requests.RequestException) as error:
        reason = error.explanation if isinstance(error, APIError) else str(error)
        detail(f"no registry: {image} is not to be had ({reason})")
        return False
    return True


# ---- the base image


def make_base() -> None:
    """Have the local base image on the Docker host; nothing happens where it is there.

    Raises Problem where it has to be made and cannot: that needs root on Debian or Ubuntu.
    """
    suite = versions()["base"]["debootstrap"]
    with closing(docker.client()) as client:
        try:
            client.images.get(f"{local_base()}")
        except ImageNotFound:
            pass
        else:
            say(f"Images: {local_base()} is there")
            return
        _refuse_without_debootstrap(suite)
        with (
            long_step(f"Images: making {local_base()} from Debian's packages (about a minute)"),
            tempfile.TemporaryDirectory(prefix="pulumi-tts-base-", dir="/var/tmp") as folder,
        ):
            # A folder of its own within: debootstrap gives its target the permissions of a root directory.
            root = Path(folder) / "root"
            _debootstrap(suite, root)
            _finish(suite, root)
            _import(client, root)


def _refuse_without_debootstrap(suite: str) -> None:
    if may_install():
        packages.require(packages.LOCAL_IMAGES)
    elif os.geteuid() != 0 or not shutil.which("debootstrap", path=packages.system_path()):
        raise Problem(
            f"no registry answers, and the image {local_base()} can only be made by root on Debian or Ubuntu "
            f"(with debootstrap). Run this there as root once, load an image of that name into Docker, or give "
            "Docker a registry (`registry-mirrors` in /etc/docker/daemon.json)."
        )


@dataclass(frozen=True)
class Source:
    """One place of Debian packages: an apt line without its `deb`."""

    uri: str
    suite: str


def host_sources(suite: str) -> list[Source]:
    """Where this machine itself gets that Debian release from: its mirror is the one that answers here.

    Empty where the machine runs something else.
    """
    try:
        listed = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)"],  # noqa: S607
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return []
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    found = [
        Source(words[0], words[1])
        for words in (line.split() for line in listed.splitlines())
        if words[1:2] and words[1] in wanted and words[2:] == ["Debian", "main"]
    ]
    return list(dict.fromkeys(found))


def _debootstrap(suite: str, root: Path) -> None:
    mirror = [source.uri for source in host_sources(suite) if source.suite == suite][:1]
    certificates = ["--include=ca-certificates"] if mirror and mirror[0].startswith("https:") else []
    command = ["debootstrap", "--variant=minbase", *certificates, suite, str(root), *mirror]
    quietly(command, env={**os.environ, "PATH": packages.system_path()})


def _finish(suite: str, root: Path) -> None:
    """Gives the base the sources for later installs, and leaves out what slim images leave out."""
    sources = root / "etc/apt/sources.list"
    default_mirror = sources.read_text().split()[1]  # the line that debootstrap wrote
    lines = host_sources(suite) or _default_sources(default_mirror, suite)
    sources.write_text("".join(f"deb {source.uri} {source.suite} main\n" for source in lines))
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(DPKG_RULES)
    (root / "etc/apt/apt.conf.d/slim").write_text(APT_RULES)
    for folder in LEFT_OUT:
        for inside in (root / folder).iterdir():
            shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
    for file in ("etc/hostname", "etc/resolv.conf", "var/log/bootstrap.log"):
        (root / file).unlink(missing_ok=True)


def _default_sources(mirror: str, suite: str) -> list[Source]:
    """A mirror's release, its updates, and its security updates where that mirror has them beside it."""
    security = Source(f"{mirror.rstrip('/')}-security", f"{suite}-security")
    plain = [Source(mirror, suite), Source(mirror, f"{suite}-updates")]
    try:
        with urllib.request.urlopen(f"{security.uri}/dists/{security.suite}/Release", timeout=10):  # noqa: S310
            return [*plain, security]
    except (urllib.error.URLError, TimeoutError):
        detail(f"no security updates at {security.uri}: the base image takes Debian's point releases only")
        return plain


def _import(client: docker_sdk.DockerClient, root: Path) -> None:
    repository, _, tag = local_base().partition(":")
    archive = subprocess.Popen(  # noqa: S603
        ["tar", "--numeric-owner", "-C", str(root), "-c", "."],  # noqa: S607
        stdout=subprocess.PIPE,
    )
    with archive:
        answer = client.api.import_image_from_stream(
            archive.stdout, repository=repository, tag=tag, changes=['CMD ["bash"]']
        )
    if archive.returncode or "error" in answer:
        raise Problem(f"Docker did not import {local_base()}: {answer}")


# ---- wheels


@dataclass(frozen=True)
class Collection:
    """Wheels that one image is built from: pinned with their hashes, kept in a git-ignored folder."""

    name: str
    requirements: str
    folder: Path

    @property
    def stamp(self) -> Path:
        return self.folder / "complete"


def collections() -> list[Collection]:
    services = [
        Collection(name, (folder / "requirements.txt").read_text(), folder / "collected")
        for name in ("voice", "studio", "keeper", "meter", "fill")
        if (folder := CHECKOUT / "services" / name)
    ]
    return [*services, *(_program(name) for name in PROGRAMS)]


def _program(name: str) -> Collection:
    """The one wheel that carries a program of others."""
    known = versions()[name]
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in known["pypi_sha256"])
    return Collection(name, f"{known['pypi']} {hashes}\n", CHECKOUT / "images" / name / "collected")


def collect_wheels() -> None:
    """Have the wheels of every image that is built here, for this machine's architecture; what is complete is
    left alone. Their hashes are checked as they arrive, and again when an image is built.

    Raises Problem where the package index does not give them.
    """
    for collection in collections():
        wanted = fingerprint(collection)
        if _complete(collection, wanted):
            say(f"Images: {collection.name}'s wheels are collected")
            continue
        with long_step(f"Images: collecting {collection.name}'s wheels into {collection.folder}"):
            shutil.rmtree(collection.folder, ignore_errors=True)
            collection.folder.mkdir(parents=True)
            _download(collection)
            _unpack_program(collection)
            kept = sorted(file.name for file in collection.folder.iterdir())
            collection.stamp.write_text("\n".join([wanted, *kept]) + "\n")


def fingerprint(collection: Collection) -> str:
    """Says when a folder belongs to other requirements or another architecture."""
    return hashlib.sha256(f"{collection.requirements}{platform.machine()}{PYTHON}".encode()).hexdigest()


def _complete(collection: Collection, wanted: str) -> bool:
    try:
        found, *files = collection.stamp.read_text().split()
    except (OSError, ValueError):
        return False
    return found == wanted and all((collection.folder / file).is_file() for file in files)


def wheel_platforms(machine: str) -> Sequence[str]:
    """Every tag of wheels that run on Debian 12, the newest first."""
    newest_first = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 4, -1)]
    return [*newest_first, *(f"manylinux{legacy}_{machine}" for legacy in ("2014", "2010", "1"))]


def _download(collection: Collection) -> None:
    options = [f"--platform={tag}" for tag in wheel_platforms(platform.machine())]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(collection.requirements)
        requirements.flush()
        quietly(
            [
                *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary=:all:"),
                *(f"--python-version={PYTHON}", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"),
                *options,
                *("--dest", str(collection.folder), "--requirement", requirements.name),
            ]
        )


def _unpack_program(collection: Collection) -> None:
    """Puts the program that a wheel carries beside it, in its stead."""
    if not (inside := PROGRAMS.get(collection.name)):
        return
    (wheel,) = collection.folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [member for member in archive.namelist() if member.endswith(inside)]
        program = collection.folder / collection.name
        program.write_bytes(archive.read(member))
        program.chmod(0o755)
    wheel.unlink()
