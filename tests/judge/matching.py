"""Which claims have room together: the judge's own way, as docs/protocol.md 7 says it.

The product asks the same of `fellesskap_protocol.capacity`, and neither looks at the other. Here a
claim is given a door and, where its doors are taken, whoever holds one is moved along (Kuhn).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from fellesskap_protocol.capacity import Compartment

FLOOR_MM_MIN, TOP_MM_MAX = 380, 1220
"""A door all of which is within reach."""


class Claim(NamedTuple):
    """What one parcel needs: a box in mm, its weight in g, and by name what else."""

    w_mm: int
    h_mm: int
    d_mm: int
    g: int
    needs: tuple[str, ...] = ()


@lru_cache(maxsize=65_536)
def has_room(claim: Claim, door: Compartment) -> bool:
    """Say whether a door serves a claim by itself."""
    needs = set(claim.needs)
    inner = (door.width_mm, door.depth_mm, door.height_mm)
    outer = (claim.w_mm, claim.d_mm, claim.h_mm)
    if "upright" in needs:
        sides = [*sorted(outer[:2]), outer[2]], [*sorted(inner[:2]), inner[2]]
    else:
        sides = sorted(outer), sorted(inner)
    if any(side > room for side, room in zip(*sides, strict=True)) or claim.g > door.max_g:
        return False
    if "low" in needs and not (door.floor_mm >= FLOOR_MM_MIN and door.top_mm <= TOP_MM_MAX):
        return False
    return needs - {"upright", "low"} <= set(door.features)


class Doors:
    """Doors to which claims are given one after the other; none that has one loses it."""

    def __init__(self, doors: Iterable[Compartment]) -> None:
        self._doors = {one.number: one for one in doors}
        self._given: dict[int, Claim] = {}

    def give(self, claim: Claim) -> bool:
        """Find a door for a claim, moving others if need be; say whether there is one."""
        return self._give(claim, set())

    def _give(self, claim: Claim, asked: set[int]) -> bool:
        for number, door in self._doors.items():
            if number in asked or not has_room(claim, door):
                continue
            asked.add(number)
            holder = self._given.get(number)
            if holder is None or self._give(holder, asked):
                self._given[number] = claim
                return True
        return False


def in_vain(claims: Iterable[Claim], doors: Iterable[Compartment]) -> int:
    """Return how many of these claims have no room, however they are put."""
    found = Doors(doors)
    return sum(not found.give(one) for one in claims)
