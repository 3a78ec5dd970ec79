"""Where the pack is, for `pulumi preview --policy-pack`, and whether Pulumi could run it."""

import shutil
from importlib.util import find_spec
from pathlib import Path

PROGRAM = "pulumi-analyzer-policy-pulumi-tts"


class NotRunnable(Exception):  # noqa: N818  a fact about the environment
    """Pulumi could not run the pack here; its text says what would help."""


def pack_folder() -> Path:
    """The folder with PulumiPolicy.yaml. Raises NotRunnable where what it needs is not installed or not on PATH."""
    if not find_spec("pulumi_policy"):
        raise NotRunnable("the policy pack needs pulumi-policy, and it is not here: pip install 'pulumi-tts[policy]'")
    if not shutil.which(PROGRAM):
        raise NotRunnable(
            f"Pulumi looks for {PROGRAM} on PATH, and it is not there. It is installed beside pulumi-tts: put that "
            "folder on PATH, as activating the Python environment does"
        )
    return Path(__file__).parent
