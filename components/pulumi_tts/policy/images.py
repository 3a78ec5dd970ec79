"""Which image runs: the one that was tried."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import CONTAINER, Resource

PROTECTED = ("prod", "prod-*", "*-prod", "production", "production-*", "*-production", "live")


def pinned_images(resource: Resource, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """In a protected stack, an image that a registry is asked for has a tag that says which, or a digest.

    Protected is a stack whose name matches `protected`, and whatever has Pulumi's `protect`. An image that is built
    is nobody else's: its tag changes with what it is built from, or is only a name.
    """
    if not is_protected(resource, settings) or resource.inputs.get("build") is not None:
        return
    key = "image" if resource.kind == CONTAINER else "name"
    reference = resource.text(key)
    if reference and not is_pinned(reference):
        yield Problem(
            key,
            reference,
            "may be another one at the next start, without a change of this stack",
            "Name a version (image:1.2.3) or a digest (image@sha256:…)",
        )


def is_protected(resource: Resource, settings: Mapping[str, Any]) -> bool:
    """Whether no change that nobody asked for may reach the resource."""
    patterns = settings.get("protected", PROTECTED)
    return resource.protected or any(fnmatchcase(resource.stack, str(pattern)) for pattern in patterns)


def is_pinned(reference: str) -> bool:
    """Whether a reference says which image it means: by its id, a digest, or a tag that is not `latest`."""
    if reference.startswith("sha256:") or "@sha256:" in reference:
        return True
    _, colon, tag = reference.rpartition("/")[2].partition(":")
    return bool(colon) and tag not in ("", "latest")
