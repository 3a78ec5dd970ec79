"""What a stack's meter has counted, asked of it in its container."""

import json
from typing import Any, cast

from pulumi_tts.config import ConfigError, Problem
from pulumi_tts.config.problems import shown
from pulumi_tts.docker.endpoint import Endpoint, client

_COMMAND = ("python3", "-m", "meter", "report")


def metered(at: Endpoint, meter: str, since: str, until: str | None, by: str) -> dict[str, Any]:
    """Its report; ``at`` is where Docker answers that ``meter`` runs on.

    Raises ConfigError if Docker does not answer, or there is no such meter, or it has no report to give.
    """
    from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415  see endpoint.client

    words = [*_COMMAND, "--since", since, "--by", by, *(["--until", until] if until else [])]
    try:
        code, output = client(at).containers.get(meter).exec_run(words, demux=True)
    except NotFound:
        raise _problem("observability.usage", meter, "is not there", "Bring the stack up: pulumi up") from None
    except APIError as error:
        reason = f"cannot be asked ({error.explanation})"
        raise _problem("observability.usage", meter, reason, f"See: docker logs {meter}") from None
    except (DockerException, OSError, ValueError) as error:
        reason = f"does not answer as a Docker engine ({error})"
        raise _problem("docker", at.url, reason, "Start Docker there, or name the right endpoint in hosts[0]") from None
    told, complaint = (cast("bytes | None", stream) or b"" for stream in output)
    if code:
        said = complaint.decode(errors="replace").strip().splitlines()
        reason = f"has no report ({said[-1] if said else f'status {code}'})"
        raise _problem("observability.usage", meter, reason, f"See: docker logs {meter}")
    report: dict[str, Any] = json.loads(told)
    return report


def _problem(path: str, value: str, reason: str, remedy: str) -> ConfigError:
    return ConfigError([Problem(path, shown(value), reason, remedy)])
