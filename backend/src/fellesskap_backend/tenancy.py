"""Whose rows a transaction sees in PostgreSQL: those of one carrier, or the whole house.

The policies are the migrations' (`v0011_row_security`); here is who is looking. Where nobody was
named, nothing is seen. SQLite has no row security: there the services' own conditions stand alone,
as they must anyway.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import InternalTraversal

CARRIER = "fellesskap.carrier"
"""The setting with the id of the carrier who looks; several, with commas, for who acts for more."""
HOUSE = "fellesskap.house"
"""`on` for whoever works for all: bridge, worker, commands, and people with an operator's key."""
CONNECT_ARGS = {"options": f"-c {HOUSE}=on"}
"""How a connection of the house's own begins (libpq)."""


def see(session: Session, *carriers: UUID) -> None:
    """Let a transaction see the rows of these carriers: of all whom a delegation concerns."""
    if session.get_bind().dialect.name == "postgresql":
        whose = ",".join(str(one) for one in carriers)
        session.execute(select(func.set_config(CARRIER, whose, True)))


class Sees(ColumnElement[str]):
    """A column of the statement that finds a key: from then on the transaction sees its rows.

    It rides in that statement, so that it costs no round trip. A key of no carrier sees all.
    """

    inherit_cache = True
    type = String()
    _traverse_internals = [("carrier_id", InternalTraversal.dp_clauseelement)]  # noqa: RUF012

    def __init__(self, carrier_id: Any) -> None:
        self.carrier_id = carrier_id


@compiles(Sees)
def _nothing(_element: Sees, _compiler: Any, **_: Any) -> str:
    return "NULL"


@compiles(Sees, "postgresql")
def _set(element: Sees, compiler: Any, **options: Any) -> str:
    whose = compiler.process(element.carrier_id, **options)
    of_house = f"CASE WHEN {whose} IS NULL THEN 'on' ELSE '' END"
    return (
        f"set_config('{CARRIER}', coalesce(CAST({whose} AS text), ''), true)"
        f" || set_config('{HOUSE}', {of_house}, true)"
    )
