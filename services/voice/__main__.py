"""`python3 -m voice`: serves until SIGTERM, then takes nothing new, finishes what it has and exits.

From SIGTERM on the port is closed, idle connections are closed, and busy ones after their answer. Nothing is
cut short by this program: whoever stops it sets how long it may take (Docker's stop time-out).
"""

from __future__ import annotations

import os
import sys

import uvicorn

from voice import logs, tracing
from voice.api import create_app
from voice.environment import SettingsError
from voice.settings import from_environment


def main() -> int:
    logs.start()
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"voice cannot start, its environment is wrong:\n{error}", file=sys.stderr)
        return 2
    tracing.start(os.environ, settings.instance)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
