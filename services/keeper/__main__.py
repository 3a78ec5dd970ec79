"""`python3 -m keeper`: works until SIGTERM. `python3 -m keeper drain|restore NAME`: asks the one that runs."""

from __future__ import annotations

import os
import sys

from keeper.settings import from_environment
from voice.environment import SettingsError


def main() -> int:
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"keeper cannot start, its environment is wrong:\n{error}", file=sys.stderr)
        return 2
    # Imported only where they are needed: a command is answered in a tenth of the time that the program takes to start.
    if sys.argv[1:]:
        from keeper import commands  # noqa: PLC0415

        return commands.run(settings.control, sys.argv[1:])

    from keeper import server  # noqa: PLC0415

    server.run(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
