"""The components can be offered to programs in other languages: Pulumi's analyzer finds nothing it cannot carry."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from pulumi_tts.docker import EnvoyGuard, SpeechStack, TraefikEdge, TtsPool


@pytest.mark.parametrize(
    ("component", "required", "outputs"),
    [
        (SpeechStack, {"config"}, {"edgeUrl", "pools", "dashboard", "discovery", "logins", "tls"}),
        (TtsPool, {"network"}, {"upstreams", "routes", "guarded"}),
        (EnvoyGuard, {"network"}, {"routes", "apiKeys", "token"}),
        (
            TraefikEdge,
            {"network", "routes"},
            {"url", "dashboardUrl", "dashboardUser", "dashboardPassword", "admittedNetwork", "users", "ca"},
        ),
    ],
)
def test_a_component_can_be_described_to_other_languages(
    component: type, required: set[str], outputs: set[str]
) -> None:
    definition = Analyzer("tts").analyze([component])["component_definitions"][component.__name__]
    assert {name for name, input_ in definition.inputs.items() if not input_.optional} == required
    assert set(definition.outputs) == outputs
