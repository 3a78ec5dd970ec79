"""A Docker host."""

from typing import Annotated

from pydantic import Field

from pulumi_tts.config.fields import Name, Strict


class Host(Strict):
    """A machine with a Docker engine that instances run on."""

    name: Name = "local"
    """The host's name in plans and messages."""
    docker: Annotated[str, Field(pattern=r"^(unix|ssh|tcp)://\S+$")] | None = None
    """Where Docker answers: `unix://…`, `ssh://…` or `tcp://…`. Default: what `DOCKER_HOST` says, else this machine."""
