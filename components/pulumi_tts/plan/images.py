"""Which image a container runs: one that a registry has, or one built on its host."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulumi_tts.config import versions
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError, Problem, shown
from pulumi_tts.config.profile import Profile

_NOT_PART_OF_THE_IMAGE = {"collected", "__pycache__"}
_SHARED = tuple(f"voice/{file}.py" for file in ("__init__", "environment", "healthcheck", "logs"))
_FOLDERS: dict[str, tuple[str, ...]] = {
    "voice": ("voice",),
    "studio": ("voice", "studio"),
    "fill": ("fill",),
    "tidy": ("tidy",),
    "keeper": ("keeper", *_SHARED),
    "meter": ("meter", *_SHARED),
}
"""What each image from `services/` consists of, below that context; any other consists of its whole context."""


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is built: a folder that Docker is given, a Dockerfile in it, and what it is told."""

    context: Path
    dockerfile: str
    base: str | None
    """What it starts from; absent where the Dockerfile says it."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Further build arguments."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its reference; ``build`` is absent where a registry or the host has it already."""

    reference: str
    build: Build | None = None


def engine_image(profile: Profile, base: str) -> Image:
    """The image of an engine; those from `services/` are built on top of ``base``."""
    if profile.image:
        return Image(profile.image)
    folder = str(profile.build)
    if folder in _FOLDERS:
        return _built(folder, contexts() / "services", f"{folder}/Dockerfile", base)
    return _built(folder, contexts() / "engines" / folder, "Dockerfile", None, _weights(profile))


def refuse_registries(pools: Sequence[Pool]) -> None:
    """Raises ConfigError for each pool whose image is built on one that only a registry has."""
    problems = [
        Problem(
            f"pools[{at}].engine",
            shown(pool.engine_name),
            "has an image that is built on one from a registry, and images are local here",
            "Write images: registry, or give the pool an image that the host has: image: name:tag",
        )
        for at, pool in enumerate(pools)
        if pool.profile.build and pool.profile.build not in _FOLDERS
    ]
    if problems:
        raise ConfigError(problems)


def edge_image(local: bool) -> Image:
    """Traefik's image: the official one, or its official binary on the local base."""
    return _official("traefik", versions.images().traefik, local)


def envoy_image(local: bool) -> Image:
    """Envoy's image, of the guard and of what stands before Docker's socket: the official one, or its binary."""
    return _official("envoy", versions.images().envoy, local)


def jaeger_image(local: bool) -> Image:
    """Jaeger's image: the official one, or the same program built from its Go modules on the local base."""
    return _official("jaeger", versions.images().jaeger, local)


def packaged_image(name: str, local: bool) -> Image:
    """The image of a program that Debian has too, by its name in versions.toml: the official one, or Debian's."""
    entry = versions.table()["images"][name]
    if not local:
        return Image(entry["registry"])
    arguments = (("PACKAGE", entry["debian"]), ("PROGRAM", name))
    return _built(name, contexts() / "images" / "packaged", "Dockerfile", versions.images().local_base, arguments)


def oauth2_proxy_image(local: bool) -> Image:
    """The image of what asks an OpenID provider: the official one, or the program that Go built of its module."""
    return _official("oauth2-proxy", versions.images().oauth2_proxy, local)


def _official(name: str, reference: str, local: bool) -> Image:
    if not local:
        return Image(reference)
    return _built(name, contexts() / "images" / name, "Dockerfile", versions.images().local_base)


def own_image(name: str, local: bool) -> Image:
    """The image of a program of ours that is no engine, from `services/`."""
    return _built(name, contexts() / "services", f"{name}/Dockerfile", base_image(local))


def base_image(local: bool) -> str:
    """What our own images start from."""
    known = versions.images()
    return known.local_base if local else known.base


def contexts() -> Path:
    """The folder that holds `services/`, `engines/` and `images/`: in the installed package, or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_contexts"
    return installed if installed.is_dir() else package.parents[1]


def _weights(profile: Profile) -> tuple[tuple[str, str], ...]:
    """The model that an image is built with, as build arguments."""
    weights = profile.weights
    if not weights:
        return ()
    return (("WEIGHTS_REPOSITORY", weights.repository or ""), ("WEIGHTS_REVISION", weights.revision or ""))


def _built(
    name: str, context: Path, dockerfile: str, base: str | None, arguments: tuple[tuple[str, str], ...] = ()
) -> Image:
    # The tag follows from what goes in, so an unchanged image is never rebuilt and a changed one always is.
    told = "\0".join([base or "", versions.pinned(name), *(value for _, value in arguments)])
    tag = _fingerprint(context, _FOLDERS.get(name, (".",)), told)
    return Image(f"pulumi-tts/{name}:{tag}", Build(context, dockerfile, base, arguments))


@cache
def _fingerprint(context: Path, parts: tuple[str, ...], told: str) -> str:
    digest = hashlib.sha256(told.encode())
    named = [context / name for name in (*parts, ".dockerignore")]
    sources = {path for each in named for path in ([each] if each.is_file() else each.rglob("*"))}
    for path in sorted(sources):
        relative = path.relative_to(context)
        if path.is_file() and not _NOT_PART_OF_THE_IMAGE & set(relative.parts):
            digest.update(f"\0{relative}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
