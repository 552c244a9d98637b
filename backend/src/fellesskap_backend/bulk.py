"""Many rows into one table by one statement, or one row into each of many tables.

On PostgreSQL they travel as one JSON text that the server takes apart (COPY would be no faster to
write and does not work under row-level security); SQLite, in the same process, takes them one by
one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    Insert,
    LargeBinary,
    Select,
    String,
    Subquery,
    TextClause,
    Update,
    bindparam,
    column,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from fellesskap_backend.db import Base, Row, table_of


def insert_all(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows, each with the same columns; none is fine."""
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_insert(model, tuple(rows[0])), {"rows": _rows_text(model, rows)})
    else:
        connection.execute(_insert_one(model), [dict(row) for row in rows])


def write_changed(session: Session, models: tuple[type[Base], ...]) -> None:
    """Write what changed of rows of some tables: rows with the same changes by one statement.

    A flush would send each row by itself. The session lets go of what these rows say, and reads it
    again for whoever looks at one.
    """
    changed: dict[tuple[type[Base], tuple[str, ...]], list[Base]] = {}
    for row in session.dirty:
        if isinstance(row, models):
            before = inspect(row).committed_state
            names = tuple(sorted(name for name in before if before[name] != getattr(row, name)))
            if names:  # else it was told what it said already
                changed.setdefault((type(row), names), []).append(row)
    for (model, names), rows in changed.items():
        _update_all(session, model, names, rows=rows)
        for row in rows:
            session.expire(row)


def _update_all(
    session: Session, model: type[Base], names: tuple[str, ...], *, rows: Sequence[Base]
) -> None:
    keys = tuple(column.name for column in table_of(model).primary_key)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        told = [{name: getattr(row, name) for name in (*keys, *names)} for row in rows]
        done = connection.execute(_update(model, keys, names), {"rows": _rows_text(model, told)})
        assert done.rowcount == len(rows), "a row is gone whose locker is locked"
    else:
        told = [
            {name: getattr(row, name) for name in names}
            | {_OLD + name: getattr(row, name) for name in keys}
            for row in rows
        ]
        connection.execute(_update_one(model, keys, names), told)


def dialect_of(session: Session) -> str:
    """Return the name of the session's database, for which there are statements of its own."""
    return session.get_bind().dialect.name


@cache
def pairs(dialect: str) -> Subquery:
    """Return pairs to join with, `first` and `second` as texts: one statement for any number.

    Which they are say the parameters `listed`. A list of pairs in the statement itself would be
    planned anew for each length.
    """
    told = text(_PAIRS[dialect])
    return told.columns(column("first", String), column("second", String)).subquery()


def listed(rows: Iterable[tuple[str, str | int]]) -> Row:
    """Return the parameters of a statement that joins with `pairs`."""
    return {"pairs": _text(list(rows))}


_PAIRS = {
    "postgresql": "SELECT value->>0 AS first, value->>1 AS second"
    " FROM json_array_elements(CAST(:pairs AS json))",
    "sqlite": "SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS second"
    " FROM json_each(:pairs)",
}


@dataclass
class Pending:
    """Rows that wait to be written together, of each table in the order in which they came.

    Nobody finds them before: whoever looks for one calls `write` first.
    """

    _rows: dict[type[Base], list[Row]] = field(default_factory=dict)

    def add(self, model: type[Base], row: Row) -> None:
        """Take a row; those of one table have the same columns."""
        self._rows.setdefault(model, []).append(row)

    def write(self, session: Session) -> None:
        """Write what waits."""
        rows, self._rows = self._rows, {}
        for model, some in rows.items():
            insert_all(session, model, some)


class Together:
    """One row into each of several tables, and one row changed, if any: together or not at all.

    On PostgreSQL it is one statement, so one round trip, with a row as JSON for each table: in one
    JSON text of all, PostgreSQL would look for each row from the beginning. A parameter for each
    value would make it longer than psycopg keeps (4,096 characters and 50 parameters), and it would
    be parsed anew each time.
    """

    def __init__(self, *inserts: type[Base], last: Update | None = None) -> None:
        self._inserts = inserts
        self._last = last
        self._combined: Update | Select[int] = select(literal(1)) if last is None else last
        for model in inserts:
            table = table_of(model)
            written = (one for one in table.columns if one is not table.autoincrement_column)
            names = tuple(column.name for column in written)
            made = _insert(model, names, f":into_{table.name}")
            self._combined = self._combined.add_cte(made.columns().cte(f"into_{table.name}"))

    def execute(self, session: Session, rows: Sequence[Row], last: Row | None = None) -> None:
        """Write the rows, in the order of the tables; `last` are the parameters of the change.

        A number that the database counts is not among a row's values.
        """
        connection = session.connection()
        each = zip(self._inserts, rows, strict=True)
        if connection.dialect.name == "postgresql":
            told = {f"into_{table_of(model).name}": _rows_text(model, [row]) for model, row in each}
            connection.execute(self._combined, {**told, **(last or {})})
            return
        for model, row in each:
            connection.execute(_insert_one(model), row)
        if self._last is not None:
            connection.execute(self._last, last)


@cache
def _insert(model: type[Base], names: tuple[str, ...], rows: str = ":rows") -> TextClause:
    """Return the statement that writes these columns from a JSON array of rows."""
    columns = ", ".join(f'"{name}"' for name in names)
    table = table_of(model).name
    return text(
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'  # noqa: S608 - names of our own
        f' FROM json_populate_recordset(NULL::"{table}", CAST({rows} AS json))'
    )


@cache
def _insert_one(model: type[Base]) -> Insert:
    return insert(table_of(model))


_OLD = "of_"
"""Before the name of a parameter that says of which row, not what becomes of it."""


@cache
def _update_one(model: type[Base], keys: tuple[str, ...], names: tuple[str, ...]) -> Update:
    """Return the statement that changes these columns of one row."""
    table = table_of(model)
    same = [table.c[name] == bindparam(_OLD + name) for name in keys]
    return update(table).where(*same).values({name: bindparam(name) for name in names})


@cache
def _update(model: type[Base], keys: tuple[str, ...], names: tuple[str, ...]) -> TextClause:
    """Return the statement that changes these columns from a JSON array of rows."""
    changes = ", ".join(f'"{name}" = told."{name}"' for name in names)
    table = table_of(model).name
    same = " AND ".join(f'"{table}"."{name}" = told."{name}"' for name in keys)
    return text(
        f'UPDATE "{table}" SET {changes}'  # noqa: S608 - names of our own
        f' FROM json_populate_recordset(NULL::"{table}", CAST(:rows AS json)) AS told WHERE {same}'
    )


@cache
def _holds_bytes(model: type[Base]) -> bool:
    return any(isinstance(one.type, LargeBinary) for one in table_of(model).columns)


def _rows_text(model: type[Base], rows: Sequence[Row]) -> str:
    """Write rows as JSON; few tables have bytes, and the rows of the others go as they are."""
    return _text([*map(_told, rows)] if _holds_bytes(model) else rows)


def _told(row: Row) -> Row:
    """Write bytes as PostgreSQL reads them from a text."""
    return {
        name: f"\\x{value.hex()}" if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _text(told: Any) -> str:
    return msgspec.json.encode(told).decode()
