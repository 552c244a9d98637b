"""How PostgreSQL finds what a request asks of it: each statement's plan, taken as it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
_LOOKED_AT_IN_VAIN = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
_NOT_PLANNED = ("BEGIN", "SET", "SAVEPOINT", "ROLLBACK", "RELEASE")


@dataclass(frozen=True)
class Step:
    """One table as it was read or written: how, by which index, and how many rows it looked at."""

    how: str
    table: str
    index: str
    rows: int


@dataclass(frozen=True)
class Plan:
    """What became of one statement: its steps, pages it touched, and milliseconds."""

    statement: str
    steps: tuple[Step, ...]
    pages: int
    spent_ms: float


@contextmanager
def plans_of(engine: Engine) -> Iterator[list[Plan]]:
    """Explain each statement of an engine on PostgreSQL before it runs, for the length of a `with`.

    By the same connection, so with its role and its policies of rows; what it did is undone.
    """
    found: list[Plan] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith(_NOT_PLANNED):
            return
        with connection.connection.driver_connection.cursor() as beside:
            beside.execute("SAVEPOINT explained")
            beside.execute(_EXPLAIN + statement, values)
            ((told,),) = beside.fetchone()
            beside.execute("ROLLBACK TO SAVEPOINT explained")
        top = told["Plan"]
        pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        steps = tuple(_steps(top))
        found.append(Plan(statement, steps, pages, told["Execution Time"]))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _steps(node: dict[str, Any]) -> Iterator[Step]:
    """Yield what a plan does to tables, outermost first; what never ran is left out."""
    loops, table = node["Actual Loops"], node.get("Relation Name")
    inner = node.get("Plans", [])
    if loops and table:
        how = node["Operation"] if node["Node Type"] == "ModifyTable" else node["Node Type"]
        index = node.get("Index Name") or (inner and inner[0].get("Index Name")) or ""
        looked_at = node["Actual Rows"] + sum(node.get(one, 0) for one in _LOOKED_AT_IN_VAIN)
        yield Step(how, table, index, round(looked_at * loops))
    for one in inner:
        yield from _steps(one)
