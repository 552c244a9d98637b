"""Reading decisions and roots: a carrier its own, everybody the roots."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import NotFound
from fellesskap_backend.receipts.hours import HOUR, told_at
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.receipts.told import shown, told
from fellesskap_protocol import merkle
from fellesskap_protocol.signing import PublicKey, unb64url

Json = dict[str, Any]


def find(session: Session, credentials: Credentials, decision_id: UUID) -> Json:
    """Return what the carrier is told of one of its decisions; raise `NotFound`.

    `receipt` is null until the tree is made that holds it.
    """
    by = caller(session, credentials, "carrier")
    row = session.execute(_FIND, {"id": decision_id, "carrier": by.carrier_id}).one_or_none()
    if row is None:
        raise NotFound("No decision by this id.")
    if row.told is None:
        at = told_at(row.decided_at, row.newest)
        waiting = {"receipt": None, "receipt_at": None if at is None else instant(at)}
        return told(row.body) | waiting
    proof = merkle.receipt(instant(row.hour), unb64url(row.salt), row.told, (row.place, row.path))
    return shown(row.told) | {"receipt": proof, "receipt_at": None}


def roots(session: Session, since: datetime | None, limit: int) -> tuple[Json, datetime | None]:
    """Return the file of roots of hours that begin at `since` or later, oldest first.

    And the hour after the last one, if there are more.
    """
    statement = select(AuditRoot.hour, AuditRoot.key, AuditRoot.jws).order_by(AuditRoot.hour)
    if since is not None:
        statement = statement.where(AuditRoot.hour >= since)
    rows = session.execute(statement.limit(limit + 1)).all()
    shown = rows[:limit]
    return _file(shown), shown[-1].hour + HOUR if len(rows) > limit else None


def _file(rows: Sequence[Any]) -> Json:
    keys = dict.fromkeys(row.key for row in rows)
    public = [PublicKey(unb64url(key)) for key in keys]
    return merkle.roots(public, [row.jws for row in rows])


_FIND = (
    select(
        *(Decision.decided_at, Decision.body),
        *(Receipt.hour, Receipt.told, Receipt.salt, Receipt.place, Receipt.path),
        select(func.max(AuditRoot.hour)).scalar_subquery().label("newest"),
    )
    .outerjoin(Receipt, Receipt.decision_id == Decision.id)
    .where(Decision.id == bindparam("id"), Decision.carrier_id == bindparam("carrier"))
)
