"""`python -m tests.fairness.hours`: the crowded locker where doors are kept for other times.

It prints the table of `docs/fairness-laboratory.md`, and renews `tests/fairness/hours.jsonl`, which
that page is held to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from tests.fairness.city import DWELL, FULL, HOLD_H
from tests.fairness.figures import Figures, jobs, measure, percent, to_lines
from tests.fairness.ways import WAYS

SEED = 1
COMMITTED = Path("tests/fairness/hours.jsonl")
COMPARED = (WAYS[0], WAYS[1], WAYS[3])
HOURS = (
    (*DWELL, HOLD_H),
    (*DWELL, 48),
    (2.90, 1.10, 24),
    (2.95, 1.00, 12),
    (3.05, 0.90, 12),
)
"""Mean and spread of the logarithm of how long parcels lie, and how long a no-show keeps a door."""


def found() -> Iterator[Figures]:
    """Replay each; the same name is the same chance."""
    for mu, sigma, hold_h in HOURS:
        told = f"{mu:.2f}, {sigma:.2f}; {hold_h}"
        city = replace(FULL, title=told, dwell=(mu, sigma), hold_h=hold_h)
        yield from measure(jobs([city], COMPARED), SEED)


def rows(every: Sequence[Figures]) -> Iterator[str]:
    """Yield the lines of the page's table: shares and throughput in per cent."""
    for place in range(0, len(every), len(COMPARED)):
        first, *others = every[place : place + len(COMPARED)]
        shown = [f"{_shares(first)}, {100 * first.throughput:.1f}, Jain {first.jain:.2f}"]
        shown += [f"{_shares(one)}, {100 * one.throughput:.1f}" for one in others]
        yield f"| {first.title} | {' | '.join(shown)} |".replace("Jain 0", "Jain ")


def _shares(one: Figures) -> str:
    return "/".join(percent(share).removesuffix(" %") for share in one.served.values()) + " %"


def main() -> None:
    """Replay, print, write."""
    every = list(track(found(), "replaying", total=len(HOURS) * len(COMPARED)))
    print("\n".join(rows(every)))
    COMMITTED.write_text(to_lines(every))


if __name__ == "__main__":
    main()
