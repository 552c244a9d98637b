"""A month is counted: its decisions, streamed locker by locker, and what became of them.

Nothing is held in memory but one locker's decisions. By carrier it is counted from what the
carrier's own rows say alone, so that row security holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.neutrality.complaints import Complaint, Log, is_below
from fellesskap_backend.neutrality.figures import Figures, add_hours
from fellesskap_backend.neutrality.hours import Lent, Loan, lent
from fellesskap_backend.neutrality.month import Month
from fellesskap_backend.neutrality.said import Said, read
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.receipts.hours import id_at
from fellesskap_backend.reservations.lapsed import no_show
from fellesskap_backend.reservations.tables import Reservation

Selecting = Select[*tuple[Any, ...]]
AT_ONCE = 1_000
"""Rows that are held in memory at a time."""
ROWS_MAX = 100_000
"""Decisions that are counted while somebody waits: a second or two."""
LOOK_BACK = timedelta(days=90)
"""What was reserved longer before a month than this counts in it no more."""
ENDS = (
    *("collected", "removed", "lost", "displaced"),
    *("cancelled", "expired", "diverted", "softened"),
)
"""Lines of a parcel's history by which room is given back."""
COMPLAINTS_MAX = 1_000
"""How many are listed of one carrier; all are counted."""
GONE = ("collected", "removed", "lost")
"""What a line of `resolved` may say became of a parcel, without such a line."""
_LENT = '%"part":"lent"%'
_RULEBOOK = '%"rulebook":%'
_LAYOUT = '%"compartments":%'


@dataclass(frozen=True)
class Span:
    """What is counted: from a month's first instant to an end, of all or of one carrier."""

    month: Month
    since: datetime
    """From when on decisions of before are looked at: their room may still be lent."""
    until: datetime
    carrier: UUID | None = None

    @classmethod
    def of(cls, month: Month, now: datetime, carrier: UUID | None = None) -> "Span":
        """Return all of a month, as far as it has gone."""
        return cls(month, month.begins - LOOK_BACK, min(now, month.ends), carrier)

    def narrow(self, statement: Selecting, model: Any, since: datetime) -> Selecting:
        """Leave rows whose ids (UUIDv7) were made from then on, of that carrier."""
        some = statement.where(model.id >= id_at(since), model.id < id_at(self.until))
        return some if self.carrier is None else some.where(model.carrier_id == self.carrier)


@dataclass
class Counted:
    """What a month came to, by carrier (its id as a text)."""

    figures: dict[str, Figures] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    lent: Lent = field(default_factory=Lent)

    def of(self, carrier: str) -> Figures:
        """Return the figures of a carrier."""
        return self.figures.setdefault(carrier, Figures())


def bounded(session: Session, span: Span, rows: int = ROWS_MAX) -> Span:
    """Return a span with at most so many decisions in its month, and as many before it.

    It ends before the first one too many, and looks back as far as the last one too many.
    """
    within = span.narrow(select(Decision.decided_at), Decision, span.month.begins)
    end = session.scalar(within.order_by(Decision.id).offset(rows).limit(1))
    ahead = replace(span, until=span.month.begins)
    earlier = ahead.narrow(select(Decision.decided_at), Decision, span.since)
    begin = session.scalar(earlier.order_by(Decision.id.desc()).offset(rows).limit(1))
    return replace(span, since=begin or span.since, until=end or span.until)


def count(session: Session, span: Span) -> Counted:
    """Count a span."""
    found = Counted()
    numbers = {str(number): str(id_) for id_, number in session.execute(_CARRIERS)}
    loans: list[Loan] = []
    for locker_id, some in groupby(_decisions(session, span), key=lambda row: str(row.locker_id)):
        at = _Locker(session, span, locker_id)
        at.count(found, some)
        loans += at.loans(numbers)
    found.lent = lent(loans, span.month.begins, span.until)
    add_hours(found.figures, found.lent)
    for name, statement in (("upsized", _upsized(span)), ("no_shows", _ending(span, no_show()))):
        for carrier, number in session.execute(statement):
            setattr(found.of(str(carrier)), name, number)
    return found


def _decisions(session: Session, span: Span) -> Iterator[Any]:
    """Yield the month's decisions, and those of before by which room was lent."""
    wanted = select(Decision.locker_id, Decision.number, Decision.body)
    within = or_(Decision.id >= id_at(span.month.begins), Decision.body.like(_LENT))
    rows = span.narrow(wanted, Decision, span.since).where(within)
    in_order = rows.order_by(Decision.locker_id, Decision.number)
    yield from session.execute(in_order.execution_options(yield_per=AT_ONCE))


class _Locker:
    """One locker's part of a month."""

    def __init__(self, session: Session, span: Span, locker_id: str) -> None:
        self._session, self._span, self._id = session, span, locker_id
        self._log = Log()
        self._lent: dict[UUID, tuple[Said, Mapping[str, int]]] = {}

    def count(self, found: Counted, rows: Iterable[Any]) -> None:
        """Count its decisions, first one first."""
        for said in filter(None, (read(row.body) for row in rows)):
            self._log.remember(said)
            if said.part == "lent":
                self._lent[UUID(said.id)] = said, self._unused(said)
            if said.at < self._span.month.begins:
                continue
            figures = found.of(said.carrier)
            figures.count(said)
            if is_below(said):
                figures.below_quota += 1
                self._judge(found, figures, said)

    def loans(self, numbers: Mapping[str, str]) -> Iterator[Loan]:
        """Yield what was lent; `numbers` are the carriers' in allocation, with their ids."""
        ids = list(self._lent)
        for at in range(0, len(ids), AT_ONCE):
            some = _ENDED.where(Reservation.id.in_(ids[at : at + AT_ONCE]))
            for row in self._session.execute(some):
                said, unused = self._lent[row.id]
                ends = min(filter(None, (row.ended, row.ended_before)), default=None)
                lenders = {numbers[one]: n for one, n in unused.items() if one in numbers}
                yield Loan(said.carrier, said.at, ends, lenders)

    def _unused(self, said: Said) -> Mapping[str, int]:
        if self._span.carrier is not None:
            return {}  # whose it was is not asked: those are others' rows
        self._look_up(said)
        return self._log.unused(said)

    def _judge(self, found: Counted, figures: Figures, said: Said) -> None:
        if self._span.carrier is not None:
            return
        self._look_up(said)
        complaint = self._log.judge(said)
        if complaint is not None:
            found.complaints.append(complaint)
            figures.complaints += 1
            figures.unexplained += complaint.why == "unexplained"

    def _look_up(self, said: Said) -> None:
        """Read the earlier decisions that one refers to."""
        lacking = self._log.lacks(said)
        here = select(Decision.body).where(
            Decision.locker_id == self._id, Decision.number < said.number
        )
        bodies: list[str] = []
        for is_lacking, written in ((lacking.layout, _LAYOUT), (lacking.rules, _RULEBOOK)):
            if is_lacking:
                newest = here.where(Decision.body.like(written)).order_by(Decision.number.desc())
                bodies += self._session.scalars(newest.limit(1))
        if lacking.numbers:
            bodies += self._session.scalars(here.where(Decision.number.in_(lacking.numbers)))
        for one in filter(None, map(read, bodies)):
            self._log.remember(one)


def lapsing(session: Session, span: Span) -> Mapping[str, int]:
    """Count, by carrier, the claims that were let go by, whatever became of them afterwards.

    Journals may say later whose fault it was, or that a parcel came: no-shows are at most these.
    """
    was_let_go = exists().where(
        ParcelEntry.parcel_id == Reservation.parcel_id, ParcelEntry.what == "expired"
    )
    rows = session.execute(_ending(span, Reservation.use_size.is_not(None), was_let_go))
    return {str(carrier): count for carrier, count in rows}


def _upsized(span: Span) -> Selecting:
    """Select how often couriers were given a larger door, by carrier."""
    wanted = (
        select(Parcel.carrier_id, func.count())
        .join(ParcelEntry, ParcelEntry.parcel_id == Parcel.id)
        .where(
            Parcel.kind == "last_mile",
            ParcelEntry.what == "upsized",
            ParcelEntry.recorded_at >= span.month.begins,
            ParcelEntry.recorded_at < span.until,
        )
        .group_by(Parcel.carrier_id)
    )
    return span.narrow(wanted, Parcel, span.since)


def _ending(span: Span, *which: ColumnElement[bool]) -> Selecting:
    """Select how many claims there are whose last hour lies in the span, by carrier."""
    wanted = (
        select(Reservation.carrier_id, func.count())
        .where(
            Reservation.deposit_by >= span.month.begins,
            Reservation.deposit_by < span.until,
            *which,
        )
        .group_by(Reservation.carrier_id)
    )
    return span.narrow(wanted, Reservation, span.since)


_CARRIERS = select(Carrier.id, Carrier.number)
_GIVEN_BACK = or_(
    ParcelEntry.what.in_(ENDS), and_(ParcelEntry.what == "resolved", ParcelEntry.detail.in_(GONE))
)
_FIRST = select(func.min(ParcelEntry.recorded_at)).where(_GIVEN_BACK)
_EXPECTED = _FIRST.join(Parcel, Parcel.id == ParcelEntry.parcel_id).where(
    Parcel.carrier_id == Reservation.carrier_id,
    Parcel.label_key == Reservation.label_key,
    Parcel.replaced_by == Reservation.parcel_id,
)
"""Of the parcel that was expected, where another came in its place."""
_ENDED = select(
    Reservation.id,
    _FIRST.where(ParcelEntry.parcel_id == Reservation.parcel_id).scalar_subquery().label("ended"),
    _EXPECTED.correlate(Reservation).scalar_subquery().label("ended_before"),
)
"""The first lines by which room was given back: later ones change no month that is over."""
