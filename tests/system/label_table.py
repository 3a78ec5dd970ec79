"""Every label that Traefik knows, asked of the pinned Traefik itself: `python -m tests.system.label_table`.

Its labels follow the fields of its configuration, and the program carries the names of all fields of all its types.
Each is tried at each place where a name can stand; Traefik's answer says whether it is one, and what value it wants.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pulumi_tts.config import versions
from tests.system.asked_traefik import BINARY, Made, opinion

ROOTS = ("http", "tcp", "udp", "tls.stores.default", "docker")
"""What Traefik looks at; it passes over every label that begins with something else."""

SHOWN = ("http.", "tcp.", "udp.")
"""Of these Traefik's API shows what it has taken; so what is not shown was passed over."""

VERSION = versions.images().traefik.rpartition(":")[2]

HEADING = f"""\
# What Traefik {VERSION} takes as labels after `traefik.`, and what value each wants;
# written by `make labels-table`, which asks Traefik itself. `*` is a name of one's own, `**` one or more of them, `[]`
# an index. A `section` may stand as `=true` without anything below it; what is `ignored` is known and not looked at.
"""

_UNKNOWN = "field not found, node: "
_FIELD = re.compile(rb'json:"([A-Za-z0-9]+)(?:,omitempty)?" toml:"')
_SLICE_AS_STRUCT = re.compile(rb'label-slice-as-struct:"([A-Za-z]+)"')
_UNTAGGED = ("allowNonRunning", "lbSwarm")  # of the Docker provider's own labels, which have no other spelling
_TYPES = {
    "ParseBool": "bool",
    "ParseInt": "int",
    "ParseUint": "int",
    "ParseFloat": "float",
    "invalid duration": "duration",
}


@dataclass(frozen=True)
class Said:
    """What became of a label on a container of its own."""

    complaint: str
    shown: bool

    @property
    def unknown(self) -> bool:
        return _UNKNOWN in self.complaint


def field_names() -> list[str]:
    """How each field of Traefik's types is written, spelt as its documentation does."""
    binary = BINARY.read_bytes()
    named = {name.decode() for name in [*_FIELD.findall(binary), *_SLICE_AS_STRUCT.findall(binary)]}
    # Labels know no case; of two spellings the one with capitals is the documented one.
    return sorted({name.casefold(): name for name in sorted(named, reverse=True)}.values()) + list(_UNTAGGED)


def ask(paths: Iterable[str]) -> dict[str, Said]:
    """What Traefik makes of a label at each of these places, with a value that is nothing but text."""
    asked = list(paths)
    containers = []
    for number, path in enumerate(asked):
        label = path.replace("*", f"entry{number}").replace("[]", "[0]")
        labels = {"traefik.enable": "true", **_beside(path, f"entry{number}"), f"traefik.{label}": f"value{number}v"}
        containers.append(Made(f"c{number}", labels))
    said = opinion(containers)
    shown = json.dumps(said.taken)
    return {
        path: Said(" ".join(said.errors.get(f"c{number}", ())), f"value{number}v" in shown)
        for number, path in enumerate(asked)
    }


def _beside(path: str, entry: str) -> dict[str, str]:
    """Labels without which Traefik would drop the whole router or service, and show nothing of it."""
    kind, what, *below = path.split(".")
    if len(below) <= 1:
        return {}
    if what == "services" and ".loadBalancer" not in path:
        return {f"traefik.{kind}.services.{entry}.loadbalancer.server.port": "80"}
    if (kind, what) == ("tcp", "routers"):
        return {f"traefik.tcp.routers.{entry}.rule": "HostSNI(`*`)"}
    return {}


def table() -> list[str]:
    """Every place and what stands there, as in `http.routers.*.rule string`."""
    names = field_names()
    found: dict[str, str] = {}
    places = list(ROOTS)
    while places:
        said = ask(f"{place}.{name}" for place in places for name in names)
        known = {path: answer for path, answer in said.items() if not answer.unknown}
        places = []
        for kind, below in _looked_into(known):
            found |= kind
            places += below
    return sorted(f"{path} {kind}" for path, kind in _settled(found).items())


def _looked_into(known: dict[str, Said]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Of each of these places what stands there, and the places below it where names may stand."""
    tails = (".nonsense.deeper", ".*", ".*.nonsense")
    second = ask(f"{path}{tail}" for path in known for tail in tails)
    for path, alone in known.items():
        yield _kind(path, alone, *(second[f"{path}{tail}"] for tail in tails))


def _kind(  # noqa: PLR0911  one for each kind
    path: str, alone: Said, below: Said, entry: Said, in_entry: Said
) -> tuple[dict[str, str], list[str]]:
    if typed := _type(alone):
        return {path: typed}, []
    if "standalone element (type map" in alone.complaint:
        if in_entry.unknown:
            return {}, [f"{path}.*"]
        return {f"{path}.*" if (one := _type(entry)) else f"{path}.**": one or "string"}, []
    if "standalone element" in alone.complaint or "invalid slice" in alone.complaint:
        return {}, [path]
    if below.complaint.startswith(f"{_UNKNOWN}nonsense"):
        return {path: "section"}, [path]
    if below.unknown:
        return {path: _text(path, alone, "list")}, [f"{path}[]"]
    return {path: _text(path, alone, "string")}, []


def _type(said: Said) -> str | None:
    return next((kind for mark, kind in _TYPES.items() if mark in said.complaint), None)


def _text(path: str, said: Said, kind: str) -> str:
    return kind if said.shown or not path.startswith(SHOWN) else "ignored"


def _settled(found: dict[str, str]) -> dict[str, str]:
    """Without lists that are lists of sections, and with one line for a section of which nothing is looked at."""
    settled = dict(found)
    # The innermost first.
    for path in sorted(found, key=len, reverse=True):
        below = [other for other in settled if other.startswith((f"{path}.", f"{path}[]."))]
        if found[path] == "section" or below:
            if all(settled[other] == "ignored" for other in below):
                settled = {other: kind for other, kind in settled.items() if other not in below} | {path: "ignored"}
            elif found[path] != "section":
                del settled[path]
    return settled


if __name__ == "__main__":
    print(HEADING + "\n".join(table()))
