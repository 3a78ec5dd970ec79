"""Everything a user may write under `tts:stack`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pulumi_tts.config.auth_checks import secrets_of
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.fields import Domain, Strict
from pulumi_tts.config.guard import Guard
from pulumi_tts.config.host import Host
from pulumi_tts.config.hub import Hub
from pulumi_tts.config.keeper import Keeper
from pulumi_tts.config.observability import Observability
from pulumi_tts.config.pool import Pool

MAX_HOSTS = 64
"""As many as placement is measured with (docs/decisions/007-placement.md)."""


class ImageSource(StrEnum):
    """Where images come from."""

    auto = "auto"
    """`local` if the edge's host has the local base image (`make images`), else `registry`."""
    registry = "registry"
    """Pulled from container registries; our own are built on top of Debian's official image."""
    local = "local"
    """Built on each host from Debian and Python packages; no container registry is asked."""


class Stack(Strict):
    """One speech service: hosts, pools of instances, and the edge in front of them."""

    domain: Domain = "localhost"
    """What `{domain}` stands for in host names. Default: localhost."""
    images: ImageSource = Field(default=ImageSource.auto, strict=False)
    """Where images come from: `auto`, `registry` or `local`. Default: auto."""
    hosts: Annotated[list[Host], Field(min_length=1, max_length=MAX_HOSTS)] = [Host()]
    """The Docker hosts; the first one has the edge. Default: this machine."""
    pools: Annotated[list[Pool], Field(min_length=1)]
    """The pools of instances."""
    edge: Edge = Edge()
    """The edge in front of them."""
    guard: Guard = Guard()
    """The guard between the edge and guarded pools."""
    keeper: Keeper = Keeper()
    """The program beside the guard, which restarts instances that are sick or due."""
    hub: Hub = Hub()
    """The hub that weights are fetched from."""
    observability: Observability | None = None
    """What watches the stack. Default: nothing."""

    @property
    def secret_references(self) -> list[tuple[str, str]]:
        """Every `{secret: KEY}` in the config: its path and its key."""
        token = self.hub.token
        references = [("hub.token.secret", token.secret)] if token else []
        if self.edge.https:
            references += self.edge.https.secret_references
        watching = self.observability.secret_references if self.observability else []
        return [*references, *secrets_of(self.edge), *watching]
