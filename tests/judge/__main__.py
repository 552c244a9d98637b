"""`python -m tests.judge FILE`: judge a history and print the verdict; exit 1 on a breach."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import msgspec
from rich.console import Console
from rich.table import Table

from tests.judge import history
from tests.judge.judging import JUDGES, Breach, Judge

TOLD_MAX = 20
DAY_S = 86_400.0


class Verdict(msgspec.Struct, frozen=True):
    """What was found in a history: breaches by invariant, the first of them in words."""

    records: int
    lockers: int
    locker_days: float
    seconds: float
    kinds: dict[str, int]
    judged: dict[str, int]
    """How often something was held against each invariant, without excuse."""
    broken: dict[str, int]
    breaches: tuple[Breach, ...]


def judged(path: Path) -> Verdict:
    """Judge a file; raise `BrokenLine`."""
    began, one, kinds, last = process_time(), Judge(), Counter[str](), 0.0
    with path.open("rb") as lines:
        for record in history.read(lines):
            one.take(record)
            kinds[type(record).__name__.lower()] += 1
            last = record.at
    lockers = len(one.world.places)
    return Verdict(
        records=one.world.line,
        lockers=lockers,
        locker_days=round(lockers * last / DAY_S, 3),
        seconds=round(process_time() - began, 3),
        kinds=dict(sorted(kinds.items())),
        judged=one.looks,
        broken={name: one.broken[name] for name in JUDGES},
        breaches=tuple(one.breaches),
    )


def show(verdict: Verdict) -> None:
    """Print a verdict for people."""
    console = Console()
    table = Table("invariant", "judged", "breaches", "the first, and its line")
    for name, count in verdict.broken.items():
        first = next((one for one in verdict.breaches if one.invariant == name), None)
        words = f"{first.line}: {first.words}" if first else ""
        judged = str(verdict.judged[name])
        table.add_row(name, judged, str(count), words, style="bold red" if count else "")
    console.print(table)
    for one in verdict.breaches[:TOLD_MAX]:
        console.print(f"{one.invariant} at {one.at:.3f} s, {one.locker}: {one.words}", markup=False)
    console.print(
        f"{verdict.records} records, {verdict.locker_days:.1f} locker-days, "
        f"{sum(verdict.broken.values())} breaches, {verdict.seconds:.1f} s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge", description=__doc__)
    parser.add_argument("file", type=Path, help="a history, one JSON line a record")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON")
    chosen = parser.parse_args(arguments)
    verdict = judged(chosen.file)
    if chosen.json:
        print(msgspec.json.encode(verdict).decode())
    else:
        show(verdict)
    return 1 if any(verdict.broken.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
