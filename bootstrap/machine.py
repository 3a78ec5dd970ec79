"""What kind of machine this is, as far as it decides what the bootstrap may install."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

SYSTEMD_RUNS = Path("/run/systemd/system")


def os_release() -> Mapping[str, str]:
    """The machine's os-release file; empty where there is none (macOS)."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def is_debian_like(release: Mapping[str, str]) -> bool:
    """Whether packages are Debian's or Ubuntu's, whose names this project knows."""
    return bool({"debian", "ubuntu"} & {release.get("ID", ""), *release.get("ID_LIKE", "").split()})


def may_install() -> bool:
    """Whether the bootstrap may install packages: only on Debian or Ubuntu, and only as root."""
    return os.geteuid() == 0 and is_debian_like(os_release())


def has_systemd() -> bool:
    return SYSTEMD_RUNS.is_dir()
