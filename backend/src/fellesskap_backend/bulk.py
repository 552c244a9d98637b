"""Many rows into one table by one statement.

On PostgreSQL they travel as one JSON text that the server takes apart (COPY would be no faster to
write and does not work under row-level security); SQLite, in the same process, takes them one by
one.
"""

from collections.abc import Sequence
from functools import cache

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
        connection.execute(statement, {"rows": msgspec.json.encode(rows).decode()})
    else:
        connection.execute(insert(table_of(model)), [dict(row) for row in rows])


@cache
def _statement(model: type[Base], names: tuple[str, ...]) -> TextClause:
    """Return the statement that writes these columns."""
    columns = ", ".join(f'"{name}"' for name in names)
    table = table_of(model).name
    return text(
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'  # noqa: S608 - names of our own
        f' FROM json_populate_recordset(NULL::"{table}", CAST(:rows AS json))'
    )
