"""Every rule of the pack: what it is called, whom it is asked of, and how much its word counts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy import care, hosts, images, mounts, ports, privileges, secrets
from pulumi_tts.policy.resource import CONTAINER, IMAGE, NETWORK, PROVIDER, Resource

Check = Callable[[Resource, Mapping[str, Any]], Iterator[Problem]]
"""From a resource, and what is set for the rule, to what is wrong."""


class Level(Enum):
    """What becomes of a stack that breaks a rule; `enforcementLevel` in the pack's config says otherwise."""

    mandatory = "mandatory"
    """`preview` and `up` fail."""
    advisory = "advisory"
    """They say so, and go on."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What it asks is the docstring of its check."""

    name: str
    check: Check
    level: Level
    kinds: tuple[str, ...] = (CONTAINER,)
    settings: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """What else can be set, all of it lists of text: its description and its default, by name."""

    @property
    def description(self) -> str:
        """What is asked for, in a sentence."""
        return " ".join(str(self.check.__doc__).split("\n\n")[0].split())

    def problems(self, resource: Resource, settings: Mapping[str, Any] | None = None) -> list[Problem]:
        """What of a resource breaks the rule, with its name in each path.

        Nothing where it is of another kind, or one of the rule's exceptions.
        """
        settings = settings or {}
        if resource.kind not in self.kinds:
            return []
        if any(fnmatchcase(resource.name, str(pattern)) for pattern in settings.get("except", ())):
            return []
        return [
            replace(problem, path=f"{resource.name}.{problem.path}", remedy=f"{problem.remedy}.")
            for problem in self.check(resource, settings)
        ]


_PRIVATE = {"private": ("networks (CIDR) that the internet has no way to", ports.PRIVATE)}
_PROTECTED = {"protected": ("names of stacks that are protected; `*` stands for anything", images.PROTECTED)}

RULES = (
    Rule("published-ports", ports.published_ports, Level.mandatory, settings=_PRIVATE),
    Rule("tls-on-public-binds", ports.tls_on_public_binds, Level.mandatory, settings=_PRIVATE),
    Rule("no-privileged", privileges.no_privileged, Level.mandatory),
    Rule("no-added-capabilities", privileges.no_added_capabilities, Level.mandatory),
    Rule("all-capabilities-dropped", privileges.all_capabilities_dropped, Level.advisory),
    Rule("no-host-namespaces", privileges.no_host_namespaces, Level.mandatory),
    Rule("no-new-privileges", privileges.no_new_privileges, Level.mandatory),
    Rule("no-docker-socket", mounts.no_docker_socket, Level.mandatory),
    Rule("no-sensitive-paths", mounts.no_sensitive_paths, Level.mandatory),
    Rule("pinned-images", images.pinned_images, Level.mandatory, (CONTAINER, IMAGE), _PROTECTED),
    Rule("memory-limits", care.memory_limits, Level.mandatory),
    # Advisory, as an image may have a check of its own, which is no input.
    Rule("health-checks", care.health_checks, Level.advisory),
    Rule("no-secrets-in-sight", secrets.no_secrets_in_sight, Level.mandatory),
    # Advisory, as DOCKER_CERT_PATH may name certificates, which is no input either.
    Rule("docker-over-tls", hosts.docker_over_tls, Level.advisory, (PROVIDER,)),
    Rule("no-open-networks", hosts.no_open_networks, Level.mandatory, (NETWORK,)),
)
