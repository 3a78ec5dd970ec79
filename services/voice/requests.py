"""What a caller may send to /v1/audio/speech: OpenAI's fields, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from voice.errors import SpeechError, nearest
from voice.formats import Format
from voice.voices import AUTO

MODEL = "voice"
MODELS: tuple[str, ...] = (MODEL, "tts-1", "tts-1-hd")
"""OpenAI's names are accepted, so that a client written for OpenAI speaks unchanged."""

_SHOWN = 60


class SpeechRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: Annotated[str, Field(min_length=1, description="The text to speak")]
    model: Annotated[str, Field(description="Any of GET /v1/models")] = MODEL
    voice: Annotated[str, Field(description="Any of GET /v1/audio/voices, or auto: by the text's script")] = AUTO
    response_format: Annotated[Format, Field(description="wav has its length; the others are streamed")] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4.0, description="1 is natural")] = 1.0
    instructions: Annotated[str | None, Field(description="Accepted for OpenAI's clients; has no effect")] = None
    stream_format: Annotated[Literal["audio"], Field(description="Only audio")] = "audio"

    def check(self, max_characters: int) -> None:
        """Raises SpeechError for what a type cannot say."""
        if self.model not in MODELS:
            hint = nearest(self.model, MODELS)
            message = f'there is no model "{self.model[:_SHOWN]}": {hint}'
            raise SpeechError(message, code="unknown_model", param="model")
        if len(self.input) > max_characters:
            message = (
                f"the input has {len(self.input)} characters and this engine takes {max_characters} "
                "(VOICE_MAX_CHARACTERS): send it in parts."
            )
            raise SpeechError(message, code="input_too_long", param="input")


def refusal(problems: Sequence[Any]) -> SpeechError:
    """Pydantic's problems as one error that names each field, what is wrong and what would be right."""
    told = [_told(problem) for problem in problems]
    fields = [field for field, _ in told if field]
    message = "; ".join(f"{field}: {what}" if field else what for field, what in told)
    return SpeechError(message, code="invalid_request", param=fields[0] if fields else None)


def _told(problem: Any) -> tuple[str, str]:
    field = ".".join(str(step) for step in problem["loc"][1:])
    what = str(problem["msg"])
    if problem["type"] == "json_invalid":
        return "", f"the body is not JSON: {problem.get('ctx', {}).get('error', what)}"
    if problem["type"] == "extra_forbidden":
        return field[:_SHOWN], f"there is no such field: {nearest(field, SpeechRequest.model_fields)}"
    if not field:
        return "", "the body must be a JSON object, sent as application/json, with at least the field input"
    if problem["type"] == "missing":
        return field, "is required"
    if field != "input" and isinstance(problem.get("input"), str | int | float | bool):
        what += f", and {problem['input']!r:.{_SHOWN}} was sent"
    return field, what
