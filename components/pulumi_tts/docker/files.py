"""Live files: a volume whose files change under a running container, each all at once."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.hardening import container_options, hardened, volume_labels

MOUNT = "/files"
CURRENT = f"{MOUNT}/current"
_INCOMING = f"{MOUNT}/incoming"
_MEMORY = 64

# Docker writes an upload in pieces, and a watcher may read half a file. Moving it within the volume is atomic.
# What is not among the names is of an earlier plan and goes.
_MOVE = f"""
set -e
mkdir -p {CURRENT}
for name in "$@"; do mv {_INCOMING}/"$name" {CURRENT}/"$name"; done
for file in {CURRENT}/*; do
  kept=no
  for name in "$@"; do if [ "$file" = {CURRENT}/"$name" ]; then kept=yes; fi; done
  if [ $kept = no ]; then rm "$file"; fi
done
"""

# For one reader: root has no right to give files away here, but may give them to a group that is its own.
_PRIVATE = f"""
set -e
umask 027
for name in "$@"; do chmod 0640 {_INCOMING}/"$name"; chgrp "$(id -g)" {_INCOMING}/"$name"; done
"""


def _script(reader: int | None, opened: Mapping[str, pulumi.Input[str]]) -> str:
    open_up = "".join(f'chgrp "$(id -g)" {path}; chmod 0770 {path}\n' for path in opened)
    return open_up + (_MOVE if reader is None else _PRIVATE + _MOVE)


def _brought(exit_code: int | None) -> None:
    # The provider waits for the courier's end and does not look at how it ended.
    if exit_code:
        raise RuntimeError(f"the files were not brought into their volume: the courier ended with status {exit_code}")


class LiveFiles:
    """A volume and the courier that brings its files: a container that moves them into place and ends.

    A change of any file replaces the courier alone; who has mounted the volume read-only sees whole files only,
    under ``current/``.

    The courier is the one container of ours that runs as root, because a fresh volume belongs to root, and with a
    writable root, because Docker uploads into no other. It has no capability and no network, and lives for a
    fraction of a second.
    """

    def __init__(
        self,
        name: str,
        stack: str,
        files: Mapping[str, pulumi.Input[str]],
        image: pulumi.Input[str],
        parent: pulumi.Resource,
        *,
        reader: int | None = None,
        written_by_reader: Mapping[str, pulumi.Input[str]] | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """``reader`` is the group whose programs alone may read the files. Default: anybody who mounts the volume.

        ``written_by_reader`` are further volumes, by where they are mounted, whose root that group may write into: a
        fresh volume is root's. ``after`` is what must be there before the files say so.
        """
        self.volume = docker.Volume(
            name, name=name, labels=volume_labels(stack, "files"), opts=pulumi.ResourceOptions(parent=parent)
        )
        self.courier = docker.Container(
            f"{name}-courier",
            name=f"{name}-courier",
            image=image,
            entrypoints=["/bin/sh", "-c", _script(reader, written_by_reader or {}), "courier"],
            command=sorted(files),
            user=f"0:{reader or 0}",
            network_mode="none",
            uploads=[
                docker.ContainerUploadArgs(file=f"{_INCOMING}/{file}", content=content)
                for file, content in sorted(files.items())
            ],
            volumes=[
                docker.ContainerVolumeArgs(container_path=path, volume_name=volume)
                for path, volume in {MOUNT: self.volume.name, **(written_by_reader or {})}.items()
            ],
            must_run=False,
            attach=True,
            restart="no",
            **hardened(stack, "files", _MEMORY),
            opts=container_options(parent, after=after),
        )
        self.courier.exit_code.apply(_brought)
