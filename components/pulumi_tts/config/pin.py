"""A pin: where one instance has to run."""

from typing import Annotated

from pydantic import Field, model_validator

from pulumi_tts.config.fields import Name, Strict, refused
from pulumi_tts.config.host import GpuId


class Pin(Strict):
    """Where one instance of a pool has to run, whatever placement would choose."""

    instance: Annotated[int, Field(ge=1)]
    """The instance's number, from 1."""
    host: Name | None = None
    """The host's name. Default: the only host that has these cards."""
    gpus: Annotated[list[GpuId], Field(min_length=1)] | None = None
    """The cards' ids, as many as the engine takes. Default: placement chooses among the host's."""

    @model_validator(mode="after")
    def _says_where(self) -> "Pin":
        if self.host is None and self.gpus is None:
            raise refused("pins to nothing", "Give host, gpus, or both")
        return self
