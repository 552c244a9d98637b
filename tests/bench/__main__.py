"""`make bench`: the budgets, each beside what the machine can do at best in the same run."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import backend, edge, opening
from tests.bench.figures import Figure, show

PARTS = {
    "edge": (edge.measure, 100, 15),
    "open": (opening.measure, 500, 30),
    "backend": (backend.measure, 1500, 300),
}


def main() -> int:
    """Measure everything, or one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    asked = parser.parse_args()
    figures: list[Figure] = []
    for name, (measure, samples, few) in PARTS.items():
        if asked.only in (None, name):
            with TemporaryDirectory(prefix="fellesskap-bench-") as folder:
                figures += measure(Path(folder), few if asked.quick else samples)
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
