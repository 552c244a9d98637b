"""Where and when an event is applied, and the lines that several handlers write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.committed import when_committed
from fellesskap_backend.db import Moment, Row, held
from fellesskap_backend.ledger.known import Known, Whose
from fellesskap_backend.lockers.tables import Compartment, Epoch, Locker
from fellesskap_backend.parcels.tables import Authorisation, Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.pickup_codes.tables import DelegatedCode
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.events import Event

_HERE = select(Parcel).where(Parcel.locker_id == bindparam("locker_id"))
_WANTED = bindparam("wanted", type_=Uuid())
_BY_RIGHT = _HERE.where(Parcel.right_id == _WANTED)
_BY_ANOTHER = _HERE.where(
    or_(
        Parcel.remove_right_id == _WANTED,
        Parcel.id == _WANTED,
        Parcel.id.in_(select(DelegatedCode.parcel_id).where(DelegatedCode.id == _WANTED)),
    )
)


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
        which = {"locker_id": self.locker.id, "wanted": wanted}
        parcel = self.session.scalars(_BY_RIGHT, which).one_or_none()
        if parcel is None:
            parcel = self.session.scalars(_BY_ANOTHER, which).one_or_none()
        return parcel

    def authorisation(self, authorisation_id: str) -> Whose | None:
        """Return whose an authorisation of the locker is; None if that was never said."""
        known = self.known.authorisations
        if authorisation_id in known:
            return known[authorisation_id]
        row = self.session.get(Authorisation, (self.locker.id, authorisation_id))
        return None if row is None else Whose(row.parcel_id, row.jti)

    def authorised(self, said: Row) -> None:
        """Write whose an authorisation is; what was said before of the same one is replaced."""
        row = {"locker_id": self.locker.id, **said}
        pending, name = self.known.pending, said["authorisation_id"]
        if self.authorisation(name) is not None:
            if pending is not None:
                pending.write(self.session)
            self.session.merge(Authorisation(**row))
        elif pending is not None:
            pending.add(Authorisation, row)
        else:
            self.session.add(Authorisation(**row))
        self.known.authorisations[name] = Whose(said["parcel_id"], said["jti"])

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

    def say(self, log: Callable[..., None], text: str, *about: object) -> None:
        """Say something of the locker to whoever watches the log, once it is committed."""
        when_committed(self.session, log, f"locker %s: {text}", self.locker.id, *about)

    def notify(self, parcel: Parcel, kind: str, event: Event, **data: object) -> None:
        """Write what the carrier must hear."""
        self.cause(event).notify(parcel, kind, dict(data))
