"""A house in which parcels live: one commissioned locker, one carrier, one operator, deadlines."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from fellesskap_backend import deadlines
from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right
from fellesskap_protocol import events, messages
from fellesskap_protocol.messages import encode, event_hash
from tests.backend.api import Api
from tests.backend.lockers import House

T = TypeVar("T")
HOUR = timedelta(hours=1)


class Lives(House):
    """Everything that one carrier and one operator can do here, without HTTP where none is."""

    def __init__(self, api: Api, doors: int = 3, *, key: str | None = None) -> None:
        super().__init__(api)
        key = key or api.key()
        self.client = api.client(key)
        self.carrier: Credentials = credentials_of(key)
        operator = api.operator().headers["authorization"]
        self.operator: Credentials = credentials_of(operator.removeprefix("Bearer "))
        self.born()
        self.locker.commission(doors)
        self.ingest()

    @property
    def carrier_id(self) -> str:
        """The carrier's id, as the edge knows it."""
        return str(self.api.rows(Carrier)[0].id)

    def room(self, number: int = 1) -> dict[str, Any]:
        """Reserve; return the answer."""
        return self.reserve(self.client, number)

    def do(self, act: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call a service in a transaction of its own, now."""
        moment = Moment(datetime.now(UTC))
        return self.api.change(lambda session: act(session, *arguments, moment=moment, **named))

    def set(self, work: Callable[[Session], object]) -> None:
        """Change rows by hand."""
        self.api.change(work)

    def pass_time(self, to: datetime | None = None) -> None:
        """Let the worker's deadlines be looked at once, at some time."""
        moment = Moment(to or datetime.now(UTC))
        for find, act in deadlines.all_of(self.api.secrets):
            for one in self.api.change(partial(_call, find, moment.now)):
                self.api.change(partial(_call, act, one, moment))

    def serve(self, began: datetime, ended: datetime, doors: tuple[int, ...] = (1, 2, 3)) -> None:
        """Tell a proof of service."""
        self.tell_at(ended, events.Serving(compartments=doors, from_=began, to=ended))

    def tell_at(self, at: datetime, event: events.Event, *, clock: str = "trusted") -> None:
        """Journal one event at some time by the edge's clock, and ingest it."""
        prev = event_hash(self.locker.stored[-1])
        seq = len(self.locker.stored) + 1
        stamped = events.stamped(event, seq=seq, prev=prev, at=at, clock=clock, boot_id="boot-1")
        self.locker.store(encode(stamped))
        assert self.ingest(self.locker.batch(seq)).acked_seq == seq
        assert self.unapplied() == {}

    def parcel(self, parcel_id: str) -> Parcel:
        """Return a parcel's row."""
        return next(row for row in self.api.rows(Parcel) if str(row.id) == parcel_id)

    def reservation(self, reservation_id: str) -> Reservation:
        """Return a reservation's row."""
        return next(row for row in self.api.rows(Reservation) if str(row.id) == reservation_id)

    def claim(self, right_id: str) -> Claim:
        """Return a claim's row."""
        return next(row for row in self.api.rows(Claim) if str(row.right_id) == right_id)

    def rights(self, kind: str | None = None) -> list[messages.Right]:
        """Return the rights as wished now."""
        rows = [row for row in self.api.rows(Right) if not row.removed]
        found = [messages.decode(messages.Right, row.body) for row in rows]
        return [one for one in found if kind in (None, one.kind)]

    def applied(self, used: dict[str, int] | None = None) -> None:
        """Let the locker say that it has what is wished now."""
        revision = self.row().revision
        self.tell(events.RightsApplied(generation=1, revision=revision, used=used or {}))

    def history(self, parcel_id: str) -> list[str]:
        """Return the lines of a parcel's history, in order."""
        rows = sorted(self.api.rows(ParcelEntry), key=lambda row: row.id)
        return [row.what for row in rows if str(row.parcel_id) == parcel_id]

    def notices(self, kind: str) -> list[Notice]:
        """Return the notices of one type, in the order of their recording."""
        rows = sorted(self.api.rows(Notice), key=lambda row: row.recorded_at)
        return [row for row in rows if row.type == kind]


def lapse(
    house: Lives,
    number: int,
    *,
    served: tuple[int, int] | None = (-4, 0),
    soft_at: int | None = None,
) -> dict[str, Any]:
    """Let a claim lapse that was given three hours ago, for two; hours are counted from now.

    `served`: from when to when its locker is proven to have served; `soft_at`: when it turned soft.
    """
    now = datetime.now(UTC)
    made = house.room(number)
    until = None if soft_at is None else now + soft_at * HOUR
    times = {"created_at": now - 3 * HOUR, "deposit_by": now - HOUR, "reserve_until": until}
    of_it = update(Reservation).where(Reservation.id == UUID(made["id"]))
    house.set(lambda session: session.execute(of_it.values(times)))
    if served is not None:
        house.serve(now + served[0] * HOUR, now + served[1] * HOUR)
    if until is not None:
        house.pass_time(until)
        assert house.reservation(made["id"]).hold == "soft"
    house.pass_time(now)
    assert house.reservation(made["id"]).state == "expired"
    return made


def _call(function: Callable[..., T], *arguments: object) -> T:
    """Call a function with the session behind the arguments that are bound here."""
    *bound, session = arguments
    return function(session, *bound)


def soon() -> datetime:
    """Return a time that a deadline has passed by."""
    return datetime.now(UTC) + timedelta(days=31)


def ids(answer: dict[str, Any]) -> tuple[UUID, UUID]:
    """Return the ids of reservation and parcel."""
    return UUID(answer["id"]), UUID(answer["parcel_id"])
