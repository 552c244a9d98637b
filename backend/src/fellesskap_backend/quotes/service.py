"""Quotes: what a reservation would be answered now. Nothing is locked, held or written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.desk import Desk, answer
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.reservations import basis
from fellesskap_backend.reservations.alternatives import Neighbours
from fellesskap_backend.reservations.reading import live_labels
from fellesskap_protocol.capacity import Demand, size_class

Row = dict[str, Any]


@dataclass(frozen=True)
class Sought:
    """Room that is asked about; `label_key` None: of no particular parcel."""

    locker_id: str
    demand: Demand
    hold: Literal["hard", "soft"]
    label_key: str | None


def quote(
    session: Session, credentials: Credentials, every: Sequence[Sought], *, now: datetime
) -> list[Row]:
    """Answer each for itself, as if it were the only one."""
    by = caller(session, credentials, "carrier")
    ids = {one.locker_id for one in every}
    rows = session.execute(select(*basis.COLUMNS).where(Locker.id.in_(ids)))
    places = {row.locker_id: basis.place_of(row) for row in rows}
    basis.read(session, places, now)
    desks = {locker_id: Desk(place, now) for locker_id, place in places.items()}
    live = live_labels(session, by, [one.label_key for one in every if one.label_key])
    near = Neighbours(session, now, {})
    found = []
    for one in every:
        request = Request(one.demand, one.hold, one.label_key in live)
        place = places.get(one.locker_id)
        if place is None:
            found.append(_no(one, reason="not_found"))
            continue
        if desks[one.locker_id].waits(request):
            # At the cut-off all that was asked is decided together; nobody is told before.
            assert place.cut_off is not None
            found.append(_no(one, cut_off=instant(place.cut_off)))
            continue
        decision = answer(place.rules, desks[one.locker_id].view, by.number, request)
        wanted_elsewhere = not decision.confirmed and not request.is_duplicate
        found.append(
            {
                "locker_id": one.locker_id,
                "size_class": size_class(one.demand),
                "would_confirm": decision.confirmed,
                "reason": decision.reason,
                "cut_off": None,
                "alternatives": near.of(place, one.demand, by.number) if wanted_elsewhere else [],
            }
        )
    return found


def _no(one: Sought, *, reason: str | None = None, cut_off: str | None = None) -> Row:
    """Say that no room would be confirmed now, without any looking elsewhere."""
    return {
        "locker_id": one.locker_id,
        "size_class": size_class(one.demand),
        "would_confirm": False,
        "reason": reason,
        "cut_off": cut_off,
        "alternatives": [],
    }
