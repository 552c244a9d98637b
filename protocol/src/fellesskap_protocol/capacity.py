"""Do these claims fit these compartments? The one rule that edge and backend share.

Pure. `served` is a maximum bipartite matching, taken incrementally: a claim that is added costs one
search for an augmenting path. Lengths are inner mm, weights g. Source: `docs/protocol.md` 7.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

LOW_FLOOR_MM_MIN = 380
LOW_TOP_MM_MAX = 1220
"""`low`: all of the compartment within reach from a wheelchair (EN 301 549 8.3)."""


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
    if demand.g > compartment.max_g:
        return False
    box = (demand.w_mm, demand.h_mm, demand.d_mm)
    room = (compartment.width_mm, compartment.height_mm, compartment.depth_mm)
    if "upright" in demand.needs:
        floor, floor_room = sorted(box[::2]), sorted(room[::2])
        if box[1] > room[1] or any(a > b for a, b in zip(floor, floor_room, strict=True)):
            return False
    elif any(a > b for a, b in zip(sorted(box), sorted(room), strict=True)):
        return False
    if "low" in demand.needs and not compartment.low:
        return False
    return set(demand.needs) - {"low", "upright"} <= set(compartment.features)


def size_class(demand: Demand, classes: Sequence[SizeClass] = SIZE_CLASSES) -> str | None:
    """Return the smallest class whose box holds the demand, under which it counts; else None."""
    box = sorted((demand.w_mm, demand.h_mm, demand.d_mm))
    for one in classes:
        room = sorted((one.w_mm, one.h_mm, one.d_mm))
        if all(a <= b for a, b in zip(box, room, strict=True)):
            return one.name
    return None


class Matching:
    """A maximum matching of demands to compartments that grows by one demand at a time."""

    def __init__(self, compartments: Iterable[Compartment]) -> None:
        self._compartments = sorted(compartments, key=_rank)
        self._fitting: dict[Demand, list[int]] = {}
        self._holder: dict[int, int] = {}
        self._demands: list[Demand] = []
        self._hopeless: set[Demand] = set()

    @property
    def size(self) -> int:
        """The greatest number of the added demands that can be served together."""
        return len(self._holder)

    def add(self, demand: Demand) -> bool:
        """Add a demand; return whether one more is served now. Without success nothing changes.

        What finds no place once never finds one later (a transversal matroid only fills up), so
        refusals are remembered.
        """
        if len(self._holder) == len(self._compartments) or demand in self._hopeless:
            return False
        self._demands.append(demand)
        if self._augment(len(self._demands) - 1, set()):
            return True
        self._demands.pop()
        self._hopeless.add(demand)
        return False

    def can_spare(self, number: int) -> bool:
        """Say whether as many demands could be served without this compartment."""
        place = next(i for i, one in enumerate(self._compartments) if one.number == number)
        who = self._holder.get(place)
        if who is None:
            return True
        before = dict(self._holder)
        found = self._augment(who, {place})
        self._holder = before
        return found

    def _candidates(self, demand: Demand) -> list[int]:
        found = self._fitting.get(demand)
        if found is None:
            found = [i for i, one in enumerate(self._compartments) if fits(demand, one)]
            self._fitting[demand] = found
        return found

    def _augment(self, who: int, seen: set[int]) -> bool:
        """Find an augmenting path from `who` (Kuhn); free compartments first, depth-first then."""
        candidates = self._candidates(self._demands[who])
        for place in candidates:
            if place not in self._holder:
                self._holder[place] = who
                return True
        for place in candidates:
            if place not in seen:
                seen.add(place)
                if self._augment(self._holder[place], seen):
                    self._holder[place] = who
                    return True
        return False


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
    offered = sorted(compartments, key=lambda one: (one.number in avoid, *_rank(one)))
    for one in offered:
        if fits(demand, one) and matching.can_spare(one.number):
            return one.number
    return None


def _rank(compartment: Compartment) -> tuple[int, int]:
    return (compartment.volume_mm3, compartment.number)
