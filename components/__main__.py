"""The components for programs in other Pulumi languages, as the plugin `tts`."""

from pulumi.provider.experimental import component_provider_host

from pulumi_tts.docker import EnvoyGuard, SpeechStack, TraefikEdge, TtsPool

if __name__ == "__main__":
    component_provider_host(name="tts", components=[SpeechStack, TraefikEdge, EnvoyGuard, TtsPool])
