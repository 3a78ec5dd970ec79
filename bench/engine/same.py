"""Whether the flat program still makes what the components make: else the comparison would say nothing."""

from typing import Any

from bench.engine import mocked
from bench.engine.programs import FLAT, SPEECH

_NO_MATTER = {
    "docker:index/remoteImage:RemoteImage": {"name", "build"},
    "docker:index/container:Container": {"entrypoints", "uploads"},
}
"""Inputs that differ by nature: an image's tag and the way to its folder, the text of scripts and routes."""


def check_same() -> None:
    """Raises SystemExit, naming what differs, unless both programs make the same with the same options."""
    components, by_hand = (_docker_inputs(mocked.run(program, 2, preview=False)) for program in (SPEECH, FLAT))
    differing = [key for key in sorted({*components, *by_hand}) if components.get(key) != by_hand.get(key)]
    if differing:
        raise SystemExit(
            "The components no longer make what bench/engine/programs/flat makes by hand. Bring it up to date:\n"
            + "\n".join(f"  {key}: {by_hand.get(key)}, now {components.get(key)}" for key in differing)
        )


def _docker_inputs(run: mocked.Timed) -> dict[str, Any]:
    """What matters of every input of every resource of the Docker provider."""
    return {
        f"{resource}.{key}": value
        for resource, inputs in run.resources.items()
        if resource.startswith("docker:")
        for key, value in inputs.items()
        if key not in _NO_MATTER.get(resource.split()[0], ())
    }
