"""What a consolidator hears of what it reserved for a carrier, as long as that lets it.

It is what it may read anyway: how the reservation fares. What becomes of the parcel is between its
carrier and the recipient, and so is the code. The worker writes it when it gives what the carrier
hears its position, so that no request of a carrier's writes what another one sees.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.reservations.tables import Reservation

ON_BEHALF_OF = "on_behalf_of"
"""The member of `data` that says for whom; without the code (`webhooks.rendering`)."""
RESERVATION_ID = Notice.data["reservation_id"].as_string().label("reservation_id")
_ABOUT = "reservation."
_MADE = (
    select(Reservation.id, Reservation.carrier_id, Reservation.acted_by, Delegation)
    .join(
        Delegation,
        (Delegation.giver_id == Reservation.carrier_id)
        & (Delegation.receiver_id == Reservation.acted_by),
    )
    .where(Reservation.id.in_(bindparam("ids", expanding=True)), Reservation.acted_by.is_not(None))
)


def tell(session: Session, notices: Sequence[Any], moment: Moment) -> list[Notice]:
    """Write what consolidators hear of these notices (`number`, `type`, `reservation_id`)."""
    of = {row.number: UUID(row.reservation_id) for row in notices if row.type.startswith(_ABOUT)}
    made = defaultdict(list)
    for row in session.execute(_MADE, {"ids": list(of.values())}) if of else ():
        made[row.id].append(row)
    numbers = [number for number, reservation_id in of.items() if reservation_id in made]
    if not numbers:
        return []
    theirs = session.scalars(
        select(Notice).where(Notice.number.in_(numbers)).order_by(Notice.number)
    )
    copies = [
        _copy(notice, row.acted_by, moment)
        for notice in theirs
        for row in made[of[notice.number]]
        if notice.carrier_id == row.carrier_id and _lets(row.Delegation, notice.recorded_at)
    ]
    session.add_all(copies)
    session.flush()
    return copies


def _lets(delegation: Delegation, at: datetime) -> bool:
    """Say whether a delegation let its receiver reserve at that time."""
    ended_at = min(delegation.ends_at, delegation.revoked_at or delegation.ends_at)
    return "reserve" in delegation.may and delegation.created_at <= at < ended_at


def _copy(notice: Notice, receiver_id: UUID, moment: Moment) -> Notice:
    return Notice(
        id=moment.new_id(),
        carrier_id=receiver_id,
        type=notice.type,
        parcel_id=notice.parcel_id,
        data=notice.data | {ON_BEHALF_OF: str(notice.carrier_id)},
        occurred_at=notice.occurred_at,
        clock=notice.clock,
        recorded_at=notice.recorded_at,
    )
