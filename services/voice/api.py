"""The HTTP API: OpenAI's speech endpoint, and what operators ask an engine for."""

from __future__ import annotations

import os
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from voice.answer import SpokenAnswer
from voice.edge import Edge
from voice.errors import SpeechError
from voice.health import Health
from voice.metrics import Metrics
from voice.outputs import Outputs
from voice.requests import MODELS, SpeechRequest, refusal
from voice.settings import Settings, from_environment
from voice.slots import Slots
from voice.voices import VOICES, find

SPEECH = "/v1/audio/speech"


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The whole service. Without settings, those of the environment (SettingsError where they are wrong)."""
    settings = settings or from_environment(os.environ)
    metrics = Metrics(settings.slots)
    slots = Slots(settings.slots, metrics.busy)
    health = Health()
    outputs = Outputs(settings.outputs_dir, settings.outputs_max_mb * 2**20) if settings.keep_outputs else None
    # No pages of documentation: they would load their scripts from elsewhere. /openapi.json is there.
    app = FastAPI(title="voice", docs_url=None, redoc_url=None)

    @app.post(SPEECH, response_class=Response)
    async def speech(body: SpeechRequest, request: Request) -> Response:
        body.check(settings.max_characters)
        voice = find(body.voice, body.input)
        log: dict[str, Any] = request.state.log
        log |= {"voice": voice.id, "format": body.response_format, "characters": len(body.input)}
        metrics.characters.labels(voice.id).inc(len(body.input))
        return SpokenAnswer(
            body,
            voice,
            request.state.request_id,
            slots=slots,
            metrics=metrics,
            outputs=outputs,
            pace=settings.pace,
            log=log,
        )

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        listed = [{"id": model, "object": "model", "created": 0, "owned_by": "pulumi-tts"} for model in MODELS]
        return {"object": "list", "data": listed}

    @app.get("/v1/audio/voices")
    def voices() -> dict[str, Any]:
        return {
            "voices": [
                {"id": voice.id, "name": voice.id, "language": voice.language, "description": voice.description}
                for voice in VOICES
            ]
        }

    @app.get("/health")
    async def healthy() -> JSONResponse:
        problem = await health.problem()
        state = {"slots": {"total": slots.total, "busy": slots.busy}}
        if problem:
            return JSONResponse({"status": "failing", "problem": problem, **state}, 503)
        return JSONResponse({"status": "ok", **state})

    @app.get("/metrics")
    def page() -> Response:
        return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)

    def told(request: Request, error: SpeechError) -> JSONResponse:
        """The error as OpenAI's clients read it; those of the speech endpoint are counted, once."""
        log = request.state.log
        if request.url.path == SPEECH and "outcome" not in log:
            log["outcome"] = _outcome(error)
            metrics.requests.labels(log["outcome"], log.get("format", "none")).inc()
        log["error"] = error.code
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(SpeechError)
    async def refused(request: Request, error: Exception) -> Response:
        return told(request, cast("SpeechError", error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        return told(request, refusal(cast("RequestValidationError", error).errors()))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: Exception) -> Response:
        status = cast("HTTPException", error)
        return told(request, _as_speech_error(request, status))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, _: Exception) -> Response:
        message = "this engine failed in a way that it does not know; its log has the details under this X-Request-Id."
        return told(request, SpeechError(message, code="internal_error", status=500))

    return Edge(app, settings.instance, quiet={"/health", "/metrics"})


def _outcome(error: SpeechError) -> str:
    if error.code == "slots_full":
        return "full"
    return "failed" if error.ours else "refused"


def _as_speech_error(request: Request, error: HTTPException) -> SpeechError:
    path, method = request.url.path, request.method
    known = {
        404: ("not_found", f"there is nothing at {path[:100]}: speech is POST {SPEECH}."),
        405: ("method_not_allowed", f"{path[:100]} does not take {method}."),
        413: ("body_too_large", str(error.detail)),
    }
    code, message = known.get(error.status_code, ("invalid_request", f"{error.detail}"))
    return SpeechError(message, code=code, status=error.status_code, headers=dict(error.headers or {}))
