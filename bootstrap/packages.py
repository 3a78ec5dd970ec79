"""Distribution packages: which are missing, and installing them in one go where that is allowed."""

import ctypes
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootstrap.machine import may_install
from bootstrap.say import Problem, long_step
from bootstrap.shell import quietly

# A mirror that fails for a moment should not cost the whole run.
RETRY = ("-o", "Acquire::Retries=3")


@dataclass(frozen=True)
class Package:
    """A Debian package, and a program or library whose presence shows that it, or its like, is there."""

    name: str
    sign: str  # `chromium`, a program on PATH, or `libsonic.so.0`, a library
    purpose: str


CURL = Package("curl", "curl", "the request that `make up` ends with")
DEBOOTSTRAP = Package("debootstrap", "debootstrap", "images without a registry")
CHROMIUM = Package("chromium", "chromium", "the tests of the Gradio page")
ESPEAK_NG = Package("espeak-ng", "espeak-ng", "the tests of services/voice")
FLITE = Package("flite", "flite", "the tests of services/voice")
FLAC = Package("flac", "flac", "the tests of services/voice")
SONIC = Package("libsonic0", "libsonic.so.0", "the tests of services/voice")
SOXR = Package("libsoxr0", "libsoxr.so.0", "the tests of services/voice")

UP = (CURL,)
LOCAL_IMAGES = (DEBOOTSTRAP,)
TESTS = (CURL, CHROMIUM, ESPEAK_NG, FLITE, FLAC, SONIC, SOXR)


def is_there(package: Package) -> bool:
    if ".so" not in package.sign:
        return shutil.which(package.sign, path=system_path()) is not None
    try:
        ctypes.CDLL(package.sign)
    except OSError:
        return False
    return True


def system_path() -> str:
    """PATH with the folders of administration programs, which a user's PATH may lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def require(packages: Iterable[Package]) -> None:
    """Have these packages, installing what is missing.

    Raises Problem naming them and what each is for, where the bootstrap may not install.
    """
    absent = [package for package in packages if not is_there(package)]
    if not absent:
        return
    if not may_install():
        wanted = "; ".join(f"{package.sign} (for {package.purpose})" for package in absent)
        raise Problem(
            f"missing: {wanted}. `make` installs packages only on Debian or Ubuntu, as root. "
            f"There: apt-get install {' '.join(package.name for package in absent)}"
        )
    install([package.name for package in absent])


def install(names: list[str]) -> None:
    """apt-get install. Raises Problem with the end of its output where that fails."""
    environment: Mapping[str, str] = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with long_step(f"Packages: installing {' '.join(names)}"):
        quietly(["apt-get", "update", "-qq", *RETRY], env=environment)
        quietly(
            ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", *RETRY, *names],
            env=environment,
        )
