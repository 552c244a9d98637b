"""Where and when an event is applied, and the lines that several handlers write."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.tables import Compartment, Epoch, Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.events import Event


class CannotApply(Exception):
    """An event that the rows cannot take; says why without quoting it."""


@dataclass(frozen=True)
class At:
    """The transaction, the locker (its row locked) and the moment of recording.

    `epoch` is whose journal it is, if that matters; `secrets` tell which code a reported MAC is of.
    """

    session: Session
    locker: Locker
    moment: Moment
    epoch: Epoch | None = None
    secrets: Secrets | None = field(default=None, repr=False)

    def compartment(self, number: int) -> Compartment:
        """Return a compartment of the locker; raise `CannotApply` for one never described."""
        found = self.session.get(Compartment, (self.locker.id, number))
        if found is None:
            raise CannotApply("the compartment was never described")
        return found

    def parcel_of(self, right_id: str | None) -> Parcel | None:
        """Return the parcel of a right of this locker."""
        if right_id is None:
            return None
        return self.session.scalars(
            select(Parcel).where(
                Parcel.right_id == UUID(right_id), Parcel.locker_id == self.locker.id
            )
        ).one_or_none()

    def happened_at(self, event: Event) -> datetime:
        """Return when it happened: by the edge's clock if that may be believed, else by ours."""
        return event.at if event.clock == "trusted" else self.moment.now

    def tell(
        self,
        parcel: Parcel,
        what: str,
        event: Event,
        *,
        compartment: int | None = None,
        detail: str | None = None,
    ) -> None:
        """Write one line of a parcel's history."""
        self.session.add(
            ParcelEntry(
                parcel_id=parcel.id,
                carrier_id=parcel.carrier_id,
                what=what,
                at=event.at,
                clock=event.clock,
                recorded_at=self.moment.now,
                compartment=compartment,
                detail=detail,
            )
        )
        self.session.flush()  # the lines are numbered in the order of the ledger

    def notify(self, parcel: Parcel, kind: str, event: Event, **data: object) -> None:
        """Write what the carrier must hear; its place in the feed is given after the commit."""
        self.session.add(
            Notice(
                id=self.moment.new_id(),
                carrier_id=parcel.carrier_id,
                type=kind,
                parcel_id=parcel.id,
                data={
                    "parcel_id": str(parcel.id),
                    "reservation_id": str(parcel.reservation_id) if parcel.reservation_id else None,
                    "right_id": str(parcel.right_id) if parcel.right_id else None,
                    "locker": {"id": self.locker.id, "address": self.locker.address},
                    **data,
                },
                occurred_at=event.at,
                clock=event.clock,
                recorded_at=self.moment.now,
            )
        )
