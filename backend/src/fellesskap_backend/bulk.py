"""Many rows into one table by one statement, or one row into each of many tables.

On PostgreSQL they travel as one JSON text that the server takes apart (COPY would be no faster to
write and does not work under row-level security); SQLite, in the same process, takes them one by
one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import (
    Insert,
    LargeBinary,
    TextClause,
    Update,
    bindparam,
    insert,
    text,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state

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

    A flush would send each row by itself. To the session these rows are as if they had been read
    so; if what is written here is rolled back, whoever does that expires them.
    """
    changed: dict[tuple[type[Base], tuple[str, ...]], list[Base]] = {}
    for row in session.dirty:
        if isinstance(row, models):
            state = instance_state(row)
            before, says = state.committed_state, state.dict
            names = tuple(sorted(name for name in before if before[name] != says[name]))
            if names:  # else it was told what it said already
                changed.setdefault((type(row), names), []).append(row)
    for (model, names), rows in changed.items():
        told = (*_keys_of(model), *names)
        every = [instance_state(row).dict for row in rows]
        update_all(session, model, names, [{name: says[name] for name in told} for says in every])
        for row in rows:
            state = instance_state(row)
            # What a flush does. To expire a row costs five times that, and it may be read again.
            state._commit_all(state.dict, session.identity_map)


def update_all(
    session: Session, model: type[Base], names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Change these columns of rows, which are told with their keys; none is fine.

    Whoever calls has read them and holds their locker's lock, so that none can be gone.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        sent = {"rows": _rows_text(model, rows), "count": len(rows)}
        done = connection.execute(_update(model, names), sent)
        assert done.rowcount == len(rows), "a row is gone whose locker is locked"
    else:
        told = [
            {name: row[name] for name in names}
            | {_OLD + name: row[name] for name in _keys_of(model)}
            for row in rows
        ]
        connection.execute(_update_one(model, names), told)


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
    """Rows into each of several tables, and rows of one table changed: together or not at all.

    On PostgreSQL it is one statement, so one round trip, with the rows of each table as JSON: of
    one JSON text for all, PostgreSQL would look for each row from the beginning. A parameter for
    each value would make it longer than psycopg keeps (4,096 characters and 50 parameters), and it
    would be parsed anew each time.
    """

    def __init__(self, *inserts: type[Base], change: tuple[type[Base], tuple[str, ...]]) -> None:
        self._inserts = {model: _written(model) for model in inserts}
        self._model, self._names = change
        self._combined = text(
            "WITH "
            + ", ".join(
                f"{_into(model)} AS ({_insert_text(model, names, f':{_into(model)}')})"
                for model, names in self._inserts.items()
            )
            + f" {_update_text(self._model, self._names)}"
        )

    def execute(
        self, session: Session, rows: Mapping[type[Base], Sequence[Row]], changes: Sequence[Row]
    ) -> None:
        """Write rows, table by table, then the changes; what a row leaves out is NULL.

        A number that the database counts is not among a row's values.
        """
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            told: dict[str, str | int] = {
                _into(model): _rows_text(model, rows.get(model, ())) for model in self._inserts
            }
            changed = _rows_text(self._model, changes)
            told |= {"rows": changed, "count": len(changes)}
            connection.execute(self._combined, told)
            return
        for model in self._inserts:
            for _, alike in groupby(rows.get(model, ()), key=tuple):
                insert_all(session, model, list(alike))
        update_all(session, self._model, self._names, changes)


@cache
def _keys_of(model: type[Base]) -> tuple[str, ...]:
    return tuple(column.name for column in table_of(model).primary_key)


def _into(model: type[Base]) -> str:
    return f"into_{model.__tablename__}"


def _written(model: type[Base]) -> tuple[str, ...]:
    """Return the columns of a new row, but for a number that the database counts."""
    table = table_of(model)
    return tuple(one.name for one in table.columns if one is not table.autoincrement_column)


@cache
def _insert(model: type[Base], names: tuple[str, ...]) -> TextClause:
    return text(_insert_text(model, names, ":rows"))


def _insert_text(model: type[Base], names: tuple[str, ...], rows: str) -> str:
    """Return the statement that writes these columns from a JSON array of rows."""
    columns = ", ".join(f'"{name}"' for name in names)
    table = table_of(model).name
    return (
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'  # noqa: S608 - names of our own
        f' FROM json_populate_recordset(NULL::"{table}", CAST({rows} AS json))'
    )


@cache
def _insert_one(model: type[Base]) -> Insert:
    return insert(table_of(model))


_OLD = "of_"
"""Before the name of a parameter that says of which row, not what becomes of it."""


@cache
def _update_one(model: type[Base], names: tuple[str, ...]) -> Update:
    """Return the statement that changes these columns of one row."""
    table = table_of(model)
    same = [table.c[name] == bindparam(_OLD + name) for name in _keys_of(model)]
    return update(table).where(*same).values({name: bindparam(name) for name in names})


@cache
def _update(model: type[Base], names: tuple[str, ...]) -> TextClause:
    return text(_update_text(model, names))


def _update_text(model: type[Base], names: tuple[str, ...]) -> str:
    """Return the statement that changes these columns from a JSON array of rows.

    Told how many they are, PostgreSQL finds them by their keys; it would take them for a hundred,
    and read the whole of a table of some thousands.
    """
    changes = ", ".join(f'"{name}" = told."{name}"' for name in names)
    table = table_of(model).name
    same = " AND ".join(f'"{table}"."{name}" = told."{name}"' for name in _keys_of(model))
    return (
        f'UPDATE "{table}" SET {changes}'  # noqa: S608 - names of our own
        f' FROM (SELECT * FROM json_populate_recordset(NULL::"{table}", CAST(:rows AS json))'
        f" LIMIT CAST(:count AS integer)) AS told WHERE {same}"
    )


@cache
def _bytes_of(model: type[Base]) -> frozenset[str]:
    return frozenset(
        one.name for one in table_of(model).columns if isinstance(one.type, LargeBinary)
    )


def _rows_text(model: type[Base], rows: Sequence[Row]) -> str:
    """Write rows as JSON, bytes as PostgreSQL reads them from a text; few tables have any."""
    names = _bytes_of(model).intersection(*rows[:1])
    for name in names:
        rows = [{**row, name: row[name] and f"\\x{row[name].hex()}"} for row in rows]
    return _text(rows)


def _text(told: Any) -> str:
    return msgspec.json.encode(told).decode()
