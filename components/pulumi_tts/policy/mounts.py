"""What of its host a container sees."""

import posixpath
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import Resource, text

_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock", "cri-dockerd.sock")
_FOLDERS_OF_SOCKETS = ("/", "/run", "/var", "/var/run", "/run/containerd", "/run/podman", "/run/crio")

_SENSITIVE = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/log",
    "/var/run",
)
"""Their contents too; of `/` and `/var` only they themselves, as most that is mounted on purpose is below them."""
_SENSITIVE_THEMSELVES = ("/", "/var", "/var/lib")
_HARMLESS = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo")

_DEVICES = ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/mapper*", "/dev/dm-*", "/dev/loop*")
_DISKS = ("/dev/sd*", "/dev/hd*", "/dev/vd*", "/dev/xvd*", "/dev/nvme*", "/dev/mmcblk*", "/dev/md*")


def no_docker_socket(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No container has Docker's socket but this package's socket proxy, which passes on what is on its list."""
    if container.part == "socket-proxy":
        return
    for key, source in bound(container):
        if posixpath.basename(source) in _SOCKETS or source in _FOLDERS_OF_SOCKETS:
            yield Problem(
                key,
                source,
                "is Docker's socket, or has it inside: who can write to it is root on the host, also where it is "
                "mounted read-only",
                "Reach Docker through a proxy with a list of what may be asked, or do without",
            )


def no_sensitive_paths(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No container sees the host's own files, disks or memory."""
    for key, source in bound(container):
        if is_sensitive(source):
            yield Problem(
                key,
                source,
                "is the host's own: its users, its programs or what they keep",
                "Use a named volume, or a folder of its own such as /srv/NAME",
            )
    for device in container.mappings("devices"):
        path = posixpath.normpath(text(device.get("hostPath")))
        if any(fnmatchcase(path, pattern) for pattern in (*_DEVICES, *_DISKS)):
            yield Problem("devices", path, "is the host's memory or disk as a whole", "Take it out")


def is_sensitive(path: str) -> bool:
    """Whether a path of a host is not for containers."""
    if path in _HARMLESS or posixpath.basename(path) in _SOCKETS:
        return False  # sockets are no_docker_socket's
    return path in _SENSITIVE_THEMSELVES or any(path == root or path.startswith(f"{root}/") for root in _SENSITIVE)


def bound(container: Resource) -> Iterator[tuple[str, str]]:
    """The paths of the host that a container mounts, each with the input that names it."""
    for mount in container.mappings("mounts"):
        if text(mount.get("type")) == "bind" and (source := text(mount.get("source"))):
            yield "mounts", posixpath.normpath(source)
    for volume in container.mappings("volumes"):
        if source := text(volume.get("hostPath")):
            yield "volumes", posixpath.normpath(source)
