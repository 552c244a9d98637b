"""Long lists in pages: newest first, by id, so that what is added meanwhile shifts nothing.

Ids are UUIDv7 and so in the order of time. A cursor is the last id seen; it carries no right and
no filter, and whoever makes one up sees a piece of his own list.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from fellesskap_backend.db import first_id
from fellesskap_protocol.signing import b64url

LIMIT_MAX = 200
LIMIT = 50
CURSOR_PATTERN = r"^[A-Za-z0-9_-]{22}$"

Selecting = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Page:
    """How many, and after which id."""

    limit: int = LIMIT
    after: UUID | None = None


@dataclass(frozen=True)
class Slice:
    """One page: what is shown, and the cursor of the next one; None at the end."""

    shown: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True)
class Wanted:
    """Which rows of a list are asked for; None: all."""

    state: str | None = None
    locker_id: str | None = None
    label: str | None = None
    reference: str | None = None
    made_from: datetime | None = None
    made_until: datetime | None = None
    """Of what is made by us alone, whose ids are of the moment it was made in."""

    def narrowed(self, statement: Selecting, model: type[Any]) -> Selecting:
        """Leave out what is of another state or locker; the rest is each noun's own."""
        if self.state is not None:
            statement = statement.where(model.state == self.state)
        if self.locker_id is not None:
            statement = statement.where(model.locker_id == self.locker_id)
        if self.made_from is not None:  # the ids alone have an index
            statement = statement.where(model.id >= first_id(self.made_from))
            statement = statement.where(model.created_at >= self.made_from)
        if self.made_until is not None:
            statement = statement.where(model.created_at < self.made_until)
        return statement


def page_of(limit: int, cursor: str | None) -> Page:
    """Read what was asked for; `cursor` matches `CURSOR_PATTERN`."""
    after = None if cursor is None else UUID(bytes=urlsafe_b64decode(f"{cursor}=="))
    return Page(limit, after)


def slice_of(
    session: Session,
    statement: Selecting,
    page: Page,
    *,
    by: InstrumentedAttribute[UUID],
    show: Callable[[Row[Any]], dict[str, Any]],
) -> Slice:
    """Read one page of what a statement selects; `by` is the id, and a column of it named `id`."""
    statement = statement.order_by(by.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(by < page.after)
    rows = session.execute(statement).all()
    more = len(rows) > page.limit
    shown = rows[: page.limit]
    return Slice([show(row) for row in shown], b64url(shown[-1].id.bytes) if more else None)
