"""Weights that are fetched into a volume before any instance starts: which, under which name, and from where."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_tts.config.hub import Hub
from pulumi_tts.config.profile import Profile
from pulumi_tts.plan.images import Image, own_image
from pulumi_tts.plan.way_out import WayOutPlan, hub_sources, plan_way_out

_CALLED_AT_MOST = 40


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file by its address and checksum, and where it goes."""

    url: str
    sha256: str
    to: str


@dataclass(frozen=True, slots=True)
class FilledWeights:
    """One model's files; pools with the same ones share a volume on each host."""

    name: str
    """Follows from all that is fetched: another revision has another volume."""
    repository: str | None
    revision: str | None
    files: tuple[str, ...]
    """Patterns of the repository's files; none for all of them."""
    links: tuple[LinkedFile, ...]

    @property
    def called(self) -> str:
        """The weights as messages call them."""
        return f"{self.repository}@{self.revision}" if self.repository else ", ".join(link.to for link in self.links)


@dataclass(frozen=True, slots=True)
class FillPlan:
    """What fetches weights, and from which hub."""

    image: Image
    endpoint: str
    token_key: str | None
    """The config key of the hub's token; absent without one."""
    way_out: WayOutPlan | None
    """The proxy to the hub and whatever else the weights come from; absent where nothing is fetched."""


def plan_fill(hub: Hub, name: str, weights: Iterable[FilledWeights | None], local_images: bool) -> FillPlan:
    """What follows from the hub's config; ``name`` begins that of its way out, ``weights`` are all."""
    wanted = [each for each in weights if each]
    links = [link.url for each in wanted for link in each.links]
    return FillPlan(
        image=own_image("fill", local_images),
        endpoint=hub.endpoint,
        token_key=hub.token.secret if hub.token else None,
        way_out=plan_way_out(name, "weights", hub_sources(hub, links), local_images) if wanted else None,
    )


def filled_weights(profile: Profile) -> FilledWeights | None:
    """The weights that an engine reads from a volume; absent where they are in its image, or its own affair."""
    weights = profile.weights
    if not weights or not weights.directory:
        return None
    files = tuple(sorted(weights.files or ()))
    links = tuple(LinkedFile(link.url, link.sha256, link.path) for link in weights.links or ())
    told = repr((weights.repository, weights.revision, files, [(link.sha256, link.to) for link in links]))
    last = (weights.repository or links[0].to).rpartition("/")[2]
    called = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:_CALLED_AT_MOST]
    name = f"{called}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    return FilledWeights(name, weights.repository, weights.revision, files, links)
