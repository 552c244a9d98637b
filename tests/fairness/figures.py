"""What a replay gave, as figures: lines of JSON, and tables for people."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.fairness.city import City
from tests.fairness.replay import Tally, replay
from tests.fairness.ways import FirstCome

COMMITTED = Path("tests/fairness/figures.jsonl")
"""The figures of the full replay with the default seed, which page and picture show."""


@dataclass(frozen=True)
class Figures:
    """One city under one way of deciding; shares are of 1, complaints by locker and day."""

    city: str
    title: str
    way: str
    seed: int
    locker_days: int
    served: dict[str, float]
    """By carrier: how much of what it had found room."""
    throughput: float
    jain: float
    complaints: float
    """Refusals that are complained of with reason."""
    complainers: float
    """Carriers with at least one of them."""
    low_served: float | None
    """How many of those who asked for a low compartment got one."""


Job = tuple[City, FirstCome, int]


def jobs(cities: Iterable[City], ways: Sequence[FirstCome]) -> list[Job]:
    """List what is to be replayed: city, way, locker."""
    return [
        (city, way, number) for city in cities for way in ways for number in range(city.lockers)
    ]


def measure(todo: Iterable[Job], seed: int) -> list[Figures]:
    """Replay all lockers, add them up by city and way."""
    tallies: dict[tuple[str, str], tuple[City, Tally]] = {}
    for city, way, number in todo:
        _, tally = tallies.setdefault((city.name, way.name), (city, Tally()))
        tally.add(replay(city, way, seed, number))
    return [figures(city, way, seed, tally) for (_, way), (city, tally) in tallies.items()]


def figures(city: City, way: str, seed: int, tally: Tally) -> Figures:
    """Make figures of a tally, rounded so that they are the same everywhere."""
    low = tally.low.total()
    return Figures(
        city.name,
        city.title,
        way,
        seed,
        tally.days,
        {one.name: round(tally.share(one.name), 3) for one in city.carriers},
        round(tally.throughput, 3),
        round(tally.jain, 3),
        round(tally.complaints / tally.days, 3),
        round(tally.complainers / tally.days, 3),
        round(tally.low[True] / low, 3) if low else None,
    )


def to_lines(found: Iterable[Figures]) -> str:
    """Write figures as lines of JSON."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in found)


def from_lines(text: str) -> list[Figures]:
    """Read figures from lines of JSON."""
    return [Figures(**json.loads(line)) for line in text.splitlines()]


def by_city(found: Iterable[Figures]) -> dict[str, list[Figures]]:
    """Group figures by city, in the order in which they come."""
    groups: dict[str, list[Figures]] = {}
    for one in found:
        groups.setdefault(one.city, []).append(one)
    return groups


def head(one: Figures) -> list[str]:
    """Name the columns of a city's table."""
    low = ["low"] if one.low_served is not None else []
    return ["way of deciding", *one.served, "all", "Jain", "complaints", *low]


def row(one: Figures) -> list[str]:
    """Write a row: shares in per cent, complaints by locker and day."""
    low = [percent(one.low_served)] if one.low_served is not None else []
    shares = [percent(share) for share in one.served.values()]
    throughput = f"{one.throughput:.1%}".replace("%", " %")
    return [one.way, *shares, throughput, f"{one.jain:.2f}", f"{one.complaints:.2f}", *low]


def markdown(group: Sequence[Figures]) -> Iterator[str]:
    """Yield the lines of a city's table as they stand in `docs/fairness-laboratory.md`."""
    yield "| " + " | ".join(head(group[0])) + " |"
    yield "|---" * len(head(group[0])) + "|"
    for one in group:
        yield "| " + " | ".join(row(one)) + " |"


def table(group: Sequence[Figures]) -> Table:
    """Make a city's table for a terminal: red where a carrier with reason complains."""
    shown = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    first, *rest = head(group[0])
    shown.add_column(first, no_wrap=True, min_width=max(len(one.way) for one in group))
    for name in rest:
        shown.add_column(name, justify="right", no_wrap=True)
    for one in group:
        cells = [cell.removesuffix(" %") for cell in row(one)]
        place = len(one.served) + 3
        colour = "green" if one.complaints == 0 else "yellow" if one.complaints < 0.1 else "red"
        cells[place] = f"[{colour}]{cells[place]}[/]"
        shown.add_row(*cells, style="bold" if "fair" in one.way else None)
    return shown


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", " %")
