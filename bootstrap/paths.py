"""Where the bootstrap reads and keeps things. It writes to these places and nowhere else."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"

# Belongs to this checkout: its Pulumi state and the passphrase of that state.
LOCAL = CHECKOUT / ".local"

# Belongs to the user: what is slow to get and the same for every checkout.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-tts"
