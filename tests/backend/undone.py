"""The rows that a transaction would leave, to compare two ways that ought to come to the same."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.db import table_of
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Authorisation, Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from tests.conftest import TIER

T = TypeVar("T")
Rows = dict[str, list[Any]]
TABLES = (
    *(Locker, Compartment, Entry, Parcel, ParcelEntry, Reservation, Claim, Right),
    *(RightCode, Authorisation, Notice, DoorOperation),
)
LEFT_OUT = {"id", "body", "contact_at"}
"""Columns that hold ids drawn by chance, bodies with such ids in them, and when a batch came."""
COMPARING = settings(
    max_examples={"full": 500}.get(TIER, 25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""How such a comparison is run: its database stays, for every example undoes what it did."""


class _Enough(Exception):
    """The rows were seen; they are not to be committed."""


def undone(engine: Engine, work: Callable[[Session], T]) -> tuple[T, Rows]:
    """Do something in a transaction, look at all rows, and undo it."""

    def look(session: Session) -> None:
        done = work(session)
        session.flush()
        raise _Enough(done, {one.__tablename__: _rows(session, one) for one in TABLES})

    with pytest.raises(_Enough) as enough:
        db.run(engine, look)
    done, rows = enough.value.args
    return done, rows


def _rows(session: Session, model: type[db.Base]) -> list[Any]:
    """Return rows in the order of their making, where that is told, without what chance draws."""
    table = table_of(model)
    counted = table.autoincrement_column
    columns = [one for one in table.columns if one.name not in LEFT_OUT and one is not counted]
    rows = session.execute(select(*columns).order_by(counted)).mappings()
    found = [{name: str(value) for name, value in row.items()} for row in rows]
    return found if counted is not None else sorted(found, key=str)
