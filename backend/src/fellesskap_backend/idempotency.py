"""The same Idempotency-Key gives the same answer and one effect.

The answer is a row of the transaction that had the effect. A refusal is an answer too; what was
never an answer (422, 404, 5xx) leaves the key free. Answers are kept for `KEPT`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Index, bindparam, delete, insert, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from fellesskap_backend.db import Base
from fellesskap_backend.errors import IdempotencyKeyReused, Refused

KEY_PATTERN = r"^[!-~]{1,255}$"
KEPT = timedelta(days=7)
"""How long an answer is repeated; after that its key is as good as new."""
PRUNED_MAX = 1_000
"""Answers forgotten in one transaction, so that none of them is long."""


class Answer(Base):
    """What was answered to a key; `body` never holds a code."""

    __tablename__ = "answers"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[datetime]

    # BRIN: the rows come in the order of time, and a reservation should not pay for the pruning.
    __table_args__ = (Index("ix_answers_created_at", "created_at", postgresql_using="brin"),)


@dataclass(frozen=True)
class Attempt:
    """One request under a key."""

    operation: str
    key: str
    fingerprint: str


class Answered(NamedTuple):
    """What is sent: a status and a body, and whether it was sent before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def attempt(operation: str, key: str, request: str) -> Attempt:
    """Name an attempt by a canonical text of what is asked."""
    return Attempt(operation, key, sha256(request.encode()).hexdigest())


def once(
    session: Session,
    tenant: str,
    tried: Attempt,
    act: Callable[[], Answered],
    *,
    now: datetime,
) -> Answered:
    """Return the answer to a key: the stored one, or that of `act`, stored with its effect.

    A `Refused` of `act` is stored as an answer, and what it wrote until then is undone; every
    other error is raised and stores nothing. Of two requests at once the later one hits the
    unique key, is run again by the rim and finds the answer. The body holds no code: whoever
    calls renders codes into what is returned.
    """
    key = {"tenant": tenant, "operation": tried.operation, "key": tried.key}
    stored = session.execute(_STORED, key).one_or_none()
    if stored is not None:
        return replay(tried, *stored)
    try:
        with session.begin_nested():
            answered = act()
    except Refused as refused:
        answered = Answered(refused.status, refused.problem())
    session.execute(insert(Answer), row(tenant, tried, answered, now))
    return answered


def prune(session: Session, now: datetime) -> int:
    """Forget some answers that were kept long enough; return how many."""
    old = session.execute(_OLD, {"before": now - KEPT}).all()
    if old:
        session.execute(delete(Answer).where(_KEY.in_([tuple(one) for one in old])))
    return len(old)


def replay(tried: Attempt, fingerprint: str, status: int, body: str) -> Answered:
    """Return the stored answer; raise `IdempotencyKeyReused` if it answered something else."""
    if fingerprint != tried.fingerprint:
        raise IdempotencyKeyReused("Use a new key for a new request.")
    return Answered(status, msgspec.json.decode(body), replayed=True)


def row(tenant: str, tried: Attempt, answered: Answered, now: datetime) -> dict[str, Any]:
    """Return the row that keeps an answer."""
    return {
        "tenant": tenant,
        "operation": tried.operation,
        "key": tried.key,
        "fingerprint": tried.fingerprint,
        "status": answered.status,
        "body": msgspec.json.encode(answered.body).decode(),
        "created_at": now,
    }


_KEY = tuple_(Answer.tenant, Answer.operation, Answer.key)
_STORED = select(Answer.fingerprint, Answer.status, Answer.body).where(
    Answer.tenant == bindparam("tenant"),
    Answer.operation == bindparam("operation"),
    Answer.key == bindparam("key"),
)
_OLD = (
    select(Answer.tenant, Answer.operation, Answer.key)
    .where(Answer.created_at < bindparam("before"))
    .limit(PRUNED_MAX)
)
