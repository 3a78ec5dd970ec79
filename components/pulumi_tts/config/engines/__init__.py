"""The engines that this package knows, by the name a pool calls them: one small declarative module each.

A profile is written as a user writes one of their own in YAML, so any of these can be copied into a config.
What each module's docstring says is in docs/engines.md too.
"""

from types import ModuleType

from pulumi_tts.config.engines import (
    cosyvoice3,
    cosyvoice3_api,
    fish_speech,
    fooocus,
    indextts,
    kokoro,
    kokoro_cpu,
    ollama,
    speaches,
    stable_diffusion_webui,
    studio,
    vibevoice,
    vibevoice_realtime,
    vllm_omni,
    voice,
)
from pulumi_tts.config.profile import Profile

MODULES: tuple[ModuleType, ...] = (
    voice,
    studio,
    cosyvoice3,
    cosyvoice3_api,
    vllm_omni,
    vibevoice,
    vibevoice_realtime,
    indextts,
    fish_speech,
    kokoro,
    kokoro_cpu,
    speaches,
    stable_diffusion_webui,
    fooocus,
    ollama,
)


def name_of(module: ModuleType) -> str:
    """What a pool calls the engine of a module."""
    return module.__name__.rpartition(".")[2].replace("_", "-")


def cannot(module: ModuleType) -> dict[str, str]:
    """In what an engine cannot be confined as all others are (`user`, `read_only`, `fetches_from`), and why."""
    reasons: dict[str, str] = getattr(module, "CANNOT", {})
    return reasons


ENGINES: dict[str, Profile] = {name_of(module): module.PROFILE for module in MODULES}
