"""A Docker host."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from pulumi_tts.config.fields import Name, Strict, refused


def _endpoint(value: str) -> str:
    try:
        url = urlsplit(value)
        there = bool(url.path) if url.scheme == "unix" else bool(url.hostname)
        right = url.scheme in ("unix", "ssh", "tcp") and there and (url.port is None or url.port > 0)
    except ValueError:  # a port that is none, or a bracket that is not closed
        right = False
    if not right:
        raise refused(
            "is not where a Docker engine can answer",
            "Write unix:///var/run/docker.sock, ssh://user@host or tcp://host:port",
        )
    return value


class Host(Strict):
    """A machine with a Docker engine that instances run on."""

    name: Name = "local"
    """The host's name in plans and messages."""
    docker: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Where Docker answers: `unix://…`, `ssh://…` or `tcp://…`. Default: what `DOCKER_HOST` says, else this machine."""
