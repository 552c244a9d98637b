"""The requests of one caller in hand: answered in their order, then written table by table.

One request, those that came at the same moment, a manifest: all are answered here. The lockers'
rows are locked (`reading.admit`), and each locker's desk decides from memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from fellesskap_backend.bulk import Together
from fellesskap_backend.carriers.service import Caller
from fellesskap_backend.db import Base, Moment
from fellesskap_backend.decisions.desk import Decided, Desk, Place
from fellesskap_backend.decisions.policy import REFUSALS
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import BackendError, InvalidRequest, NotFound
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer, Answered, Attempt
from fellesskap_backend.lockers.nearby import Alternative
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations import reading, requested
from fellesskap_backend.reservations.alternatives import Neighbours
from fellesskap_backend.reservations.confirmed import Asked, Confirmation, Keys, view
from fellesskap_backend.reservations.reading import Admitted, Found, Sought
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import numbering
from fellesskap_backend.rights.numbering import NewRight
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]
Told = Answered | BackendError
"""An answer, or what is wrong with a request: that is no answer, and nothing is kept of it."""
CONFIRMED = (Reservation, Claim, Parcel, Right, RightCode, ParcelEntry, Notice)
"""The tables of what `Confirmation.rows` makes, in order."""
CHANGED = ("revision", "decided", "decision_hash", "decision_layout", "decision_rules")
"""What a desk changes of its locker's row."""
_WRITE = Together(*CONFIRMED, Decision, Answer, change=(Locker, CHANGED))


class Counter(NamedTuple):
    """Where one caller is served, and when."""

    session: Session
    secrets: Secrets
    moment: Moment


class Kept(NamedTuple):
    """A confirmed request, until its rows are made: its place among the answers, its right."""

    at: int
    asked: Asked
    right: NewRight
    decided: Decided


@dataclass
class Work:
    """Answers requests, in order; what is told of each stands in `told`."""

    counter: Counter
    by: Caller
    desks: dict[str, Desk]
    keys: dict[str, Keys]
    found: Found
    near: Neighbours
    rights: Sequence[NewRight | None]
    """For each request at a known locker its right, if it will have one."""
    told: list[Told] = field(default_factory=list)
    numbers: dict[UUID, int] = field(default_factory=dict)
    """Those of the codes of new rights, once they are confirmed."""
    _kept: list[Kept] = field(default_factory=list)
    _rows: dict[type[Base], list[Row]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> None:
        """Answer the next request."""
        desk = self.desks.get(asked.locker_id)
        if desk is None:
            self.told.append(NotFound("No locker by this id."))
            return
        wrong = asked.wrong_times(self.counter.moment.now, desk.place.cut_off)
        if wrong is not None:
            self.told.append(InvalidRequest(wrong))
            return
        wanted = asked.wanted(self.by, is_duplicate=asked.label.key in self.found.live)
        if desk.waits(wanted.request):
            self._let_wait(desk, asked)
            return
        decided = desk.decide(wanted, self.counter.moment)
        self._add(Decision, decided.row)
        if not decided.decision.confirmed:
            other = alternatives_of(self.near, desk.place, asked, decided, by=self.by)
            self.told.append(refused(decided, asked, other))
            return
        self.found.live.add(asked.label.key)
        asked = asked.waiting(decided.held_for_s, self.counter.moment.now)
        at = len(self.told)
        right = self.rights[at]
        assert right is not None
        self._kept.append(Kept(at, asked, right, decided))
        self.told.append(Answered(201, {}))

    def confirm(self) -> None:
        """Make the rows of all that was confirmed, and complete the answers."""
        session, secrets, moment = self.counter
        news = [one.right for one in self._kept]
        in_use = self.found.code_macs
        self.numbers = numbering.number(session, news, secrets.k_codes, moment.now, in_use=in_use)
        for at, asked, right, decided in self._kept:
            n = self.numbers[right.right_id]
            place = self.desks[asked.locker_id].place
            made = Confirmation(asked, self.by, right.right_id, n, place.address, decided)
            rows = made.rows(self.keys[asked.locker_id], moment)
            for model, row in zip(CONFIRMED, rows, strict=True):
                self._add(model, row)
            self.told[at] = Answered(201, view(rows[0], delivered=False))

    def write(self, answers: Sequence[Row]) -> None:
        """Write all of it, and what was answered to the keys."""
        self._rows[Answer] = list(answers)
        changes = [changed(desk) for desk in self.desks.values() if desk.head != desk.place.head]
        _WRITE.execute(self.counter.session, self._rows, changes)

    def _let_wait(self, desk: Desk, asked: Asked) -> None:
        """Let a request wait for the cut-off."""
        rows = requested.rows(asked, self.by, desk.place, self.counter.moment)
        for model, row in zip(requested.TABLES, rows, strict=True):
            self._add(model, row)
        self.found.live.add(asked.label.key)
        self.told.append(Answered(202, view(rows[0], delivered=False)))

    def _add(self, model: type[Base], row: Row) -> None:
        self._rows.setdefault(model, []).append(row)


def begin(
    counter: Counter, admitted: Admitted, every: Sequence[Asked], attempts: Sequence[Attempt]
) -> Work:
    """Read what the answers depend on; they are kept under these attempts."""
    by, places = admitted
    session, secrets, moment = counter
    keys = {
        locker_id: Keys(secrets.k_codes, secrets.k_locker(locker_id, place.k_version))
        for locker_id, place in places.items()
    }
    rights = [
        NewRight.of(one.locker_id, key.k_locker, moment.new_id(), key.k_codes)
        if (key := keys.get(one.locker_id))
        else None
        for one in every
    ]
    macs = [one.first_mac for one in rights if one]
    sought = Sought(attempts, [one.label.key for one in every], macs)
    found = reading.read(session, admitted, sought, moment)
    desks = {locker_id: Desk(place, moment.now) for locker_id, place in places.items()}
    near = Neighbours(session, moment.now, desks)
    return Work(counter, by, desks, keys, found, near, rights)


def alternatives_of(
    near: Neighbours, place: Place, asked: Asked, decided: Decided, *, by: Caller
) -> list[Alternative]:
    """Return what to do instead; a parcel that is under way already is wanted nowhere else."""
    if decided.decision.reason == "duplicate_parcel":
        return []
    return near.of(place, asked.demand, by.number)


def refused(decided: Decided, asked: Asked, alternatives: Sequence[Alternative]) -> Answered:
    """Return the answer to a request that is given no room."""
    reason = decided.decision.reason
    assert reason is not None
    told = REFUSALS[reason]
    problem = told.problem() | {
        "reason": reason,
        "alternatives": list(alternatives),
        "decision_id": str(decided.id),
    }
    if reason == "quota_exceeded":
        own = {"quota": decided.decision.quota, "used": decided.decision.used}
        problem |= {"size_class": asked.size_class, **own}
    return Answered(told.status, problem)


def changed(desk: Desk) -> Row:
    """Return what the locker's row is to say after the decisions of a desk (`CHANGED`)."""
    head = desk.head
    told = (desk.revision, head.number, head.hash, head.layout, head.rules)
    return {"id": desk.place.locker_id, **dict(zip(CHANGED, told, strict=True))}
