"""By what a carrier knows a drop-off's parcel: looked up where it is shown, in no event's row."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from fellesskap_backend.db import table_of
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.events.tables import Notice

Names = dict[UUID, dict[str, str]]
"""By the parcel's id: `drop_off_id` and `reference`."""


def names_of(session: Session, parcels: Iterable[UUID]) -> Names:
    """Return the names of those that are drop-offs; nothing is asked about no parcel."""
    wanted = list(parcels)
    rows = session.execute(_NAMES, {"parcels": wanted}) if wanted else ()
    return {row.parcel_id: {"drop_off_id": str(row.id), "reference": row.reference} for row in rows}


def of_notices(session: Session, notices: Iterable[Notice]) -> Names:
    """Return the names of what is told here; what was reserved was not dropped off."""
    asked = {
        one.parcel_id
        for one in notices
        if one.parcel_id is not None and one.data.get("reservation_id") is None
    }
    return names_of(session, asked)


_COLUMNS = table_of(DropOff).c
_NAMES = select(_COLUMNS.parcel_id, _COLUMNS.id, _COLUMNS.reference).where(
    _COLUMNS.parcel_id.in_(bindparam("parcels", expanding=True))
)
