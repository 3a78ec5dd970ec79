"""`python3 -m voice.healthcheck`, for Docker's HEALTHCHECK: exits 0 where /health answers 200, else 1 and why.

Standard library only, so that it starts in some 50 ms. The port is VOICE_PORT (8000).
"""

from __future__ import annotations

import http.client
import os
import sys

TIME_LIMIT = 5.0
"""Seconds: below the 5 to 10 s that health checks are usually given, and 50 times what /health takes."""


def check(port: int, path: str = "/health", time_limit: float = TIME_LIMIT) -> str | None:
    """None, or what is wrong with the answer from this machine's own port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=time_limit)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{path} on port {port}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{path} answered {answer.status}: {body}"


def main(variable: str = "VOICE_PORT", default: str = "8000", path: str = "/health") -> int:
    raw = os.environ.get(variable, "") or default
    if not raw.isdecimal():
        print(f"{variable}={raw!r} should be a port")
        return 1
    problem = check(int(raw), path)
    print(problem or "ok")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
