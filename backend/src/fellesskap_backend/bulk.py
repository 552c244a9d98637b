"""Many rows into one table by one statement.

On PostgreSQL they travel as one JSON text that the server takes apart (COPY would be no faster to
write and does not work under row-level security); SQLite, in the same process, takes them one by
one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import TextClause, insert, text
from sqlalchemy.orm import Session

from fellesskap_backend.db import Base, Row, table_of


def insert_all(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows, each with the same columns; none is fine."""
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        statement = _statement(model, tuple(rows[0]))
        told = [{name: _told(value) for name, value in row.items()} for row in rows]
        connection.execute(statement, {"rows": msgspec.json.encode(told).decode()})
    else:
        connection.execute(insert(table_of(model)), [dict(row) for row in rows])


def _told(value: Any) -> Any:
    """Write bytes as PostgreSQL reads them from a text."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


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


@cache
def _statement(model: type[Base], names: tuple[str, ...]) -> TextClause:
    """Return the statement that writes these columns."""
    columns = ", ".join(f'"{name}"' for name in names)
    table = table_of(model).name
    return text(
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'  # noqa: S608 - names of our own
        f' FROM json_populate_recordset(NULL::"{table}", CAST(:rows AS json))'
    )
