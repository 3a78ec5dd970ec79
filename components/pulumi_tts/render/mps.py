"""How an MPS daemon is started in its container, and asked whether it is there."""

from pulumi_tts.plan.graphics import MPS_ANSWERS, MPS_PIPES, MPS_SINCE

LOGS = "/tmp"  # noqa: S108  a path inside the container
"""Where it logs: with a read-only root file system, the only directory that is its own."""

SHARED_MEMORY = "/dev/shm"  # noqa: S108  a path inside the containers

# A container that is made gives an empty volume the owner and mode of the directory that its image has there, which are
# root's for shared memory; so there is a file in it before any client's. (What would say so, `no_copy`, the provider
# refuses for a Docker older than 26.) Since when the daemon answers is written down only when it does, so that no
# engine that came before counts as its client.
_START = f"""
rm -rf "$CUDA_MPS_PIPE_DIRECTORY"/*
: >{SHARED_MEMORY}/.in-use
nvidia-cuda-mps-control -f &
daemon=$!
trap 'kill "$daemon"; wait "$daemon"; exit 0' TERM INT
until ( {MPS_ANSWERS} ) >"$CUDA_MPS_LOG_DIRECTORY/answer"; do
  kill -0 "$daemon" || {{ cat "$CUDA_MPS_LOG_DIRECTORY/answer"; exit 1; }}
  sleep 0.1
done
read -r up idle </proc/uptime
echo "${{up%.*}}${{up#*.}}" >{MPS_SINCE}
wait "$daemon"
"""


def command() -> list[str]:
    """The container's command."""
    return ["sh", "-c", _START]


def environment() -> dict[str, str]:
    """What the daemon, and who asks it, is told."""
    return {"CUDA_MPS_PIPE_DIRECTORY": MPS_PIPES, "CUDA_MPS_LOG_DIRECTORY": LOGS}


def health_command() -> list[str]:
    """Whether the daemon answers, and has since it said so."""
    return ["sh", "-c", f"{MPS_ANSWERS}[ -s {MPS_SINCE} ]"]
