"""Where each door is, as a person sees it: its column, and its row counted from below. Pure.

`locker.toml` says how high a door is, not in which column. Doors are numbered column by column,
left to right, so a column ends where the next number would overlap one that it already holds.
"""

from collections.abc import Iterable

import msgspec

from fellesskap_edge.config import CompartmentTable


class Spot(msgspec.Struct, frozen=True):
    """One door in the picture; `column` and `row` count from 1, from the left and from below."""

    number: int
    column: int
    row: int
    rows: int
    """How many doors its column has."""
    width_mm: int
    floor_mm: int
    top_mm: int


def spots(compartments: Iterable[CompartmentTable]) -> tuple[Spot, ...]:
    """Return every door's place, in the order of the numbers."""
    columns: list[list[CompartmentTable]] = []
    for one in sorted(compartments, key=lambda each: each.number):
        if not columns or any(_overlap(one, other) for other in columns[-1]):
            columns.append([])
        columns[-1].append(one)
    found = [
        Spot(one.number, column, row, len(doors), one.width_mm, one.floor_mm, one.top_mm)
        for column, doors in enumerate(columns, start=1)
        for row, one in enumerate(sorted(doors, key=lambda each: each.floor_mm), start=1)
    ]
    return tuple(sorted(found, key=lambda spot: spot.number))


def _overlap(one: CompartmentTable, other: CompartmentTable) -> bool:
    return one.floor_mm < other.top_mm and other.floor_mm < one.top_mm
