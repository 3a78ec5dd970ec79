"""docs/engines.md, out of the profiles and their docstrings: `python -m pulumi_tts.config.engines.document`."""

from collections.abc import Iterator
from inspect import getdoc
from types import ModuleType

from pulumi_tts.config.engines import MODULES, cannot, name_of
from pulumi_tts.config.fields import size_text
from pulumi_tts.config.profile import Health, Profile

INTRODUCTION = """\
<!-- Made by `make engines-doc` from components/pulumi_tts/config/engines/; edit there. -->
# Engines

What a pool can name as its `engine`. Any value of a profile can be replaced in the pool
([config.yaml](config.yaml) shows how), and an engine that is not here is a mapping, not a fork.

**What was tried.** `voice` and `studio` are built, run and tested by this project. All others are written from what
their authors publish, at the versions named, and checked against that by `tests/unit/test_engines.py`; none of them was
run here, and neither were their images built or pulled. Figures of memory and time are other people's, or
limits that we chose, as each says. Please report what is wrong.

**Weights.** Where a profile names a model, a pool says which revision of it: `weights: {revision: <commit>}`, as its
page on Hugging Face shows it. All instances speak with that one, and answers name it in `X-Model-Version`.

**Slots** are the requests that one instance works on at once; the guard sends it no more. Where nothing is known, 2:
one card is saturated by a few streams. A UI's requests are not counted: its pages hold many open, and its engine has a
queue of its own.

**Out after** is the longest time until an instance that hangs gets no more requests: its health check's interval and
time-out, as often as it must fail. A pool's `guard.health` can say otherwise. An API's instance whose connection
fails is out at once, also where checks are rare.

**Weights in a volume.** Where the table says "in" a directory beside a repository, the stack fetches that revision
before it starts an instance: once for each host, into a volume that all instances with this model share, read-only.
What was cut off is continued, every file's checksum is compared with the hub's, and a volume that is complete is left
alone.
This was tried with Hugging Face's own client against a small hub of the tests (`tests/services/hub.py`), never against
Hugging Face, which is out of reach here. To read all of it again:

    docker run --rm --network none --volume <stack>-weights-<model>:/weights:ro <image of …-fill> python3 -m fill verify

**Images built here.** Where nobody publishes an image, the stack builds one on the host from
`engines/<name>/Dockerfile`, on top of an image from a registry, and with the weights in it: gigabytes, and some time.
With `images: local`, such an engine is refused; give the pool an `image` of your own there.
"""

LESS_CONFINED = """\
## What is less confined, and why

Every instance runs without capabilities and without a way to gain rights, with limits on memory and processes. Beyond
that, it is not root, its root file system is read-only, and its network has no way out, but for these:

| Engine | Has | Because |
|---|---|---|
"""

HAS = {"user": "root, without a capability", "read_only": "a writable root", "fetches_from": "a way out by a proxy"}

BY_HAND = """\
## A volume filled by hand

An engine with a models directory has one volume for each pool, `<stack>-<pool>-models`, as in `tts-prod-sd-models`.
It is kept when the stack goes, and may be there before it:

    docker volume create tts-prod-sd-models
    docker run --rm --volume tts-prod-sd-models:/models python:3.12-slim sh -c \\
        'pip install huggingface-hub && hf download <repository> <file> --revision <commit> --local-dir /models'
"""

HEAD = (
    "| Engine | Image | Port | For | Slots | Ready when | Loads in | Out after | VRAM | Memory | Weights | Way out |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
)
FOR = {"api": "programs", "ui": "people"}


def document() -> str:
    """The whole page."""
    table = "\n".join([*HEAD, *(_row(name_of(module), module.PROFILE) for module in MODULES)])
    return "\n".join([INTRODUCTION, table, "", LESS_CONFINED + "\n".join(_less_confined()), "", *_sections(), BY_HAND])


def _less_confined() -> Iterator[str]:
    for module in MODULES:
        for what, why in cannot(module).items():
            yield f"| [{name_of(module)}](#{name_of(module)}) | {HAS[what]} | {why} |"


def _row(name: str, profile: Profile) -> str:
    cells = (
        f"[{name}](#{name})",
        f"`{profile.image}`" if profile.image else f"built: `{profile.build}`",
        str(profile.port),
        FOR[profile.kind.value],
        str(profile.counted_slots or "-"),
        f"`{profile.health.path}`",
        f"{profile.health.startup} s",
        f"{_out_after(profile.health)} s",
        size_text(profile.vram) if profile.vram else "-",
        size_text(profile.memory),
        _weights(profile),
        ", ".join(f"`{source}`" for source in profile.fetches_from) or "-",
    )
    return f"| {' | '.join(cells)} |"


def _out_after(health: Health) -> int:
    return 3 if health.prompt else health.retries * (health.interval + health.timeout)


def _weights(profile: Profile) -> str:
    if profile.weights:
        directory = profile.weights.directory
        return f"`{profile.weights.repository}`" + (f" in `{directory}`" if directory else "")
    return f"in `{profile.models}`" if profile.models else "in the image"


def _sections() -> Iterator[str]:
    for module in MODULES:
        yield f"## {name_of(module)}\n\n{_text(module)}\n"


def _text(module: ModuleType) -> str:
    return getdoc(module) or ""


if __name__ == "__main__":
    print(document(), end="")
