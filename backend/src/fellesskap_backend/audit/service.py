"""Reading every decision as it is stored, chain by chain, with its receipt and its hour's root."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import and_, func, inspect, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.audit.rows import MODELS, written
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.cut_offs import lots
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.batches import batch_in
from fellesskap_backend.decisions.record import digest
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.merkle import entry
from fellesskap_protocol.signing import b64url, unb64url

Json = dict[str, Any]
CURSOR_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}\.[0-9]{1,9}$"


class At(NamedTuple):
    """A place in the chains: which locker's, behind which number."""

    locker_id: str
    number: int

    @classmethod
    def read(cls, cursor: str) -> "At":
        """Read a cursor, which matches `CURSOR_PATTERN`."""
        locker_id, _, number = cursor.partition(".")
        return cls(locker_id, int(number))

    def __str__(self) -> str:
        return f"{self.locker_id}.{self.number}"


@dataclass(frozen=True)
class Wanted:
    """Which decisions: of one locker or all, how many, behind which place."""

    locker_id: str | None = None
    limit: int = 50
    after: At | None = None


def page(
    session: Session, credentials: Credentials, wanted: Wanted, *, now: datetime, secrets: Secrets
) -> tuple[Json, At | None]:
    """Return a page of decisions in the order of lockers and of their chains; and the next place.

    Each page tells how far the chains of its lockers go, and of a locker whose decisions are all
    gone too. One statement, and so one snapshot: what is decided meanwhile is not half seen.
    """
    caller(session, credentials, "auditor")
    rows: Sequence[Any] = session.execute(_narrowed(wanted)).all()
    shown = rows[: wanted.limit]
    last = shown[-1] if len(rows) > wanted.limit else None
    found = {
        "locker_id": wanted.locker_id,
        "chains": _chains(shown),
        "decisions": [_decision(row) for row in shown if row.number is not None],
        "roots": _roots(session, {row.hour for row in shown if row.hour is not None}),
        "lots": lots.of_days(session, _days(shown), now=now, secrets=secrets),
        "rules": _rules(session, shown),
        "closed": _closed(session),
    }
    return found, None if last is None else At(last.at_locker, last.number or 0)


def _narrowed(wanted: Wanted) -> Any:
    statement = _DECISIONS.limit(wanted.limit + 1)
    if wanted.locker_id is not None:
        statement = statement.where(Locker.id == wanted.locker_id)
    if wanted.after is not None:
        locker_id, number = wanted.after
        further = and_(Locker.id == locker_id, Decision.number > number)
        statement = statement.where(Locker.id >= locker_id, or_(Locker.id > locker_id, further))
    return statement


def _chains(rows: Sequence[Any]) -> list[Json]:
    heads = {row.at_locker: (row.decided, row.decision_hash) for row in rows}
    return [
        {"locker_id": locker_id, "decided": decided, "hash": hash_}
        for locker_id, (decided, hash_) in heads.items()
    ]


def _closed(session: Session) -> Json | None:
    hours: Any = session.execute(_CLOSED).one()
    if hours.first is None:
        return None
    return {"first": instant(hours.first), "last": instant(hours.last)}


def _decision(row: Any) -> Json:
    return {
        "locker_id": row.locker_id,
        "number": row.number,
        "id": str(row.id),
        "carrier_id": str(row.carrier_id),
        "at": instant(row.decided_at),
        "body": row.body,
        "hash": digest(row.body.encode()),
        "receipt": None if row.told is None else _receipt(row),
    }


def _receipt(row: Any) -> Json:
    return {
        "hour": instant(row.hour),
        "told_to": str(row.told_to),
        "decision": row.told,
        "salt": row.salt,
        "leaf": _leaf(row.salt, row.told),
        "place": row.place,
        "path": row.path,
    }


def _leaf(salt: str, told: str) -> str | None:
    """Return what stands in the tree; None for a row that somebody spoilt."""
    try:
        return b64url(entry(unb64url(salt), told.encode()))
    except ValueError:
        return None


def _days(rows: Sequence[Any]) -> set[date]:
    """Return the days whose cut-offs decided any of these."""
    found = (batch_in(row.body) for row in rows if row.body is not None)
    return {batch.day for batch in found if batch is not None}


def _rules(session: Session, shown: Sequence[Any]) -> Json:
    """Return the rows by which was decided what is on a page."""
    lockers, days = {row.at_locker for row in shown}, _days(shown)
    mornings = {day for row in shown if row.body is not None for day in _morning(row.body)}
    wanted: dict[str, Any] = {
        "policies": select(Policy),
        "weights": select(Weight),
        "standings": select(StandingRow).where(StandingRow.day.in_(mornings)),
        "reviews": select(QuotaReview).where(QuotaReview.locker_id.in_(lockers)),
        "days": select(AnnouncedDay).where(AnnouncedDay.day.in_(days)),
        "cut_offs": select(CutOff).where(CutOff.locker_id.in_(lockers), CutOff.day.in_(days)),
    }
    found: Json = {}
    for name, statement in wanted.items():
        keys = inspect(MODELS[name]).primary_key
        found[name] = [written(row) for row in session.scalars(statement.order_by(*keys))]
    return found


def _morning(body: str) -> Iterator[date]:
    """Yield of which morning the standings are by which something was decided, if any."""
    try:
        day = msgspec.json.decode(body, type=_Body).position.day
    except ValueError:
        return
    if day is not None:
        yield day


class _Position(msgspec.Struct):
    day: date | None = None


class _Body(msgspec.Struct):
    position: _Position


def _roots(session: Session, hours: set[datetime]) -> list[Json]:
    """Return the trees in which the receipts of a page are; the seed is for auditors alone."""
    wanted = select(AuditRoot).where(AuditRoot.hour.in_(hours)).order_by(AuditRoot.hour)
    return [
        {
            "hour": instant(row.hour),
            "size": row.size,
            "root": row.root,
            "seed": row.seed,
            "key": row.key,
            "jws": row.jws,
        }
        for row in session.scalars(wanted)
    ]


_CLOSED = select(func.min(AuditRoot.hour).label("first"), func.max(AuditRoot.hour).label("last"))
_DECISIONS = (
    select(
        *(Locker.id.label("at_locker"), Locker.decided, Locker.decision_hash),
        *(Decision.id, Decision.locker_id, Decision.number, Decision.carrier_id),
        *(Decision.decided_at, Decision.body, Receipt.carrier_id.label("told_to")),
        *(Receipt.hour, Receipt.told, Receipt.salt, Receipt.place, Receipt.path),
    )
    .outerjoin(Decision, Decision.locker_id == Locker.id)
    .outerjoin(Receipt, Receipt.decision_id == Decision.id)
    .where(or_(Locker.decided > 0, Decision.id.is_not(None)))
    .order_by(Locker.id, Decision.number)
)
