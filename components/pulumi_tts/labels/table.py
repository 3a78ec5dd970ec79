"""The table of what Traefik knows, known.txt: where a label leads in it, and what value is wanted there."""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

ANY, ANY_DEPTH, INDEX = "*", "**", "[]"


@dataclass(slots=True)
class Node:
    """A place in the tree of labels."""

    spelling: str
    kind: str | None = None
    """The value that is wanted: `string`, `list`, `bool`, `int`, `float`, `duration`, `section` or `ignored`; absent
    where none is, only names below."""
    below: dict[str, "Node"] = field(default_factory=dict)

    def step(self, name: str) -> "Node | None":
        """What is below under a name, whatever its case."""
        if ANY_DEPTH in self.below:
            return self.below[ANY_DEPTH]
        wanted = INDEX if re.fullmatch(r"\[[0-9]+\]", name) else name.casefold()
        return self.below.get(wanted) or self.below.get(ANY)

    def names(self) -> list[str]:
        """The names that may stand below, where they are not one's own."""
        return [node.spelling for node in self.below.values() if node.spelling not in (ANY, ANY_DEPTH, INDEX)]


@cache
def known() -> Node:
    """The whole table, below `traefik`."""
    root = Node("traefik", below={"enable": Node("enable", "bool")})
    for line in files("pulumi_tts.labels").joinpath("known.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, kind = line.split(" ")
            _add(root, parts(path), kind)
    return root


def parts(path: str) -> list[str]:
    """A label's names, an index being one of its own: `domains[0].main` has three."""
    return [part for name in path.split(".") for part in re.findall(r"\[[^\]]*\]|[^\[\]]+|^$", name)]


def _add(root: Node, path: list[str], kind: str) -> None:
    node = root
    for name in path:
        node = node.below.setdefault(name.casefold(), Node(name))
    node.kind = kind
    if path[-1] == ANY_DEPTH:
        node.below[ANY_DEPTH] = node
