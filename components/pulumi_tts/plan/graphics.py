"""What an instance on graphics cards gets beside its engine's own settings, and how it notices that a card is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MPS_PIPES = "/run/mps"
"""Where an MPS daemon and its clients meet, in the containers of both."""
MPS_SINCE = '"$CUDA_MPS_PIPE_DIRECTORY"/since'
"""A file there, as a shell finds it: since when the daemon answers, in hundredths of a second after the host's start.

/proc/PID/stat counts like that, too.
"""

_SETTINGS = {
    # CUDA would call the fastest card 0; this is the order in which Docker and nvidia-smi count.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    # `utility` is nvidia-smi, which the health check asks.
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
}

# A CUDA program that finds no MPS daemon runs on without one, and without its limits (NVIDIA's man page). So on a card
# with MPS each check first asks the daemon, as NVIDIA's own plugin for Kubernetes does, and then which of the two was
# there first: an engine that is older than the daemon is no client of it, as after a host's start in the wrong order.
# The socket alone says nothing: it outlives its daemon.
MPS_ANSWERS = """
answer=$(echo get_default_active_thread_percentage | nvidia-cuda-mps-control 2>&1)
case $answer in [0-9]*) ;; *) echo "the MPS daemon does not answer: $answer"; exit 1;; esac
"""
_MPS_CHECK = f"""{MPS_ANSWERS}
started() {{ stat=$(cat /proc/1/stat); set -- ${{stat##*) }}; echo "${{20}}"; }}
[ "$(started)" -ge "$(cat {MPS_SINCE})" ] || {{ echo "the engine is older than the MPS daemon: restart it"; exit 1; }}
"""

# A card can vanish from a container that runs, and engines then answer on without it. So each check first asks the
# driver: as many cards as were given, and those that were named. Nothing but a shell and nvidia-smi is needed, which
# NVIDIA's container runtime puts into every container that has a card.
_CHECK = """
seen=$(nvidia-smi -L) || { echo "nvidia-smi does not answer: $seen"; exit 1; }
kind=$1 wanted=$2 count=0
shift 2
IFS='
'
for line in $seen; do case $line in "$kind"*) count=$((count + 1));; esac; done
[ "$count" = "$wanted" ] || { echo "$wanted cards were given, there are $count: $seen"; exit 1; }
while [ "$1" != -- ]; do
  case $seen in *"$1"*) shift;; *) echo "the card $1 is gone: $seen"; exit 1;; esac
done
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class MpsClient:
    """What MPS holds each process of an instance to."""

    vram: int
    """How much of the card's memory it may take, in MiB."""
    threads: int | None
    """How much of the card it may use at once, in percent; absent for all of it."""

    def settings(self) -> dict[str, str]:
        """What CUDA is told; the card is 0, being the only one that the instance sees."""
        threads = {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(self.threads)} if self.threads else {}
        return {
            "CUDA_MPS_PIPE_DIRECTORY": MPS_PIPES,
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={self.vram}M",
            **threads,
        }


def gpu_settings(gpus: Sequence[str], environment: Mapping[str, str], mps: MpsClient | None = None) -> dict[str, str]:
    """The environment of an instance on these cards; what the user set stays."""
    return {**(_SETTINGS if gpus else {}), **(mps.settings() if mps else {}), **environment}


def gpu_health(gpus: Sequence[str], command: Sequence[str], *, mps: bool = False) -> list[str]:
    """The health check of an instance on these cards: they are all there, and no others, and the engine is ready.

    With ``mps``, the engine also is a client of the card's MPS daemon.
    """
    if not gpus:
        return list(command)
    # `nvidia-smi -L` lists a MIG device below its card, two spaces in; both kinds are not mixed in one instance.
    kind = "  MIG " if gpus[0].startswith("MIG-") else "GPU "
    by_name = [gpu for gpu in gpus if not gpu.isdigit()]
    check = f"{_MPS_CHECK}{_CHECK}" if mps else _CHECK
    return ["sh", "-c", check, "gpu-check", kind, str(len(gpus)), *by_name, "--", *command]
