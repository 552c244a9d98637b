"""The chains of decisions, walked."""

from itertools import chain as both
from itertools import groupby
from typing import Any, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import instant, table_of
from fellesskap_backend.decisions.record import Head, Link, altered
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker

AT_ONCE = 1_000
"""Rows that are held in memory at a time."""


class Walked(TypedDict):
    """What a walk over the chains found."""

    lockers: int
    decisions: int
    altered: list[str]
    """Of each chain that does not hold the first decision: `oslo-1: decision 7`."""


def verify(session: Session, *, locker_id: str | None = None) -> Walked:
    """Walk the chains of all lockers, or of one; name the first altered decision of each.

    One statement, and so one snapshot: what is decided meanwhile is not half seen.
    """
    statement = _WALK if locker_id is None else _WALK.where(Locker.id == locker_id)
    rows = session.execute(statement.execution_options(yield_per=AT_ONCE))
    walked = Walked(lockers=0, decisions=0, altered=[])
    for at, chain in groupby(rows, key=lambda row: str(row.at_locker)):
        first = next(chain)
        walked["lockers"] += 1
        walked["decisions"] += first.decided
        links = (link(row) for row in both((first,), chain) if row.number is not None)
        wrong = list(altered(links, Head(first.decided, first.decision_hash)))
        if wrong:
            walked["altered"].append(f"{at}: decision {min(wrong)}")
    return walked


def link(row: Any) -> Link:
    """Return a row of the table as a link of its chain."""
    beside = {
        "id": str(row.id),
        "locker_id": row.locker_id,
        "number": row.number,
        "carrier_id": str(row.carrier_id),
        "at": instant(row.decided_at),
    }
    return Link(row.number, row.body, beside)


_WALK = (
    select(
        Locker.id.label("at_locker"),
        Locker.decided,
        Locker.decision_hash,
        *table_of(Decision).columns,
    )
    .outerjoin(Decision, Decision.locker_id == Locker.id)
    .order_by(Locker.id, Decision.number.desc())
)
