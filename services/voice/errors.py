"""One error type for everything a caller may be told, in the shape that OpenAI's clients read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any


class SpeechError(Exception):
    """A refusal or failure with its HTTP status; `code` is stable, `message` is for people."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = 400,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.param = param
        self.headers = headers or {}

    @property
    def ours(self) -> bool:
        """Whether the fault is this engine's rather than the caller's."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def body(self) -> dict[str, Any]:
        kind = "server_error" if self.ours else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


_SHOWN = 12


def nearest(wrong: str, right: Iterable[str]) -> str:
    """A suggestion to end an error message with: the nearest name, or else the first few names."""
    names = sorted(right)
    close = difflib.get_close_matches(wrong.lower(), names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    shown = ", ".join(names[:_SHOWN])
    return f"it knows {shown}{' and more' if len(names) > _SHOWN else ''}"
