"""The command line of the measurements."""

import argparse

from bench.edge.measure import measure_edge
from bench.engine.measure import measure_engine
from bench.placement.measure import measure_placement

MEASUREMENTS = {"engine": measure_engine, "edge": measure_edge, "placement": measure_placement}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures, and writes docs/bench-*.md.")
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(MEASUREMENTS)}; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="try the measurement itself: few, small, nothing written")
    given = parser.parse_args()
    if unknown := set(given.what) - set(MEASUREMENTS):
        parser.error(f"there is no {', '.join(sorted(unknown))} to measure; there is {', '.join(MEASUREMENTS)}")
    for name in given.what or MEASUREMENTS:
        MEASUREMENTS[name](quick=given.quick)


main()
