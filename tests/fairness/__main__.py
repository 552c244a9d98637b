"""`make fairness`: replay a locker network under four ways of deciding; print and draw the outcome.

Writes lines of JSON into `build/fairness.json` and a picture beside it. The full replay with the
default seed also renews what `docs/fairness.md` and the page beside it show:
`tests/fairness/figures.jsonl` and `docs/fairness.svg`; the same seed gives the same bytes, so Git
tells whether anything changed.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.fairness.city import CITIES
from tests.fairness.drawing import draw
from tests.fairness.figures import COMMITTED, by_city, jobs, measure, table, to_lines
from tests.fairness.ways import WAYS

SEED = 1
OUT = Path("build/fairness.json")
PICTURE = Path("docs/fairness.svg")
DRAWN = ("full", "year")
"""The cities that are in the picture."""


def main() -> int:
    """Replay all cities, or only their first days."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=SEED, help="which chance (default: %(default)s)"
    )
    parser.add_argument("--days", type=int, help="only so many days, at least 1 (default: all)")
    asked = parser.parse_args()
    if asked.days is not None and asked.days < 1:
        parser.error("--days: at least 1")
    begun = time.monotonic()
    cities = [one.shortened(min(asked.days or one.days, one.days)) for one in CITIES]
    progress = Console(stderr=True)
    todo = track(jobs(cities, WAYS), "replaying", console=progress, transient=True)
    found = measure(todo, asked.seed)
    console = Console(highlight=False)
    for group in by_city(found).values():
        console.print(f"\n[bold]{group[0].title}[/]")
        console.print(table(group))
    console.print(
        "Per cent of each carrier's parcels that found room. Complaints: a locker and day, refusals"
        " under the entitlement because others were lent room. Low: of who asked for a low one."
    )
    OUT.parent.mkdir(exist_ok=True)
    written = {OUT: to_lines(found), OUT.with_suffix(".svg"): draw(found, DRAWN)}
    if asked.seed == SEED and asked.days is None:
        written |= {COMMITTED: to_lines(found), PICTURE: draw(found, DRAWN)}
    for path, text in written.items():
        path.write_text(text)
    names = ", ".join(
        str(path.relative_to(Path.cwd()) if path.is_absolute() else path) for path in written
    )
    console.print(f"{time.monotonic() - begun:.0f} s; written: {names}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
