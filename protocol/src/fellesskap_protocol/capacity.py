"""Do these claims fit these compartments? The one rule that edge and backend share.

Pure. `served` is a maximum bipartite matching, taken incrementally: a claim that is added costs one
search for an augmenting path. Lengths are inner mm, weights g. Source: `docs/protocol.md` 7.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import msgspec

LOW_FLOOR_MM_MIN = 380
LOW_TOP_MM_MAX = 1220
"""`low`: all of the compartment within reach from a wheelchair (EN 301 549 8.3)."""

ALIKE_MAX = 1_024
"""How many compartments and demands are remembered in the form in which they are compared."""

_Sides = tuple[int, int, int]


class Compartment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The geometry of one compartment: inner size, height of floor and top above ground."""

    number: int
    width_mm: int
    height_mm: int
    depth_mm: int
    floor_mm: int
    top_mm: int
    max_g: int
    features: tuple[str, ...] = ()
    occupancy_sensor: bool = False

    @property
    def volume_mm3(self) -> int:
        """Inner volume, by which compartments are ranked."""
        return self.width_mm * self.height_mm * self.depth_mm

    @property
    def low(self) -> bool:
        """Whether a person in a wheelchair reaches all of it."""
        return self.floor_mm >= LOW_FLOOR_MM_MIN and self.top_mm <= LOW_TOP_MM_MAX


class Demand(msgspec.Struct, frozen=True):
    """What one claim needs: a box in mm, its weight in g, and features by name."""

    w_mm: int
    h_mm: int
    d_mm: int
    g: int
    needs: tuple[str, ...] = ()


class SizeClass(msgspec.Struct, frozen=True):
    """A named box of the installation, in mm: for quotes, quotas and reports, never for fitting."""

    name: str
    w_mm: int
    h_mm: int
    d_mm: int

    def demand(self, g: int = 0, needs: tuple[str, ...] = ()) -> Demand:
        """Return the demand of a parcel that fills the box."""
        return Demand(self.w_mm, self.h_mm, self.d_mm, g, needs)


SIZE_CLASSES = (
    SizeClass("S", 350, 110, 250),
    SizeClass("M", 450, 150, 300),
    SizeClass("L", 580, 230, 430),
    SizeClass("XL", 600, 400, 440),
)
"""The default boxes, smallest first; S to L are those of Bring's parcel-to-locker service."""


def usable(content: str, service: str) -> bool:
    """Say whether a compartment may be given away: in service and not known to be occupied."""
    return service == "in" and content in ("empty", "unknown")


def fits(demand: Demand, compartment: Compartment) -> bool:
    """Say whether a compartment serves a demand, in any rotation unless it needs `upright`."""
    return _serves(_room(compartment), _need(demand))


def size_class(demand: Demand, classes: Sequence[SizeClass] = SIZE_CLASSES) -> str | None:
    """Return the smallest class whose box holds the demand, under which it counts; else None."""
    box = _any_way(demand.w_mm, demand.h_mm, demand.d_mm)
    for one in classes:
        room = _any_way(one.w_mm, one.h_mm, one.d_mm)
        if all(a <= b for a, b in zip(box, room, strict=True)):
            return one.name
    return None


class Matching:
    """A maximum matching of demands to compartments that grows by one demand at a time.

    Compartments stand in the order in which they are chosen and a set of them is an integer, bit
    for place. Of a demand that is served only the set of its fitting places is kept.
    """

    def __init__(self, compartments: Iterable[Compartment]) -> None:
        ranked = sorted(compartments, key=lambda one: (one.volume_mm3, one.number))
        self._numbers = [one.number for one in ranked]
        self._rooms: dict[_Room, int] = {}
        for place, one in enumerate(ranked):
            room = _room(one)
            self._rooms[room] = self._rooms.get(room, 0) | 1 << place
        self._free = (1 << len(ranked)) - 1
        self._held: dict[int, int] = {}
        self._fitting: dict[Demand, int] = {}
        self._hopeless: set[int] = set()

    @property
    def size(self) -> int:
        """The greatest number of the added demands that can be served together."""
        return len(self._held)

    def copy(self) -> "Matching":
        """Return a matching that grows apart from this one."""
        twin = copy.copy(self)
        twin._held, twin._hopeless = self._held.copy(), self._hopeless.copy()
        return twin

    def add(self, demand: Demand) -> bool:
        """Add a demand; return whether one more is served now. Without success nothing changes.

        What finds no place once never finds one later (a transversal matroid only fills up), so
        refusals are remembered.
        """
        fitting = self._places(demand)
        if fitting in self._hopeless:
            return False
        path = self._path(fitting)
        if path is None:
            self._hopeless.add(fitting)
            return False
        for to, origin in pairwise(path):
            self._held[to] = self._held[origin]
        self._held[path[-1]] = fitting
        self._free &= ~(1 << path[0])
        return True

    def drop(self, demand: Demand) -> bool:
        """Take back one demand that is served; return whether there is one.

        The rest is a maximum matching only if nothing that found no place waits for this one.
        """
        fitting = self._places(demand)
        for place, held in self._held.items():
            if held == fitting:
                del self._held[place]
                self._free |= 1 << place
                self._hopeless.clear()
                return True
        return False

    def spare(self, demand: Demand, avoid: Collection[int] = ()) -> int | None:
        """Return the first fitting compartment without which as many demands are still served.

        The demand itself is not among those added. Numbers in `avoid` come last.
        """
        best = min(
            _places_of(self._places(demand) & self._dispensable()),
            key=lambda place: (self._numbers[place] in avoid, place),
            default=None,
        )
        return None if best is None else self._numbers[best]

    def _places(self, demand: Demand) -> int:
        """Return the set of places that serve a demand; alike rooms are looked at once."""
        found = self._fitting.get(demand)
        if found is None:
            need, found = _need(demand), 0
            for room, places in self._rooms.items():
                if _serves(room, need):
                    found |= places
            self._fitting[demand] = found
        return found

    def _path(self, fitting: int) -> list[int] | None:
        """Find a shortest augmenting path: a free place first, the newcomer's place last."""
        before: dict[int, int | None] = {}
        queue: list[tuple[int | None, int]] = [(None, fitting)]
        reached = 0
        for origin, places in queue:
            free = places & self._free
            if free:
                path, step = [next(_places_of(free))], origin
                while step is not None:
                    path.append(step)
                    step = before[step]
                return path
            fresh = places & ~reached
            reached |= fresh
            for place in _places_of(fresh):
                before[place] = origin
                queue.append((place, self._held[place]))
        return None

    def _dispensable(self) -> int:
        """Return the free places, and those whose holder can move on to a dispensable one."""
        found, kept = self._free, list(self._held.items())
        while True:
            staying = []
            for place, fitting in kept:
                if fitting & found:
                    found |= 1 << place
                else:
                    staying.append((place, fitting))
            if len(staying) == len(kept):
                return found
            kept = staying


def served(demands: Iterable[Demand], compartments: Iterable[Compartment]) -> int:
    """Return the greatest number of demands that the compartments can serve together."""
    matching = Matching(compartments)
    for demand in demands:
        matching.add(demand)
    return matching.size


def choose(
    demand: Demand,
    others: Sequence[Demand],
    compartments: Sequence[Compartment],
    avoid: Collection[int] = (),
) -> int | None:
    """Choose the door for a parcel that is here: its number, or None if none may be given.

    `compartments` are the usable ones, `others` the other claims of the locker. The smallest
    sufficient compartment, then the lowest number, those in `avoid` last; and only if the greatest
    number of *other* claims that can be served does not fall.
    """
    matching = Matching(compartments)
    for other in others:
        matching.add(other)
    return matching.spare(demand, avoid)


class _Room(NamedTuple):
    """What counts of a compartment, so that compartments that are alike are equal."""

    any_way: _Sides
    upright: _Sides
    max_g: int
    provides: frozenset[str]


class _Need(NamedTuple):
    """What counts of a demand; `sides` in the order in which a room's are compared."""

    sides: _Sides
    upright: bool
    g: int
    needs: frozenset[str]


@lru_cache(maxsize=ALIKE_MAX)
def _room(compartment: Compartment) -> _Room:
    sides = (compartment.width_mm, compartment.height_mm, compartment.depth_mm)
    provides = frozenset(compartment.features) - {"low"}
    if compartment.low:
        provides |= {"low"}
    return _Room(_any_way(*sides), _upright(*sides), compartment.max_g, provides)


@lru_cache(maxsize=ALIKE_MAX)
def _need(demand: Demand) -> _Need:
    upright = "upright" in demand.needs
    sides = (_upright if upright else _any_way)(demand.w_mm, demand.h_mm, demand.d_mm)
    return _Need(sides, upright, demand.g, frozenset(demand.needs) - {"upright"})


def _any_way(width: int, height: int, depth: int) -> _Sides:
    small, middle, large = sorted((width, height, depth))
    return (small, middle, large)


def _upright(width: int, height: int, depth: int) -> _Sides:
    return (height, min(width, depth), max(width, depth))


def _serves(room: _Room, need: _Need) -> bool:
    a, b, c = need.sides
    x, y, z = room.upright if need.upright else room.any_way
    fitting = a <= x and b <= y and c <= z
    return fitting and need.g <= room.max_g and need.needs <= room.provides


def _places_of(places: int) -> Iterator[int]:
    """Yield the places of a set, the first in rank first."""
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest
