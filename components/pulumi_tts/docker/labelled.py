"""The containers of a Docker host whose labels say something to an edge."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_tts.config import ConfigError, Problem
from pulumi_tts.config.problems import shown
from pulumi_tts.docker.endpoint import Endpoint, client
from pulumi_tts.labels import Labelled
from pulumi_tts.plan.admission import ADMIT


def labelled_containers(at: Endpoint, names: Sequence[str], stack: str) -> list[Labelled]:
    """The containers with these names; without names, those that ask ``stack`` to admit them, or seem to.

    ``at`` is the host's Docker endpoint. Raises ConfigError if the host does not answer, or has no such container.
    """
    from docker.errors import DockerException, NotFound  # noqa: PLC0415  see endpoint.client

    try:
        api = client(at).api
        if not names:
            return [
                _labelled(api.inspect_container(listed["Id"])) for listed in _asking(api.containers(all=True), stack)
            ]
        return [_labelled(api.inspect_container(name)) for name in names]
    except NotFound as error:
        problem = Problem(
            "container", shown(", ".join(names)), f"is not there ({error.explanation})", "See: docker ps -a"
        )
        raise ConfigError([problem]) from None
    except (DockerException, OSError, ValueError) as error:
        problem = Problem(
            "docker", shown(at.url), f"does not answer as a Docker engine ({error})", "Name the right endpoint"
        )
        raise ConfigError([problem]) from None


def _asking(listed: Iterable[dict[str, Any]], stack: str) -> Iterator[dict[str, Any]]:
    for container in listed:
        labels: Mapping[str, str] = container["Labels"] or {}
        # Our own have labels of this package's too; Traefik's on one without ours may be meant for another Traefik.
        ours = "pulumi-tts.stack" in labels
        if not ours and (labels.get(ADMIT) == stack or any(_nearly(label) for label in labels)):
            yield container


def _nearly(label: str) -> bool:
    """Whether a label is one of this package's, or a misspelt one."""
    return label != ADMIT and label.casefold().startswith(("pulumi-tts", "pulumi_tts", "pulumitts", "pulumi.tts"))


def _labelled(inspected: Mapping[str, Any]) -> Labelled:
    state, config = inspected["State"], inspected["Config"]
    return Labelled(
        name=inspected["Name"].lstrip("/"),
        labels=config["Labels"] or {},
        ports=tuple(inspected["NetworkSettings"]["Ports"] or config.get("ExposedPorts") or ()),
        networks=tuple(inspected["NetworkSettings"]["Networks"]),
        running=state["Running"],
        healthy=(state.get("Health") or {}).get("Status") in (None, "none", "healthy"),
    )
