"""The plan as Docker resources: one short component each for the edge, the guard, a pool and the whole."""

from pulumi_tts.docker.edge import RouteArgs, RouteHealthArgs, TraefikEdge, TraefikEdgeArgs
from pulumi_tts.docker.guard import EnvoyGuard, EnvoyGuardArgs
from pulumi_tts.docker.observability import Observability, ObservabilityArgs
from pulumi_tts.docker.pool import TtsPool, TtsPoolArgs
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.docker.secrets import referenced_secrets, written_stack
from pulumi_tts.docker.stack import SpeechStack, SpeechStackArgs

__all__ = [
    "EnvoyGuard",
    "EnvoyGuardArgs",
    "Observability",
    "ObservabilityArgs",
    "RouteArgs",
    "RouteHealthArgs",
    "SpeechStack",
    "SpeechStackArgs",
    "TraefikEdge",
    "TraefikEdgeArgs",
    "TtsPool",
    "TtsPoolArgs",
    "referenced_secrets",
    "rolling_updates",
    "written_stack",
]
