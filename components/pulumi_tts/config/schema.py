"""The JSON Schema of a stack's file, for completion and checks in editors: `python -m pulumi_tts.config.schema`."""

import json
from typing import Any

from pulumi_tts.config.stack import Stack


def file_schema() -> dict[str, Any]:
    """The schema of a whole `Pulumi.<stack>.yaml`: the config key `tts:stack`, and room for keys of others."""
    stack = Stack.model_json_schema(ref_template="#/$defs/{model}")
    definitions = stack.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pulumi-tts stack file",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {"type": "object", "required": ["tts:stack"], "properties": {"tts:stack": stack}},
        },
        "$defs": definitions,
    }


def file_schema_text() -> str:
    """The schema as it is committed, in docs/config.schema.json."""
    return json.dumps(file_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(file_schema_text(), end="")
