"""What an instance on graphics cards gets beside its engine's own settings, and how it notices that a card is gone."""

from collections.abc import Mapping, Sequence

_SETTINGS = {
    # CUDA would call the fastest card 0; this is the order in which Docker and nvidia-smi count.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    # `utility` is nvidia-smi, which the health check asks.
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
}

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


def gpu_settings(gpus: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of an instance on these cards; what the user set stays."""
    return {**(_SETTINGS if gpus else {}), **environment}


def gpu_health(gpus: Sequence[str], command: Sequence[str]) -> list[str]:
    """The health check of an instance on these cards: they are all there, and no others, and the engine is ready."""
    if not gpus:
        return list(command)
    # `nvidia-smi -L` lists a MIG device below its card, two spaces in; both kinds are not mixed in one instance.
    kind = "  MIG " if gpus[0].startswith("MIG-") else "GPU "
    by_name = [gpu for gpu in gpus if not gpu.isdigit()]
    return ["sh", "-c", _CHECK, "gpu-check", kind, str(len(gpus)), *by_name, "--", *command]
