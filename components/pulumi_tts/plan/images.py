"""Which image a container runs: one that a registry has, or one built on its host."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulumi_tts.config import versions
from pulumi_tts.config.profile import Profile

_NOT_PART_OF_THE_IMAGE = {"collected", "__pycache__"}
_FOLDERS = {"traefik": (".",), "voice": ("voice",), "studio": ("voice", "studio")}
"""What each of our images consists of, below its context."""


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is built: a folder that Docker is given, a Dockerfile in it, and what it starts from."""

    context: Path
    dockerfile: str
    base: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its reference; ``build`` is absent where a registry or the host has it already."""

    reference: str
    build: Build | None = None


def engine_image(profile: Profile, base: str) -> Image:
    """The image of an engine; those of our own are built on top of ``base``."""
    if profile.image:
        return Image(profile.image)
    folder = str(profile.build)
    return _built(folder, contexts() / "services", f"{folder}/Dockerfile", base)


def edge_image(local: bool) -> Image:
    """Traefik's image: the official one, or its official binary on the local base."""
    known = versions.images()
    if not local:
        return Image(known.traefik)
    return _built("traefik", contexts() / "images" / "traefik", "Dockerfile", known.local_base)


def base_image(local: bool) -> str:
    """What our own images start from."""
    known = versions.images()
    return known.local_base if local else known.base


def contexts() -> Path:
    """The folder that holds `services/` and `images/`: in the installed package, or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_contexts"
    return installed if installed.is_dir() else package.parents[1]


def _built(name: str, context: Path, dockerfile: str, base: str) -> Image:
    # The tag follows from what goes in, so an unchanged image is never rebuilt and a changed one always is.
    tag = _fingerprint(context, _FOLDERS[name], f"{base} {versions.pinned(name)}")
    return Image(f"pulumi-tts/{name}:{tag}", Build(context, dockerfile, base))


@cache
def _fingerprint(context: Path, folders: tuple[str, ...], ingredients: str) -> str:
    digest = hashlib.sha256(ingredients.encode())
    sources = {path for folder in folders for path in (context / folder).rglob("*")} | {context / ".dockerignore"}
    for path in sorted(sources):
        relative = path.relative_to(context)
        if path.is_file() and not _NOT_PART_OF_THE_IMAGE & set(relative.parts):
            digest.update(f"\0{relative}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
