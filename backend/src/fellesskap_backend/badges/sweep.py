"""What a badge takes out: everything of its carriers that has a right to be removed, by locker."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import tenancy
from fellesskap_backend.badges import service
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import Moment
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights.tables import Right

Row = dict[str, Any]


def sweep(session: Session, credentials: Credentials, badge_id: UUID, *, moment: Moment) -> Row:
    """Return what one of the caller's own badges may take out now, in the order of the doors.

    Nothing once it is revoked or over, or if it may only deposit. Raise `NotFound`.
    """
    by = caller(session, credentials, "carrier")
    badge = service.own(session, by, badge_id)
    good = badge.revoked_at is None and badge.expires_at > moment.now and "remove" in badge.may
    carriers = [UUID(one) for one in badge.carriers]
    tenancy.see(session, *carriers)
    found: dict[str, list[Row]] = {locker_id: [] for locker_id in badge.lockers}
    wanted = select(Parcel, DropOff.reference).where(
        Parcel.carrier_id.in_(carriers),
        Parcel.locker_id.in_(badge.lockers),
        Parcel.compartment.is_not(None),
    )
    lies_there = (
        wanted.join(Right, (Right.locker_id == Parcel.locker_id) & _RIGHT_IN_FORCE)
        .outerjoin(DropOff, DropOff.parcel_id == Parcel.id)
        .order_by(Parcel.locker_id, Parcel.compartment, Parcel.id)
    )
    for parcel, reference in session.execute(lies_there) if good else ():
        found[parcel.locker_id].append(_line(parcel, reference))
    lockers = [{"locker_id": one, "parcels": parcels} for one, parcels in found.items()]
    return {"badge_id": str(badge.id), "lockers": lockers}


def _line(parcel: Parcel, reference: str | None) -> Row:
    return {
        "parcel_id": str(parcel.id),
        "carrier_id": str(parcel.carrier_id),
        "compartment": parcel.compartment,
        "kind": "return" if parcel.kind == "drop_off" else KIND_OF.get(parcel.state, "disputed"),
        "reference": parcel.label_value if reference is None else reference,
    }


KIND_OF = {"overdue": "overdue", "recalled": "recalled"}
"""What the state of a parcel to be removed says of why; any other is in dispute meanwhile."""
_RIGHT_IN_FORCE = (Right.id == Parcel.remove_right_id) & Right.removed.is_(False)
