"""The same Idempotency-Key gives the same answer and one effect.

The answer is a row of the transaction that had the effect. A refusal is an answer too; what was
never an answer (422, 404, 5xx) leaves the key free.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base
from fellesskap_backend.errors import IdempotencyKeyReused

KEY_PATTERN = r"^[!-~]{1,255}$"


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


def replay(tried: Attempt, fingerprint: str, status: int, body: str) -> Answered:
    """Return the stored answer; raise `IdempotencyKeyReused` if it answered something else."""
    if fingerprint != tried.fingerprint:
        raise IdempotencyKeyReused("Use a new key for a new request.")
    return Answered(status, json.loads(body), replayed=True)


def row(tenant: str, tried: Attempt, answered: Answered, now: datetime) -> dict[str, Any]:
    """Return the row that keeps an answer."""
    return {
        "tenant": tenant,
        "operation": tried.operation,
        "key": tried.key,
        "fingerprint": tried.fingerprint,
        "status": answered.status,
        "body": json.dumps(answered.body, separators=(",", ":")),
        "created_at": now,
    }
