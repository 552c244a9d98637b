"""Whether a locker has heard: what its journal says it applied, against what is wished."""

from typing import Literal
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.tables import Right

Effective = Literal["pending", "in_force"]
APPLIED = tuple_(Locker.applied_generation, Locker.applied_revision) >= tuple_(
    Locker.generation, Right.revision
)
"""Whether the last change of a right is in force at its locker."""


def effective(session: Session, locker_id: str, right_id: UUID) -> Effective:
    """Say whether the last change of a right is in force at its locker."""
    applied = session.scalar(
        select(APPLIED)
        .join(Right, Right.locker_id == Locker.id)
        .where(Locker.id == locker_id, Right.id == right_id)
    )
    return "in_force" if applied else "pending"
