"""PURE: the rows of a reservation that waits for a cut-off: it holds no room, and has no right yet.

What is decided of it then: `cut_offs.deciding`.
"""

from typing import Any, cast

from fellesskap_backend.carriers.service import Caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.desk import Place
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.parcels import labels
from fellesskap_backend.reservations.confirmed import Asked, reservation_row
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_protocol.barcodes import Identifier, Kind
from fellesskap_protocol.capacity import Demand

Row = dict[str, Any]
TABLES = (Reservation, Notice)
"""The tables of what `rows` makes, in order."""
_ANSWERED = Attempt("", "", "")


def rows(asked: Asked, by: Caller, place: Place, moment: Moment) -> tuple[Row, Row]:
    """Return reservation and notice of a request that is to be decided at its locker's cut-off.

    Its parcel has an id already, by which its notices are kept in order. Its right gets one when it
    is made: until then the reservation's own stands there.
    """
    ids = {"reservation_id": moment.new_id(), "parcel_id": moment.new_id()}
    row = {
        **reservation_row(asked, by, ids | {"right_id": ids["reservation_id"]}),
        "state": "requested",
        "reject_reason": None,
        "use_size": None,
        "part": None,
        "created_at": moment.now,
        "cut_off": place.cut_off,
        "decided_at": None,
        "decision_id": None,
        "alternatives": None,
    }
    told = notice(row, "reservation.requested", {}, moment, address=place.address)
    return row, told


def notice(row: Any, kind: str, data: Row, moment: Moment, *, address: str) -> Row:
    """Return what its carrier is told while it has no parcel; `row` has the columns as names."""
    said = {
        "reservation_id": str(row["id"]),
        "label": labels.shown(row["label_key"]),
        "locker_id": row["locker_id"],
        "locker": {"id": row["locker_id"], "address": address},
        "cut_off": instant(row["cut_off"]),
    }
    return {
        "id": moment.new_id(),
        "carrier_id": row["carrier_id"],
        "type": kind,
        "parcel_id": row["parcel_id"],
        "data": said | data,
        "occurred_at": moment.now,
        "clock": "trusted",
        "recorded_at": moment.now,
        "position": None,
    }


def asked_of(row: Any) -> Asked:
    """Return the request of a row, as it was or as its times were changed since."""
    kind, _, value = row["label_key"].partition(":")
    return Asked(
        attempt=_ANSWERED,
        locker_id=row["locker_id"],
        label_kind=row["label_kind"],
        label=Identifier(cast(Kind, kind), value),
        demand=Demand(row["w_mm"], row["h_mm"], row["d_mm"], row["g"], tuple(row["needs"])),
        size_class=row["size_class"],
        deposit_by=row["deposit_by"],
        collect_within_s=row["collect_within_s"],
        code_at=row["code_at"],
        hold=row["hold"],
        reserve_until=row["reserve_until"],
    )


def caller_of(row: Any) -> Caller:
    """Return for whom it was asked; `number` is that of its carrier."""
    return Caller("", "carrier", row["carrier_id"], row["number"], acted_by=row["acted_by"])
