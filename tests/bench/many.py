"""Many lockers in PostgreSQL, by SQL: copies of the first one, and claims at each."""

import psycopg
from psycopg import sql


def multiply(connection: psycopg.Connection, lockers: int) -> None:
    """Put up as many lockers as are wanted like `bench-0`, with its compartments."""
    for table, column in (("lockers", "id"), ("compartments", "locker_id")):
        names = columns_of(connection, table)
        values = [
            sql.SQL("'bench-' || n") if name == column else sql.Identifier(name) for name in names
        ]
        connection.execute(
            sql.SQL(
                "INSERT INTO {table} ({names}) SELECT {values}"
                " FROM {table}, generate_series(1, %s - 1) AS n WHERE {column} = 'bench-0'"
            ).format(
                table=sql.Identifier(table),
                names=sql.SQL(", ").join(map(sql.Identifier, names)),
                values=sql.SQL(", ").join(values),
                column=sql.Identifier(column),
            ),
            (lockers,),
        )


def columns_of(connection: psycopg.Connection, table: str) -> list[str]:
    """Return the names of a table's columns, in order."""
    found = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table)))
    assert found.description is not None
    return [one.name for one in found.description]


def hold(connection: psycopg.Connection, lockers: int, held: int) -> None:
    """Let so many claims hold room at each locker."""
    connection.execute(
        "INSERT INTO claims (right_id, locker_id, carrier_number, w_mm, h_mm, d_mm, g, needs,"
        " released) SELECT gen_random_uuid(), 'bench-' || n, 1, 300, 100, 200, 900, '[]', false"
        " FROM generate_series(0, %s - 1) AS n, generate_series(1, %s)",
        (lockers, held),
    )
