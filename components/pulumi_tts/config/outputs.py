"""How much of what engines make is kept."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from pulumi_tts.config.fields import Mebibytes, Strict, refused

_AGE = re.compile(r"([0-9]{1,5})(h|d)")
_SECONDS = {"h": 3600, "d": 86_400}
_OLDEST = 3650


def _age(value: Any) -> Any:
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("is not an age", "Write a whole number with h (hours) or d (days), as in '12h' or '30d'")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not _SECONDS["h"] <= seconds <= _OLDEST * _SECONDS["d"]:
        raise refused("is not an age that makes sense here", f"Use at least 1h and at most {_OLDEST}d")
    return seconds


Age = Annotated[int, BeforeValidator(_age), WithJsonSchema({"type": "string", "pattern": f"^{_AGE.pattern}$"})]
"""An age as ``12h`` or ``30d``; in seconds once read."""


class OutputsLimit(Strict):
    """What is removed of an instance's outputs: oldest files first, never one that is open or was just written."""

    age: Age | None = None
    """Files that were last changed longer ago are removed, as in `30d`. Default: they stay."""
    size: Mebibytes | None = None
    """Where all files of an instance take more, the oldest are removed, as in `20g`. Default: they stay."""

    @model_validator(mode="after")
    def _limits_something(self) -> "OutputsLimit":
        if self.age is None and self.size is None:
            raise refused("limits nothing", "Give age, size, or both")
        return self
