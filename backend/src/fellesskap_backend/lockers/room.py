"""How much room a locker has: what may be given away, and what is promised of it."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.reservations.tables import Claim
from fellesskap_protocol import capacity
from fellesskap_protocol.capacity import Demand, Matching


def matching(session: Session, locker_id: str) -> Matching:
    """Return what is promised as it is served; whoever decides by it holds the locker's row."""
    places = session.scalars(select(Compartment).where(Compartment.locker_id == locker_id))
    taken = Matching(geometry(row) for row in places if may_be_given(row))
    for demand in promised(session, locker_id):
        taken.add(demand)
    return taken


def may_be_given(row: Compartment) -> bool:
    """Say whether a compartment may be given away: usable, and nobody's parcel is in dispute there.

    What a person found empty is of unknown content; until that is resolved it is somebody's.
    """
    return row.parcel_id is None and capacity.usable(row.content, row.service)


def promised(session: Session, locker_id: str) -> Iterator[Demand]:
    """Yield the live claims, then the units that the locker may give away by itself."""
    claims = select(Claim).where(Claim.locker_id == locker_id, Claim.released.is_(False))
    for claim in session.scalars(claims.order_by(Claim.right_id)):
        yield Demand(claim.w_mm, claim.h_mm, claim.d_mm, claim.g, tuple(claim.needs))
    for one in session.scalars(select(Allowance).where(Allowance.locker_id == locker_id)):
        for _ in range(max(one.ceiling - one.used, 0)):
            yield Demand(one.w_mm, one.h_mm, one.d_mm, 0)


def geometry(row: Compartment) -> capacity.Compartment:
    """Return a compartment as the shared function knows it."""
    return capacity.Compartment(
        number=row.number,
        width_mm=row.width_mm,
        height_mm=row.height_mm,
        depth_mm=row.depth_mm,
        floor_mm=row.floor_mm,
        top_mm=row.top_mm,
        max_g=row.max_g,
        features=tuple(row.features),
        occupancy_sensor=row.occupancy_sensor,
    )
