"""`python3 -m meter.healthcheck`, for Docker's HEALTHCHECK: exits 0 where /health answers 200, else 1 and why."""

import sys

from voice.healthcheck import main

if __name__ == "__main__":
    sys.exit(main("METER_PORT", "8000"))
