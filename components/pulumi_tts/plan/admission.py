"""How a container that no stack of ours owns asks to be admitted to an edge."""

ADMIT = "pulumi-tts.admit"
"""The label that names the stack whose edge is asked."""

ENABLE = "traefik.enable"
"""Traefik's own: without it a container is left alone."""


def admission(stack: str) -> dict[str, str]:
    """The two labels without which a container is not even seen."""
    return {ENABLE: "true", ADMIT: stack}
