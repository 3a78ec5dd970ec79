"""`python3 -m studio`: serves until SIGTERM."""

from __future__ import annotations

import os
import sys

import uvicorn

from studio.settings import from_environment
from studio.work import Work
from voice import logs, tracing
from voice.environment import SettingsError


def main() -> int:
    logs.start()
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"studio cannot start, its environment is wrong:\n{error}", file=sys.stderr)
        return 2
    tracing.start(os.environ, settings.instance)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.temp_dir)

    from studio.server import Server, create_app  # noqa: PLC0415 - Gradio reads the environment when imported

    work = Work()
    app = create_app(settings, work)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    Server(config, work, app).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
