"""A stand-in for NVIDIA's container runtime, for machines without a card.

Docker hands a container's cards to a program named `nvidia-container-runtime-hook` on the PATH that dockerd was
started with. The one made here does, of what the real one does, only this: it reads which cards the container was
given, writes that down, and puts two programs into the container: an `nvidia-smi` that lists them, and, where it is
asked for what computes, an `nvidia-cuda-mps-control`. That one answers for a daemon of its own name which runs, in
whatever container, with the same pipe directory; nobody is served by it. There is no device and no driver.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HOOK = """#!{python}
import json, pathlib, sys
state = json.load(sys.stdin)
config = json.loads(pathlib.Path(state["bundle"], "config.json").read_text())
given = dict(line.split("=", 1) for line in config["process"]["env"])
cards = json.loads({cards!r})
wanted = given["NVIDIA_VISIBLE_DEVICES"].split(",")
lines = []
for index, (uuid, parts) in enumerate(cards.items()):
    given_parts = [part for part in parts if part in wanted]
    if str(index) in wanted or uuid in wanted or given_parts:
        at = sum(line.startswith("GPU") for line in lines)
        lines.append(f"GPU {{at}}: Stand-in (UUID: {{uuid}})")
        lines += [f"  MIG 1g.5gb     Device  {{n}}: (UUID: {{part}})" for n, part in enumerate(given_parts)]
root = pathlib.Path(config["root"]["path"])
(root / "etc/stand-in-cards").write_text("\\n".join(lines) + "\\n")
tool = root / "usr/bin/nvidia-smi"
tool.write_text("#!/bin/sh\\n[ \\"$1\\" = -L ] && cat /etc/stand-in-cards\\n")
tool.chmod(0o755)
if "compute" in given.get("NVIDIA_DRIVER_CAPABILITIES", ""):
    tool = root / "usr/bin/nvidia-cuda-mps-control"
    tool.write_text({daemon!r})
    tool.chmod(0o755)
seen = {{"host": config.get("hostname"), "argument": sys.argv[1:], "environment": given, "root": str(root)}}
pathlib.Path({records!r}, state["id"]).write_text(json.dumps(seen))
"""

# What it leaves outlives it, as the real one's socket does; so who asks looks how old that is.
_DAEMON = """#!/bin/sh
alive=$CUDA_MPS_PIPE_DIRECTORY/control
if [ "$1" = -f ]; then
  while :; do touch "$alive"; sleep 0.2; done
fi
read -r asked
age=$(( $(date +%s) - $(stat -c %Y "$alive" 2>/dev/null || echo 0) ))
[ "$age" -le 2 ] || { echo "Cannot find MPS control daemon process"; exit 1; }
[ "$asked" = get_default_active_thread_percentage ] && echo 100.0
"""


@dataclass(frozen=True)
class StandIn:
    """The program's folder, and what it wrote down."""

    programs: Path
    records: Path

    def seen(self, container: str) -> dict[str, str]:
        """The environment in which a container's cards were given, by the container's id."""
        environment: dict[str, str] = self._record(container)["environment"]
        return environment

    def lose_cards(self, container: str) -> None:
        """From now on, the container's driver finds none of its cards."""
        (Path(self._record(container)["root"]) / "etc/stand-in-cards").write_text("")

    def _record(self, container: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.records / container).read_text())
        return record


def stand_in(folder: Path, cards: Mapping[str, Sequence[str]]) -> StandIn:
    """Makes the stand-in for a host with cards of these UUIDs, each with the MIG devices that it is split into."""
    programs, records = folder / "programs", folder / "records"
    programs.mkdir()
    records.mkdir()
    hook = programs / "nvidia-container-runtime-hook"
    hook.write_text(
        _HOOK.format(
            python=sys.executable,
            cards=json.dumps({card: list(parts) for card, parts in cards.items()}),
            records=str(records),
            daemon=_DAEMON,
        )
    )
    hook.chmod(0o755)
    return StandIn(programs, records)
