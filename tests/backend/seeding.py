"""A row in every table of a database as it is now, whatever its columns are: for migrations.

Columns are filled by their type and name, so that a table of a revision to come is filled too.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData, Table

VERSION = "alembic_version"
TEXTS = {
    "role": "carrier",
    "kind": "last_mile",
    "hold": "hard",
    "code_at": "deposit",
    "clock": "trusted",
    "locker_id": "oslo-{}",
    "state": "expected",
}
"""What a column of this name says; others say their own name and the row's number."""
STATES = {"reservations": "confirmed", "door_operations": "issued"}
Row = dict[str, Any]


def tables(connection: Connection) -> list[Table]:
    """Return the tables that there are, those that others point to first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != VERSION]


def seed(connection: Connection, number: int) -> None:
    """Put one row into each table; rows of one number belong together."""
    for table in tables(connection):
        row = {column.name: _value(table, column, number) for column in table.columns}
        for column in table.columns:
            if column.autoincrement is True or _counts_itself(table, column):
                del row[column.name]
        connection.execute(table.insert().values(row))


def counted(connection: Connection) -> dict[str, int]:
    """Count the rows of each table."""
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in tables(connection)
    }


def shape(connection: Connection) -> dict[str, Any]:
    """Describe tables, columns and indexes, so that two databases can be compared."""
    looking = sa.inspect(connection)
    found: dict[str, Any] = {}
    for name in looking.get_table_names():
        columns = {
            one["name"]: (str(one["type"]), one["nullable"]) for one in looking.get_columns(name)
        }
        indexes = sorted(str(one["name"]) for one in looking.get_indexes(name))
        found[name] = (columns, indexes, looking.get_pk_constraint(name)["constrained_columns"])
    return found


def _counts_itself(table: Table, column: sa.Column[Any]) -> bool:
    return column.name == "id" and isinstance(column.type, sa.Integer) and column.primary_key


AT = datetime(2027, 3, 1, 8, tzinfo=UTC)
_BY_TYPE: tuple[tuple[type[sa.types.TypeEngine[Any]], Any], ...] = (
    (sa.JSON, []),
    (sa.Boolean, False),
    (sa.DateTime, AT),
    (sa.LargeBinary, b"{}"),
)


def _value(table: Table, column: sa.Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, sa.Uuid):
        return UUID(int=number)
    if isinstance(kind, sa.CHAR) and kind.length == 32:  # how SQLite keeps a UUID
        return UUID(int=number).hex
    if isinstance(kind, sa.Integer | sa.Float | sa.Numeric):
        return number
    if isinstance(kind, sa.DateTime) and column.primary_key:
        return AT + timedelta(hours=number)
    if isinstance(kind, sa.Date):
        return AT.date() + timedelta(days=number)
    known = (value for one, value in _BY_TYPE if isinstance(kind, one))
    return next(known, None) if not isinstance(kind, sa.String) else _text(table, column, number)


def _text(table: Table, column: sa.Column[Any], number: int) -> str:
    if column.name == "state":
        return STATES.get(table.name, TEXTS["state"])
    if column.foreign_keys and column.name == "locker_id":
        return f"oslo-{number}"
    if table.name == "lockers" and column.name == "id":
        return f"oslo-{number}"
    return TEXTS.get(column.name, f"{column.name}-{{}}").format(number)
