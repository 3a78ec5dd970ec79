"""What an instance adds to a stack's state."""

import json
from collections import Counter
from typing import Any

Resource = dict[str, Any]


def state_of_instance(one: list[Resource], three: list[Resource], name: str) -> dict[str, Any]:
    """Resources and bytes that an instance adds, from the states of a stack of one and of a stack of three.

    ``name`` is an instance's: its resources show which keys the bytes are in.
    """
    return {
        "resources": (len(three) - len(one)) / 2,
        "bytes": (_size(three) - _size(one)) / 2,
        "bytes_by_key": _by_key([resource for resource in three if name in resource["urn"].split("::")[-1]]),
    }


def _by_key(resources: list[Resource]) -> dict[str, int]:
    """Bytes in each key of some resources, largest first; what outputs repeat of inputs counts as outputs."""
    sizes: Counter[str] = Counter()
    for resource in resources:
        for key, value in resource.items():
            sizes[key] += _size({key: value})
    return dict(sizes.most_common())


def _size(value: object) -> int:
    """Bytes as JSON without spaces; indentation, as in an export for people, would add a half."""
    return len(json.dumps(value, separators=(",", ":")).encode())
