"""What each `make` target does, step by step."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout
from typing import Any

from bootstrap import docker, go_programs, images, packages, pulumi, stack, volumes
from bootstrap.farewell import farewell
from bootstrap.machine import may_install
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.say import Problem, detail, say


def engine() -> pulumi.Engine:
    """Have a Pulumi engine, and say which."""
    found = pulumi.find_or_build()
    say(f"Pulumi: {found.executable} ({found.origin})")
    return found


def base_is_there() -> bool:
    """Whether the Docker host already has the base image that is built where no registry answers."""
    with closing(docker.client()) as connection:
        return bool(connection.images.list(name=images.local_base()))


def images_setting(stack_file: Mapping[str, Any]) -> str:
    """What the stack's configuration says under `images`: auto (the default), registry or local.

    Anything that is not such a word is the program's to refuse, with its path: here it counts as auto.
    """
    setting = _written(stack_file, "images")
    return setting if setting in ("registry", "local") else "auto"


def go_programs_of(stack_file: Mapping[str, Any]) -> list[str]:
    """The programs that the stack runs and that Go builds where no registry answers: minutes that not all need."""
    return [
        name for name, program in go_programs.PROGRAMS.items() if _written(stack_file, *program.asked_by) is not None
    ]


def _written(stack_file: Mapping[str, Any], *path: str) -> Any:
    found: Any = stack_file
    for key in ("config", "tts:stack", *path):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def make_images(setting: str, programs: Sequence[str] = ()) -> None:
    """Have on the Docker host what images are built from, where they cannot come from a registry.

    ``programs`` are those that Go has to build for it.
    """
    if setting == "registry":
        return
    if setting == "auto" and not base_is_there() and images.registry_answers():
        say("Images: a registry answers")
        return
    images.make_base()
    images.collect_wheels()
    for program in programs:
        go_programs.collect(program)


def prepare() -> pulumi.Engine:
    """Everything that must be there before the stack can be brought up."""
    if may_install():
        packages.require(packages.UP)
    docker.ensure()
    found = engine()
    stack.prepare()
    written = stack.read_yaml(CHECKOUT / stack.STACK_FILE)
    make_images(images_setting(written), go_programs_of(written))
    stack.create(found)
    return found


def up() -> None:
    found = prepare()
    say(f"Stack {stack.STACK}: pulumi up, state in {stack.STATE}")
    stack.up(found)
    for line in farewell(stack.outputs(found), stack.latest(found).get("resourceChanges", {})):
        print(line)


def preview() -> None:
    stack.preview(prepare())


def policy() -> None:
    stack.preview(prepare(), "--policy-pack", str(stack.POLICY_PACK))


def down(*, with_volumes: bool) -> None:
    if not stack.exists():
        say("Nothing to take down: `make up` has not run in this checkout.")
        return
    docker.ensure()
    found = engine()
    if stack.is_down(found):
        say(f"Stack {stack.STACK}: is down already")
    else:
        stack.prepare()
        say(f"Stack {stack.STACK}: pulumi destroy")
        stack.destroy(found)
    volumes.settle(stack.SPEECH_STACK, told=with_volumes)
    say(f"Down. Images, .venv, .local and {CACHE} stay, for the next `make up`.")
    docker.say_what_stays()


def outputs() -> None:
    print(json.dumps(stack.outputs(existing()), indent=2))


def any_pulumi(arguments: str) -> None:
    """A Pulumi command of the user's on the stack of `make up`."""
    stack.run(existing(), *shlex.split(arguments))


def existing() -> pulumi.Engine:
    """The engine for a stack that is there; what it says goes to stderr, as a program may read stdout."""
    if not stack.exists():
        raise Problem("there is no stack here yet: `make up` brings it up.")
    with redirect_stdout(sys.stderr):
        return pulumi.find_or_build()


def test_prerequisites() -> None:
    """What the tests on the real engine need: the same as `make up`, and a browser and a voice."""
    packages.require([*packages.TESTS, *packages.UP])
    docker.ensure()
    engine()
    make_images("auto", list(go_programs.PROGRAMS))


def make_images_anyway(programs: Sequence[str] = ()) -> None:
    """The base image and the wheels, whether or not a registry answers; also ``programs``, beside those that the stack
    of this checkout runs."""
    docker.ensure()
    asked_for = go_programs_of(stack.read_yaml(CHECKOUT / stack.STACK_FILE))
    make_images("local", sorted({*asked_for, *programs}))
    detail("The next `make up` with `images: auto` or `local` builds from these.")
