"""A cut-off is decided: all that waits at one locker, in one transaction, by the worker.

The row of the locker is locked, so nothing comes or goes meanwhile; the cut-off is marked with what
was decided, so no crash decides it twice. A late worker decides late: until then what is asked
joins what waits. Rows and notices are written in the order of the lots.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Update, bindparam, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all, update_all
from fellesskap_backend.carriers.service import Caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.cut_offs.tables import CutOff
from fellesskap_backend.db import Moment, instant, table_of
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.batches import Batch
from fellesskap_backend.decisions.desk import Decided, Desk, Place
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.machine import RESERVATION
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations import answering, basis, requested
from fellesskap_backend.reservations.alternatives import Neighbours
from fellesskap_backend.reservations.confirmed import Asked, Confirmation, Keys
from fellesskap_backend.reservations.reading import ENDED
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.rights import numbering
from fellesskap_backend.rights.numbering import NewRight
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]
Due = tuple[str, datetime]
"""A locker and the instant of its cut-off."""
DUE_MAX = 100
"""Cut-offs that are looked for at a time."""
ACTS = {True: "confirm", False: "reject"}


class Waiting(NamedTuple):
    """A reservation that waits: its row, the request, and for whom it was asked."""

    row: Row
    asked: Asked
    by: Caller


def due(session: Session, now: datetime) -> Sequence[Due]:
    """Return cut-offs that have come and are not decided, the oldest first."""
    waiting = select(CutOff.locker_id, CutOff.at).where(CutOff.decided_at.is_(None))
    rows = session.execute(
        waiting.where(CutOff.at <= now).order_by(CutOff.at, CutOff.locker_id).limit(DUE_MAX)
    )
    return [(row.locker_id, row.at) for row in rows]


def decide(session: Session, one: Due, moment: Moment, *, secrets: Secrets) -> None:
    """Decide all that waits for a cut-off; nothing, if that was done."""
    locker_id, at = one
    places = basis.locked(session, [locker_id])
    cut_off = session.get(CutOff, one, populate_existing=True)
    if cut_off is None or cut_off.decided_at is not None or locker_id not in places:
        return
    basis.read(session, places, moment.now)
    place = places[locker_id]
    waiting, duplicates = _waiting(session, place, at, moment)
    desk = Desk(place, moment.now)
    batch = Batch(cut_off.day.isoformat(), at, batches.key_of(secrets.k_master, cut_off.day))
    wanted = {
        name: one.asked.wanted(one.by, is_duplicate=name in duplicates)
        for name, one in waiting.items()
    }
    if wanted:
        made = batches.decide(desk, batch, wanted, moment)
        answers = _Answers(session, secrets, desk, moment)
        answers.write([(waiting[name], decided) for name, decided in made.items()])
    cut_off.decided_at = moment.now
    session.flush()


def _waiting(
    session: Session, place: Place, at: datetime, moment: Moment
) -> tuple[dict[str, Waiting], set[str]]:
    """Return what waits by its ticket, and which of it is under way under another reservation.

    What was wanted before now is over: it ends unanswered, as an unused claim would.
    """
    found: dict[str, Waiting] = {}
    duplicates, late = set(), []
    asked = {"locker": place.locker_id, "at": at}
    for known in session.execute(_REQUESTED, asked).mappings():
        row = dict(known)
        if row["deposit_by"] <= moment.now:
            late.append(row)
            continue
        name = batches.ticket(row["carrier_id"], row["label_key"])
        found[name] = Waiting(row, requested.asked_of(row), requested.caller_of(row))
        if row["is_under_way"]:
            duplicates.add(name)
    if late:
        end = RESERVATION["requested"]["expire"].to
        ids = [row["id"] for row in late]
        session.execute(update(Reservation).where(Reservation.id.in_(ids)).values(state=end))
        insert_all(session, Notice, [_expired(row, moment, place.address) for row in late])
    return found, duplicates


class _Answers:
    """The answers of one cut-off, as they are written."""

    def __init__(self, session: Session, secrets: Secrets, desk: Desk, moment: Moment) -> None:
        self._session, self._secrets, self._desk = session, secrets, desk
        self._moment = moment
        place = desk.place
        k_locker = secrets.k_locker(place.locker_id, place.k_version)
        self._keys = Keys(secrets.k_codes, k_locker)
        self._near = Neighbours(session, moment.now, {place.locker_id: desk})

    def write(self, made: Sequence[tuple[Waiting, Decided]]) -> None:
        """Write everything, each table at once, in the order that is given."""
        rights = {
            decided.id: self._moment.new_id() for _, decided in made if decided.decision.confirmed
        }
        numbers = self._numbers(list(rights.values()))
        changes, confirmed, notices = [], [], []
        for one, decided in made:
            right_id = rights.get(decided.id)
            if right_id is None:
                change, told = self._rejected(one, decided)
            else:
                rows = self._confirmation(one, decided, right_id, numbers[right_id])
                change, told = _changed(one, decided, rows[0]), rows[-1]
                confirmed.append(rows[1:-1])
            changes.append(change)
            notices.append(_told_of(told, change, one))
        session = self._session
        session.connection().execute(_ANSWER, changes)
        tables = answering.CONFIRMED[1:-1]
        for model, several in zip(tables, zip(*confirmed, strict=True), strict=bool(confirmed)):
            insert_all(session, model, several)
        insert_all(session, Notice, notices)
        insert_all(session, Decision, [decided.row for _, decided in made])
        update_all(session, Locker, answering.CHANGED, [answering.changed(self._desk)])

    def _numbers(self, rights: Sequence[UUID]) -> dict[UUID, int]:
        locker_id = self._desk.place.locker_id
        k_locker, k_codes = self._keys.k_locker, self._secrets.k_codes
        news = [NewRight.of(locker_id, k_locker, right_id, k_codes) for right_id in rights]
        return numbering.number(self._session, news, k_codes, self._moment.now)

    def _confirmation(
        self, one: Waiting, decided: Decided, right_id: UUID, n: int
    ) -> tuple[Row, ...]:
        asked = one.asked.waiting(decided.held_for_s, self._moment.now)
        address = self._desk.place.address
        confirmation = Confirmation(asked, one.by, right_id, n, address, decided)
        ids = {"reservation_id": one.row["id"], "parcel_id": one.row["parcel_id"]}
        return confirmation.rows(self._keys, self._moment, ids)

    def _rejected(self, one: Waiting, decided: Decided) -> tuple[Row, Row]:
        place, near = self._desk.place, self._near
        reason = decided.decision.reason
        assert reason is not None
        other = answering.alternatives_of(near, place, one.asked, decided, by=one.by)
        change = _changed(one, decided, one.row) | {
            "to_reason": reason,
            "to_alternatives": list(other),
        }
        data = {"reason": reason, "alternatives": list(other)}
        told = requested.notice(
            one.row, "reservation.rejected", data, self._moment, address=place.address
        )
        return change, told


def _expired(row: Row, moment: Moment, address: str) -> Row:
    """Return the notice of a request whose `deposit_by` passed before it was decided."""
    data = {"deposit_by": instant(row["deposit_by"])}
    return requested.notice(row, "reservation.expired", data, moment, address=address)


def _changed(one: Waiting, decided: Decided, now: Row) -> Row:
    """Return what the reservation's row is to say (`_ANSWER`); `now` has its times and right."""
    use = decided.use
    return {
        "of_id": one.row["id"],
        "to_state": RESERVATION["requested"][ACTS[decided.decision.confirmed]].to,
        "to_reason": None,
        "to_right": now["right_id"],
        "to_deposit_by": now["deposit_by"],
        "to_reserve_until": now["reserve_until"],
        "to_use": use and use.size,
        "to_part": decided.decision.part,
        "to_decided_at": decided.row["decided_at"],
        "to_decision": decided.id,
        "to_alternatives": None,
    }


def _told_of(notice: Row, change: Row, one: Waiting) -> Row:
    """Return a notice with what all have that waited."""
    data = notice["data"] | {
        "cut_off": instant(one.row["cut_off"]),
        "decided_at": instant(change["to_decided_at"]),
        "decision_id": str(change["to_decision"]),
        "code_at": one.row["code_at"],
    }
    return notice | {"data": data}


_RESERVATIONS = table_of(Reservation)
_REQUESTED = (
    select(
        _RESERVATIONS,
        Carrier.number,
        select(Parcel.id)
        .where(
            Parcel.carrier_id == Reservation.carrier_id,
            Parcel.label_key == Reservation.label_key,
            Parcel.state.not_in(ENDED),
        )
        .correlate(_RESERVATIONS)
        .exists()
        .label("is_under_way"),
    )
    .join(Carrier, Carrier.id == Reservation.carrier_id)
    .where(
        Reservation.locker_id == bindparam("locker"),
        Reservation.cut_off == bindparam("at"),
        Reservation.state == "requested",
    )
)
_ANSWER: Update = (
    update(_RESERVATIONS)
    .where(_RESERVATIONS.c.id == bindparam("of_id"))
    .values(
        state=bindparam("to_state"),
        reject_reason=bindparam("to_reason"),
        right_id=bindparam("to_right"),
        deposit_by=bindparam("to_deposit_by"),
        reserve_until=bindparam("to_reserve_until"),
        use_size=bindparam("to_use"),
        part=bindparam("to_part"),
        decided_at=bindparam("to_decided_at"),
        decision_id=bindparam("to_decision"),
        alternatives=bindparam("to_alternatives"),
    )
)
