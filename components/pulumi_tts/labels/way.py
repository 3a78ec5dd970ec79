"""The way in: what the edge's discovery lets in, and where it finds it."""

from dataclasses import dataclass

from pulumi_tts.plan.admission import ADMIT, ENABLE


@dataclass(frozen=True, slots=True)
class WayIn:
    """An edge as seen by a container that asks to be admitted to it."""

    stack: str
    """What its label `pulumi-tts.admit` has to say."""
    network: str
    """The network on which it is reached."""
    taken: frozenset[str] = frozenset()
    """Host names of the stack's own, which nobody else gets."""

    @property
    def asked(self) -> dict[str, str]:
        """The labels without which a container is not seen."""
        return {ENABLE: "true", ADMIT: self.stack}
