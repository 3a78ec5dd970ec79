"""Labels read as what they are about: routers, services and middlewares with their options."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Part:
    """One router, service or middleware: its options by their path in small letters, as in `tls.certresolver`."""

    name: str
    options: dict[str, str] = field(default_factory=dict)

    def label(self, kind: str, option: str) -> str:
        """How an option of it is written."""
        return f"traefik.http.{kind}.{self.name}.{option}"


@dataclass(frozen=True, slots=True)
class Http:
    """What a container's labels say about HTTP."""

    routers: dict[str, Part]
    services: dict[str, Part]
    middlewares: dict[str, Part]


def http_of(labels: Mapping[str, str]) -> Http:
    """The routers, services and middlewares of a container."""
    found: dict[str, dict[str, Part]] = {"routers": {}, "services": {}, "middlewares": {}}
    for label, value in sorted(labels.items()):
        root, http, kind, name, *option = [*label.split(".", 4), "", "", ""][:5]
        if (root, http.casefold()) == ("traefik", "http") and kind.casefold() in found and option and option[0]:
            part = found[kind.casefold()].setdefault(name, Part(name))
            part.options[option[0].casefold()] = value
    return Http(**found)
