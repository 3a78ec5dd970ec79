"""A file as Traefik reads it."""

from typing import Any

import yaml

Tree = dict[str, Any]


def yaml_text(tree: Tree) -> str:
    """Keys stay in the order that they are in."""
    return yaml.dump(tree, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, width=1000)
