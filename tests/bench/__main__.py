"""`make bench`: the budgets of the design, each beside what the machine can do at best.

Prints a table and writes JSON lines to `build/bench.jsonl`. The machine's best at the same work is
measured in the same run; a budget that is missed is shown, and does not fail the run.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench import (
    allocation,
    backend,
    backlog,
    busy_bus,
    edge,
    ingest,
    lifecycles,
    manifests,
    opening,
    pace,
    reservations,
    webhooks,
)
from tests.bench.figures import Figure, show


class Part(NamedTuple):
    """Who measures; the beginnings of the figures' names; samples of a full and a quick run."""

    measure: Callable[[Path, int], list[Figure]]
    names: tuple[str, ...]
    samples: int
    few: int

    def asked_for(self, prefix: str) -> bool:
        """Say whether a figure of this part may begin with a prefix."""
        return any(name.startswith(prefix) or prefix.startswith(name) for name in self.names)


PARTS = (
    Part(allocation.measure, ("allocation.decide_",), samples=500, few=50),
    Part(
        edge.measure,
        ("edge.scan_to_pulse_p", "edge.code_to_pulse_p", "edge.rss_mb", "edge.ready_s"),
        samples=75,
        few=10,
    ),
    Part(
        busy_bus.measure,
        ("edge.scan_to_pulse_busy", "edge.code_to_pulse_busy"),
        samples=60,
        few=10,
    ),
    Part(pace.measure, ("edge.deposits_per_min",), samples=24, few=8),
    Part(backlog.measure, ("edge.backlog_drain",), samples=5000, few=500),
    Part(opening.measure, ("open.",), samples=500, few=30),
    Part(
        backend.measure,
        ("backend.sqlite_reservations_per_s", "backend.gate_200_vs_16"),
        samples=700,
        few=150,
    ),
    Part(
        reservations.measure,
        ("backend.reservations_per_s", reservations.COST_OF_SIZE),
        samples=1_500,
        few=200,
    ),
    Part(ingest.measure, ("backend.ingest_events_per_s",), samples=1_000, few=125),
    Part(manifests.measure, ("backend.manifest_parcels_per_s",), samples=40, few=8),
    Part(lifecycles.measure, ("backend.lifecycles_per_s",), samples=20, few=1),
    Part(webhooks.measure, ("webhook.",), samples=2_000, few=300),
)


def main() -> int:
    """Measure all figures, or those whose names begin with a prefix."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="PREFIX", help="figures that begin with it")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    asked = parser.parse_args()
    figures: list[Figure] = []
    for part in PARTS:
        if part.asked_for(asked.only):
            with TemporaryDirectory(prefix="fellesskap-bench-") as folder:
                found = part.measure(Path(folder), part.few if asked.quick else part.samples)
            figures += [one for one in found if one.name.startswith(asked.only)]
    if not figures:
        parser.error(f"no figure begins with {asked.only!r}")
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
