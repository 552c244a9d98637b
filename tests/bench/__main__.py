"""`make bench`: the budgets of the design, each beside what the machine can do at best.

Prints a table and writes JSON lines to `build/bench.jsonl`. The machine's best at the same work is
measured in the same run; a budget that is missed is shown, and does not fail the run.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import backend, edge, opening
from tests.bench.figures import Figure, show

PARTS = {
    "edge.": (edge.measure, 75, 10),
    "open.": (opening.measure, 500, 30),
    "backend.": (backend.measure, 700, 150),
}
"""By the beginning of the names: who measures, samples of a full and of a quick run."""


def main() -> int:
    """Measure all figures, or those whose names begin with a prefix."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="PREFIX", help="figures that begin with it")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    asked = parser.parse_args()
    figures: list[Figure] = []
    for names, (measure, samples, few) in PARTS.items():
        if names.startswith(asked.only) or asked.only.startswith(names):
            with TemporaryDirectory(prefix="fellesskap-bench-") as folder:
                found = measure(Path(folder), few if asked.quick else samples)
            figures += [one for one in found if one.name.startswith(asked.only)]
    if not figures:
        parser.error(f"no figure begins with {asked.only!r}")
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
