"""`python3 -m meter`: counts until SIGTERM. `python3 -m meter report`: prints what was counted, as JSON."""

from __future__ import annotations

import os
import sys

from meter.settings import Settings, from_environment
from voice.environment import SettingsError


def main() -> int:
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"meter cannot start, its environment is wrong:\n{error}", file=sys.stderr)
        return 2
    # Imported only where they are needed: a report takes no server.
    if sys.argv[1:2] == ["report"]:
        return _report(settings)
    from meter import server  # noqa: PLC0415

    server.run(settings)
    return 0


def _report(settings: Settings) -> int:
    from meter import report  # noqa: PLC0415
    from meter.ledger import Ledger  # noqa: PLC0415
    from meter.plan import read_plan  # noqa: PLC0415

    return report.run(Ledger(settings.data), read_plan(settings.plan.read_text()), sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
