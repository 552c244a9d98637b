"""Manifests: many requests in one call, answered in their order as single calls would be.

Set by set instead of one by one: the lockers are locked in ascending id, all that the decisions
depend on is read at once, each locker's desk decides from memory, and each table is written by
one statement. What single calls do is done by the same pure parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.bulk import insert_all
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.desk import Decided, Desk
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import BackendError, InvalidRequest, NotFound, Problem
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.manifests import codes
from fellesskap_backend.manifests.codes import NewRight
from fellesskap_backend.reservations import basis, requested, service
from fellesskap_backend.reservations.alternatives import Neighbours
from fellesskap_backend.reservations.confirmed import Asked, Confirmation, Keys, view
from fellesskap_backend.rights.service import codes_of
from fellesskap_backend.rights.tables import RightCode
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]


class Manifest(NamedTuple):
    """The requests under one key; a problem stands for one that is no good request."""

    attempt: Attempt
    every: Sequence[Asked | Problem]


class Kept(NamedTuple):
    """A confirmed request, until its rows are made: its place in the answer, its right."""

    at: int
    asked: Asked
    right_id: UUID
    revision: int
    decided: Decided


@dataclass
class Work:
    """One manifest in hand: who asks, the lockers, the answers in order, the rows to write."""

    by: Caller
    moment: Moment
    secrets: Secrets
    desks: dict[str, Desk]
    live: set[str]
    near: Neighbours
    answers: list[Row] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    requested: list[tuple[Row, Row]] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)

    def answer(self, asked: Asked | Problem) -> None:
        """Answer one request."""
        if isinstance(asked, dict):
            self._say(Answered(asked["status"], asked))
            return
        desk = self.desks.get(asked.locker_id)
        if desk is None:
            self._refuse(NotFound("No locker by this id."))
            return
        wrong = asked.wrong_times(self.moment.now, desk.place.cut_off)
        if wrong is not None:
            self._refuse(InvalidRequest(wrong))
        else:
            self._decide(desk, asked)

    def _decide(self, desk: Desk, asked: Asked) -> None:
        wanted = asked.wanted(self.by, is_duplicate=asked.label.key in self.live)
        if desk.waits(wanted.request):
            self._take(desk, asked)
            return
        decided = desk.decide(wanted, self.moment)
        self.decisions.append(decided.row)
        if not decided.decision.confirmed:
            other = service.alternatives_of(self.near, desk.place, asked, decided)
            self._say(service.refused(decided, asked, other))
            return
        self.live.add(asked.label.key)
        right_id = self.moment.new_id()
        asked = asked.waiting(decided.held_for_s, self.moment.now)
        self.kept.append(Kept(len(self.answers), asked, right_id, desk.revision, decided))
        self.answers.append({})

    def _take(self, desk: Desk, asked: Asked) -> None:
        """Let a request wait for the cut-off."""
        assert desk.place.cut_off is not None
        rows = requested.rows(asked, self.by, desk.place.cut_off, self.moment)
        self.requested.append(rows)
        self.live.add(asked.label.key)
        self.answers.append({"status": 202, "reservation": view(rows[0], delivered=False)})

    def _refuse(self, error: BackendError) -> None:
        self._say(Answered(error.status, error.problem()))

    def _say(self, answered: Answered) -> None:
        self.answers.append({"status": answered.status, "problem": answered.body})


def accept(
    session: Session,
    credentials: Credentials,
    manifest: Manifest,
    *,
    secrets: Secrets,
    moment: Moment,
) -> Answered:
    """Answer each request for itself, all of them once per key; a problem is its own answer."""
    by = caller(session, credentials, "carrier")

    def act() -> Answered:
        return Answered(200, _accept(session, by, manifest.every, secrets=secrets, moment=moment))

    answered = idempotency.once(session, by.tenant, manifest.attempt, act, now=moment.now)
    if by.acted_by is not None:
        return answered  # who acts for a carrier is told no code
    return answered._replace(body=_with_codes(session, answered.body, secrets))


def _accept(
    session: Session,
    by: Caller,
    every: Sequence[Asked | Problem],
    *,
    secrets: Secrets,
    moment: Moment,
) -> Row:
    whole = [one for one in every if isinstance(one, Asked)]
    places = basis.locked(session, {one.locker_id for one in whole})
    basis.read(session, places, moment.now)
    desks = {locker_id: Desk(place, moment.now) for locker_id, place in places.items()}
    live = service.live_labels(session, by, [one.label.key for one in whole])
    near = Neighbours(session, moment.now, desks, carrier=by.number)
    work = Work(by, moment, secrets, desks, live, near)
    for one in every:
        work.answer(one)
    _write(session, work)
    confirmed = len(work.kept)
    return {
        "confirmed": confirmed,
        "requested": len(work.requested),
        "refused": len(every) - confirmed - len(work.requested),
        "parcels": work.answers,
    }


def _write(session: Session, work: Work) -> None:
    """Write what was decided, each table at once; complete the answers of what is confirmed."""
    secrets, moment = work.secrets, work.moment
    keys = {
        locker_id: Keys(secrets.k_codes, secrets.k_locker(locker_id, desk.place.k_version))
        for locker_id, desk in work.desks.items()
    }
    news = [
        NewRight(one.asked.locker_id, keys[one.asked.locker_id].k_locker, one.right_id)
        for one in work.kept
    ]
    numbers = codes.number(session, news, secrets.k_codes, moment.now)
    made = []
    for at, asked, right_id, revision, decided in work.kept:
        one = Confirmation(asked, work.by, right_id, numbers[right_id], revision, decided)
        rows = one.rows(keys[asked.locker_id], moment)
        work.answers[at] = {"status": 201, "reservation": view(rows[0], delivered=False)}
        made.append(rows)
    for model, several in zip(service.CONFIRMED, zip(*made, strict=True), strict=bool(made)):
        insert_all(session, model, several)
    for place, model in enumerate(requested.TABLES):
        insert_all(session, model, [rows[place] for rows in work.requested])
    insert_all(session, Decision, work.decisions)
    changes = [
        service.changed(desk) for desk in work.desks.values() if desk.head != desk.place.head
    ]
    if changes:
        session.connection().execute(service.CHANGE, changes)


def _with_codes(session: Session, body: Row, secrets: Secrets) -> Row:
    """Render the codes that were asked for at once into an answer; they are never stored."""
    asked = {
        UUID(one["reservation"]["right_id"])
        for one in body["parcels"]
        if one["status"] == 201 and one["reservation"]["code_at"] == "reservation"
    }
    if not asked:
        return body
    found = session.execute(
        select(RightCode.right_id, RightCode.n).where(
            RightCode.right_id.in_(asked), RightCode.removed_at.is_(None)
        )
    )
    codes = {row.right_id: codes_of(secrets.k_codes, row.right_id, row.n) for row in found}
    return {**body, "parcels": [_with_code(one, codes) for one in body["parcels"]]}


def _with_code(one: Row, codes: dict[UUID, Any]) -> Row:
    if one["status"] != 201 or one["reservation"]["code_at"] != "reservation":
        return one
    code = codes.get(UUID(one["reservation"]["right_id"]))
    if code is None:
        return one
    told = {"pickup_code": code.code, "addition": code.addition}
    return {**one, "reservation": one["reservation"] | told}
