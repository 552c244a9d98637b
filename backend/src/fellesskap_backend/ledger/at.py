"""Where and when an event is applied, and the lines that several handlers write."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, Row, held
from fellesskap_backend.ledger.known import Known
from fellesskap_backend.lockers.tables import Compartment, Epoch, Locker
from fellesskap_backend.parcels.tables import Authorisation, Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.pickup_codes.tables import DelegatedCode
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
    known: Known = field(default_factory=Known, repr=False)
    """Rows that were read for all of a batch."""

    def then(self, moment: Moment, known: Known) -> "At":
        """Return the same for another event; `replace` would take five times as long."""
        return At(self.session, self.locker, moment, self.epoch, self.secrets, known)

    def compartment(self, number: int) -> Compartment:
        """Return a compartment of the locker; raise `CannotApply` for one never described."""
        found = held(self.session, Compartment, self.locker.id, number)
        if found is None:
            raise CannotApply("the compartment was never described")
        return found

    def parcel_of(self, right_id: str | None) -> Parcel | None:
        """Return the parcel of a right of this locker: to collect (by any code), to remove,
        or the edge's own.
        """
        if right_id is None:
            return None
        wanted = UUID(right_id)
        known = self.known.parcel_of(wanted)
        if known is not None:
            return known
        here = select(Parcel).where(Parcel.locker_id == self.locker.id)
        parcel = self.session.scalars(here.where(Parcel.right_id == wanted)).one_or_none()
        if parcel is None:
            second = select(DelegatedCode.parcel_id).where(DelegatedCode.id == wanted)
            others = or_(
                Parcel.remove_right_id == wanted,
                Parcel.id == wanted,
                Parcel.id.in_(second),
            )
            parcel = self.session.scalars(here.where(others)).one_or_none()
        return parcel

    def authorisation(self, authorisation_id: str) -> Authorisation | None:
        """Return an authorisation of the locker."""
        known = self.known.authorisations
        if authorisation_id in known:
            return known[authorisation_id]
        return held(self.session, Authorisation, self.locker.id, authorisation_id)

    def authorised(self, said: Row) -> None:
        """Write whose an authorisation is; what was said before of the same one is replaced."""
        row = {"locker_id": self.locker.id, **said}
        authorisation = Authorisation(**row)
        name, pending = authorisation.authorisation_id, self.known.pending
        if self.authorisation(name) is not None:
            if pending is not None:
                pending.write(self.session)
            authorisation = self.session.merge(authorisation)
        elif pending is not None:
            pending.add(Authorisation, row)
        else:
            self.session.add(authorisation)
        self.known.authorisations[name] = authorisation

    def cause(self, event: Event) -> Cause:
        """Return the event as the reason why rows move."""
        return Cause(
            self.session, self.locker, self.moment, event.at, event.clock, self.known.pending
        )

    def happened_at(self, event: Event) -> datetime:
        """Return when it happened: by the edge's clock if that may be believed, else by ours."""
        return self.cause(event).happened_at

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
        self.cause(event).tell(parcel, what, compartment=compartment, detail=detail)

    def notify(self, parcel: Parcel, kind: str, event: Event, **data: object) -> None:
        """Write what the carrier must hear."""
        self.cause(event).notify(parcel, kind, dict(data))
