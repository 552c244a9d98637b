"""The row of an act, written in its transaction; and the acts of a thing, read.

An act is told with its reason to operators alone: a carrier hears in its own words what became of
its parcel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import NOBODY, Caller, Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.paging import Page, Slice, slice_of

NEWEST = 20
"""Acts that are shown with a thing; all of them: `GET /v1/operator/acts`."""
BY_COMMAND = "command"
"""Who acted, where it was no API key but a command of `fellesskap-backend`."""
BY_WORKER = "worker"
"""Who acted, where it was nobody: what the worker writes by the rules, and is held to."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Upon:
    """What an act is done to."""

    locker_id: str | None = None
    compartment: int | None = None
    parcel_id: UUID | None = None
    site_id: UUID | None = None


@dataclass(frozen=True)
class Doing:
    """An operator's request: the transaction, whose key, when and why."""

    session: Session
    by: Caller
    moment: Moment
    reason: str = field(repr=False)

    @classmethod
    def of(cls, session: Session, credentials: Credentials, reason: str, moment: Moment) -> "Doing":
        """Return it for an operator's key; raise `Unauthorized` or `Forbidden`."""
        return cls(session, caller(session, credentials, "operator"), moment, reason)

    @classmethod
    def by_command(cls, session: Session, reason: str, moment: Moment) -> "Doing":
        """Return it for whoever runs the installation's commands: no key of the API."""
        return cls(session, Caller(BY_COMMAND, "operator", NOBODY, 0), moment, reason)

    @classmethod
    def by_worker(cls, session: Session, reason: str, moment: Moment) -> "Doing":
        """Return it for what the worker does by itself."""
        return cls(session, Caller(BY_WORKER, "operator", NOBODY, 0), moment, reason)

    def note(self, act: str, upon: Upon, **details: Any) -> None:
        """Write down that it was done."""
        self.session.add(
            OperatorAct(
                id=self.moment.new_id(),
                at=self.moment.now,
                by_prefix=self.by.prefix,
                by_owner=self.by.owner_id,
                act=act,
                reason=self.reason,
                locker_id=upon.locker_id,
                compartment=upon.compartment,
                parcel_id=upon.parcel_id,
                site_id=upon.site_id,
                details=details,
            )
        )


def list_all(session: Session, credentials: Credentials, upon: Upon, *, page: Page) -> Slice:
    """Return one page of acts, newest first; those of one thing, or all."""
    caller(session, credentials, "operator")
    statement = select(OperatorAct.id, OperatorAct)
    for name, wanted in vars(upon).items():
        if wanted is not None:
            statement = statement.where(getattr(OperatorAct, name) == wanted)
    return slice_of(
        session, statement, page, by=OperatorAct.id, show=lambda row: shown(row.OperatorAct)
    )


def newest(session: Session, upon: Upon) -> list[Row]:
    """Return the newest acts that were done to a thing."""
    statement = select(OperatorAct).order_by(OperatorAct.id.desc()).limit(NEWEST)
    for name, wanted in vars(upon).items():
        if wanted is not None:
            statement = statement.where(getattr(OperatorAct, name) == wanted)
    rows: Sequence[OperatorAct] = session.scalars(statement).all()
    return [shown(row) for row in rows]


def shown(row: OperatorAct) -> Row:
    """Show an act."""
    return {
        "id": str(row.id),
        "at": instant(row.at),
        "by": row.by_prefix,
        "by_owner": str(row.by_owner),
        "act": row.act,
        "reason": row.reason,
        "locker_id": row.locker_id,
        "compartment": row.compartment,
        "parcel_id": str(row.parcel_id) if row.parcel_id else None,
        "site_id": str(row.site_id) if row.site_id else None,
        "details": row.details,
    }
