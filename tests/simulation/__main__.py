"""`make sim`: lockers in virtual time, with faults; prints progress and one line of judgement."""

import argparse
import sys
import time
from collections import Counter

from rich.console import Console

from tests.simulation.people import live

console = Console(highlight=False)


def main() -> int:
    """Live every seed; 0 if no invariant broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    begun = time.monotonic()
    faults: Counter[str] = Counter()
    broken = parcels = operations = wrong = 0
    for turn in range(asked.seeds):
        seed = asked.first_seed + turn
        verdict = live(seed, asked.days)
        faults.update(verdict.faults)
        parcels, operations = parcels + verdict.parcels, operations + verdict.operations
        wrong += verdict.wrong
        for breach in verdict.breaks:
            broken += 1
            console.print(f"[bold red]seed {seed}:[/] {breach}")
            console.print(f"  again: make sim SEEDS=1 DAYS={asked.days:g} FIRST_SEED={seed}")
        if sys.stderr.isatty():
            print(f"\r{turn + 1} of {asked.seeds} seeds", end="", file=sys.stderr)
    lived = asked.seeds * asked.days
    seconds = time.monotonic() - begun
    by_kind = ", ".join(f"{kind} {number}" for kind, number in sorted(faults.items()))
    console.print(
        f"\n{parcels / lived:.1f} parcels, {operations / lived:.1f} door operations and "
        f"{wrong / lived:.1f} wrong presentations a locker-day; faults: {by_kind}; "
        f"{lived / seconds:.2f} locker-days a second"
    )
    console.print(
        f"{lived:g} locker-days, {sum(faults.values())} faults, {broken} invariant breaks"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
