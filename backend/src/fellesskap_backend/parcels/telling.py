"""Why and when a parcel moves, and how that is told: a line of its history, a notice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from fellesskap_backend.bulk import Pending
from fellesskap_backend.db import Base, Moment, Row
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.service import locked_with
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels import labels
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry

T = TypeVar("T", bound=Base)


@dataclass(frozen=True)
class Cause:
    """The transaction, the locker (its row locked) and when it happened, by whose clock."""

    session: Session
    locker: Locker
    moment: Moment
    at: datetime
    clock: str
    pending: Pending | None = None
    """Where lines and notices wait, if there are many; else the session has them at once."""

    @classmethod
    def now(cls, session: Session, locker: Locker, moment: Moment) -> "Cause":
        """Return the cause of what time or a person wishes: it happens now."""
        return cls(session, locker, moment, moment.now, "trusted")

    @classmethod
    def upon(
        cls, session: Session, model: type[T], row_id: UUID, moment: Moment
    ) -> "tuple[T, Cause] | None":
        """Return a row as it is with its locker locked, and that cause; None if it is not there."""
        found = locked_with(session, model, row_id)
        return None if found is None else (found[0], cls.now(session, found[1], moment))

    @property
    def happened_at(self) -> datetime:
        """When it happened: by its clock if that may be believed, but never after we heard."""
        return min(self.at, self.moment.now) if self.clock == "trusted" else self.moment.now

    def tell(
        self,
        parcel: Parcel,
        what: str,
        *,
        compartment: int | None = None,
        detail: str | None = None,
    ) -> None:
        """Write one line of a parcel's history."""
        line = {
            "parcel_id": parcel.id,
            "carrier_id": parcel.carrier_id,
            "what": what,
            "at": self.at,
            "clock": self.clock,
            "recorded_at": self.moment.now,
            "compartment": compartment,
            "detail": detail,
        }
        self._write(ParcelEntry, line)

    def notify(self, parcel: Parcel, kind: str, data: dict[str, Any]) -> None:
        """Write what the carrier must hear; its place in the feed is given after the commit."""
        notice = {
            "id": self.moment.new_id(),
            "carrier_id": parcel.carrier_id,
            "type": kind,
            "parcel_id": parcel.id,
            "data": {
                "parcel_id": str(parcel.id),
                "reservation_id": str(parcel.reservation_id) if parcel.reservation_id else None,
                "right_id": str(parcel.right_id) if parcel.right_id else None,
                "label": labels.shown(parcel.label_key) if parcel.label_key else None,
                "locker_id": self.locker.id,
                "locker": {"id": self.locker.id, "address": self.locker.address},
                **data,
            },
            "occurred_at": self.at,
            "clock": self.clock,
            "recorded_at": self.moment.now,
        }
        self._write(Notice, notice)

    def written(self) -> None:
        """Write what waits: somebody is about to look for it."""
        if self.pending is not None:
            self.pending.write(self.session)

    def _write(self, model: type[Base], row: Row) -> None:
        if self.pending is None:
            self.session.add(model(**row))
        else:
            self.pending.add(model, row)
