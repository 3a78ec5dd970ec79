"""One request's trace, from the edge to the last byte of speech: real Traefik, Envoy, voice and Jaeger, on loopback."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from tests.edge.edging import Edging, edging
from tests.jaegering import Jaegering, Span, Trace, jaegering, traced_to
from tests.services.conftest import processes
from tests.waiting import wait_for

EDGE, GUARD, POOL = "tts-test-edge", "tts-test-guard", "tts-test-voice"
TEXT = "What is spoken is nobody else's business."
FOREIGN = "0af7651916cd43dd8448eb211c80319c"


def planned(**tracing: Any) -> StackPlan:
    config = {
        "pools": [{"name": "voice", "engine": "voice", "routes": {"pool": "voice.{domain}"}, "auth": "api_keys"}],
        "edge": {"auth": {"api_keys": [{"name": "app"}]}},
        "observability": {"tracing": tracing},
    }
    return plan_stack(load_stack(config), "tts-test", local_images=True)


@dataclass
class Traced:
    """A stack on loopback that is traced."""

    edge: Edging
    jaeger: Jaegering
    logs: Path

    def speak(self, **headers: str) -> httpx.Response:
        asked = {"input": TEXT, "response_format": "pcm"}
        with self.edge.client("voice.localhost", headers={"Authorization": f"Bearer {key_of('app')}", **headers}) as client:
            return client.post("/v1/audio/speech", params={"text": TEXT}, json=asked)

    def engine_log(self, request_id: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for log in self.logs.glob("log-*") for line in log.read_text().splitlines()]
        return [line for line in lines if line.get("request_id") == request_id]
