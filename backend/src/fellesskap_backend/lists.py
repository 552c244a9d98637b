"""Lists as one parameter of a statement, so that it is the same for any number of them.

A list that stands in the statement itself is written out, and planned, anew for each length.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    Boolean,
    Dialect,
    String,
    Subquery,
    bindparam,
    column,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from fellesskap_backend.db import Row


def dialect_of(session: Session) -> str:
    """Return the name of the session's database, for which there are statements of its own."""
    return session.get_bind().dialect.name


@cache
def pairs(dialect: str) -> Subquery:
    """Return pairs to join with, `first` and `second` as texts; which they are says `listed`."""
    told = text(_PAIRS[dialect])
    return told.columns(column("first", String), column("second", String)).subquery()


def listed(rows: Iterable[tuple[str, str | int]]) -> Row:
    """Return the parameters of a statement that joins with `pairs`."""
    return {"pairs": _json(list(rows))}


class Among(FunctionElement[bool]):
    """Whether a column is one of a list of texts."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> "Among":
        """Stand among conditions as it is: `… = 1`, as SQLite is told of others, finds no index."""
        return self


@compiles(Among)
def _among_json(element: Among, compiler: Any, **options: Any) -> str:
    column, listed = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - no values


@compiles(Among, "postgresql")
def _among_array(element: Among, compiler: Any, **options: Any) -> str:
    column, listed = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY ({listed})"


class _Texts(TypeDecorator[list[str]]):
    """A list of texts as the database at hand takes it apart: an array, or JSON."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        is_postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(String) if is_postgresql else String())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else _json(value)


def among(column: Any, name: str) -> Among:
    """Say whether a column is one of the texts of a parameter (a list)."""
    return Among(column, bindparam(name, type_=_Texts()))


_PAIRS = {
    "postgresql": "SELECT value->>0 AS first, value->>1 AS second"
    " FROM json_array_elements(CAST(:pairs AS json))",
    "sqlite": "SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS second"
    " FROM json_each(:pairs)",
}


def _json(told: Any) -> str:
    return msgspec.json.encode(told).decode()
