"""What Envoy's configuration is written with, whatever it is about."""

import json
from collections.abc import Iterable
from typing import Any

Tree = dict[str, Any]


def typed(kind: str) -> Tree:
    """The kind of a message, as `config.listener.v3.Listener`."""
    return {"@type": f"type.googleapis.com/envoy.{kind}"}


def extension(name: str, kind: str, **config: Any) -> Tree:
    """A filter, or another of Envoy's extensions, with its configuration."""
    return {"name": name, "typed_config": {**typed(f"extensions.{kind}"), **config}}


def address(host: str, port: int) -> Tree:
    """Where to listen, or to connect to."""
    return {"socket_address": {"address": host, "port_value": port}}


def watched(path: str) -> Tree:
    """A file that is read again when another one is moved into its place."""
    directory = path.rpartition("/")[0]
    return {
        "path_config_source": {"path": path, "watched_directory": {"path": directory}},
        "resource_api_version": "V3",
    }


def seconds(milliseconds: int) -> str:
    """A duration as Envoy reads it."""
    return f"{milliseconds / 1000:g}s"


def resources(trees: Iterable[Tree]) -> str:
    """A file of clusters, listeners or routes."""
    return to_json({"resources": list(trees)})


def to_json(tree: Tree) -> str:
    """Indented, for who looks into a container."""
    return json.dumps(tree, indent=1)
