"""What a look at the hosts found, before anything is planned: what runs, and which hosts do not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi_tts.plan.fleet import Place


@dataclass(frozen=True, slots=True)
class Survey:
    """What is on the hosts now."""

    running: Mapping[str, Place] = field(default_factory=dict)
    """Where each instance is, by the name of its container; for a host that does not answer, where it was last."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The port that each instance has on its host's private address, where it has one."""
    taken: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By host, the ports that containers of others have."""
    silent: frozenset[str] = frozenset()
    """The hosts that do not answer. What is there stays there, and nothing new is put there."""

    def host_of(self, instance: str) -> str:
        """Where an instance that runs is."""
        return self.running[instance].host

    def ports_in_use(self) -> dict[str, frozenset[int]]:
        """By host, the ports that somebody has, this stack's own instances included."""
        ours: dict[str, set[int]] = {}
        for instance, port in self.ports.items():
            ours.setdefault(self.host_of(instance), set()).add(port)
        return {host: self.taken.get(host, frozenset()) | ours.get(host, set()) for host in {*ours, *self.taken}}
