"""A resource as a rule sees it: its inputs as Pulumi has them, in camelCase, and whose it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
PROVIDER = "pulumi:providers:docker"

_OURS = "tts:index:"
_PART = "pulumi-tts.part"


class Unknown(Enum):
    """In the place of a value that only an `up` will tell; a rule says nothing about it until then."""

    VALUE = "unknown"


UNKNOWN = Unknown.VALUE


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, before it is made or changed."""

    kind: str
    """Its type, as CONTAINER."""
    name: str
    urn: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs; what is not known yet is UNKNOWN."""
    protected: bool = False
    """Whether it has Pulumi's `protect`, of its own or of its parents."""

    @property
    def stack(self) -> str:
        """The name of the Pulumi stack that it is in."""
        return self.urn.removeprefix("urn:pulumi:").split("::")[0]

    @property
    def part(self) -> str:
        """Which part of this package's components it is, as `edge` or `instance`; empty for everything else.

        A label can be written on any container. So the container has to be a child of a component of ours too, which
        is not written by mistake; who wants to deceive can still write `parent=`.
        """
        parents = self.urn.split("::")[2].split("$")[:-1]
        if not any(parent.startswith(_OURS) for parent in parents):
            return ""
        return next((text(label.get("value")) for label in self.mappings("labels") if label.get("label") == _PART), "")

    def text(self, key: str) -> str:
        """An input as text; empty where it is absent or not known yet."""
        return text(self.inputs.get(key))

    def texts(self, key: str) -> list[str]:
        """The known items of an input that is a list."""
        return [text(item) for item in self._items(key)]

    def mappings(self, key: str) -> Iterator[Mapping[str, Any]]:
        """The known items of an input that is a list of mappings."""
        return (item for item in self._items(key) if isinstance(item, Mapping))

    def _items(self, key: str) -> list[Any]:
        value = self.inputs.get(key)
        if not isinstance(value, Sequence) or isinstance(value, str):
            return []
        return [item for item in value if item is not UNKNOWN]


def text(value: Any) -> str:
    """A value as it is written; Pulumi has every number as a float."""
    if value is None or value is UNKNOWN:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
