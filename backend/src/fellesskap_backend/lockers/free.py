"""How many more parcels lockers can take: exactly for deciding, in buckets for everybody.

An exact count would tell how many parcels a rival has there, and each change when one came or
went. A bucket says what a carrier needs: whether there is room, and whether there will be.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.db import table_of
from fellesskap_backend.lockers.room import geometry, may_be_given
from fellesskap_backend.lockers.tables import Compartment, Locker, confirms
from fellesskap_backend.reservations.tables import Claim
from fellesskap_protocol.capacity import SIZE_CLASSES, Demand, Matching

Bucket = Literal["0", "1-2", "3-5", "6+"]
_FROM: tuple[tuple[int, Bucket], ...] = ((6, "6+"), (3, "3-5"), (1, "1-2"), (0, "0"))
COUNTED_MAX = _FROM[0][0]
"""More are not counted: nobody is told."""


def bucket(further: int) -> Bucket:
    """Return the bucket of a count.

    >>> [bucket(n) for n in range(8)]
    ['0', '1-2', '1-2', '3-5', '3-5', '3-5', '6+', '6+']
    """
    return next(name for least, name in _FROM if further >= least)


def further(taken: Matching, demand: Demand) -> int:
    """Return how many more of a demand are served, up to `COUNTED_MAX`."""
    trial, found = taken.copy(), 0
    while found < COUNTED_MAX and trial.add(demand):
        found += 1
    return found


def per_class(taken: Matching) -> dict[str, Bucket]:
    """Return the bucket of each size class, each counted as if it came alone."""
    return {one.name: bucket(further(taken, one.demand())) for one in SIZE_CLASSES}


class Rooms:
    """Compartments and what is promised of them, of several lockers, in three statements."""

    def __init__(self, session: Session, lockers: Sequence[Locker]) -> None:
        ids = [one.id for one in lockers]
        self._open = {one.id for one in lockers if confirms(one)}
        self.places: dict[str, list[Any]] = defaultdict(list)
        """Rows with the columns of a compartment: a search reads some thousand of them."""
        places = select(table_of(Compartment)).where(Compartment.locker_id.in_(ids))
        for place in session.execute(places.order_by(Compartment.number)):
            self.places[place.locker_id].append(place)
        self._promised = _promised(session, ids)

    def matching(self, locker_id: str) -> Matching:
        """Return what is promised as it is served; one that confirms nothing has no room."""
        here = self.places[locker_id] if locker_id in self._open else ()
        taken = Matching(geometry(row) for row in here if may_be_given(row))
        for demand in self._promised[locker_id]:
            taken.add(demand)
        return taken


def _promised(session: Session, ids: Iterable[str]) -> dict[str, list[Demand]]:
    """Return, per locker, live claims and then what it may give away by itself, in fixed order."""
    found: dict[str, list[Demand]] = defaultdict(list)
    ids = list(ids)
    claims = select(table_of(Claim)).where(Claim.locker_id.in_(ids), Claim.released.is_(False))
    for one in session.execute(claims.order_by(Claim.right_id)):
        found[one.locker_id].append(Demand(one.w_mm, one.h_mm, one.d_mm, one.g, tuple(one.needs)))
    allowances = select(Allowance).where(Allowance.locker_id.in_(ids))
    for each in session.scalars(allowances.order_by(Allowance.locker_id, Allowance.size_class)):
        units = max(each.ceiling - each.used, 0)
        found[each.locker_id] += [Demand(each.w_mm, each.h_mm, each.d_mm, 0)] * units
    return found
