"""The volumes that outlive a stack: which there are, and removing them when somebody says so."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError

from bootstrap import docker
from bootstrap.say import Problem, detail, say
from bootstrap.shell import has_terminal

STACK_LABEL = "pulumi-tts.stack"


@dataclass(frozen=True)
class Volume:
    name: str
    part: str  # what it holds: outputs, files, …; empty where its label is missing


def volumes_of(stack: str, listed: Iterable[Mapping[str, Any]]) -> list[Volume]:
    """The stack's volumes among those that Docker lists (the `Volumes` of its API), by name.

    Docker answers null, not an empty mapping, for the labels of a volume that has none.
    """
    labelled = [(entry["Name"], entry.get("Labels") or {}) for entry in listed]
    return sorted(
        (
            Volume(name, labels.get("pulumi-tts.part", ""))
            for name, labels in labelled
            if labels.get(STACK_LABEL) == stack
        ),
        key=lambda volume: volume.name,
    )


def left_by(stack: str) -> list[Volume]:
    with closing(docker.client()) as connection:
        return volumes_of(stack, [volume.attrs for volume in connection.volumes.list()])


def should_remove(*, told: bool, asked: Callable[[], bool] | None) -> bool:
    """Volumes go only when somebody says so: by VOLUMES=1, or by answering yes.

    `asked` is None where nobody can answer.
    """
    return told or (asked is not None and asked())


def ask() -> bool:
    try:
        return input("    Remove them too? What they hold is lost. [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def settle(stack: str, *, told: bool) -> None:
    """After the stack is gone: remove its volumes or say that, and which, they stay.

    Raises Problem naming the volumes that Docker would not remove.
    """
    left = left_by(stack)
    if not left:
        return
    say(f"Volumes of the stack: {len(left)}")
    for volume in left:
        detail(f"{volume.name}  ({volume.part})" if volume.part else volume.name)
    if should_remove(told=told, asked=ask if has_terminal() else None):
        remove(left)
        detail("removed")
    else:
        detail("They stay, and the next `make up` finds them again. `make down VOLUMES=1` removes them.")


def remove(volumes: Iterable[Volume]) -> None:
    refused: dict[str, str] = {}
    with closing(docker.client()) as connection:
        for volume in volumes:
            try:
                connection.volumes.get(volume.name).remove()
            except APIError as error:
                refused[volume.name] = str(error.explanation)
    if refused:
        listed = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise Problem(f"Docker did not remove these volumes: {listed}")
