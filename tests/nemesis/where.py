"""In which step a kill hit: read from what the part, or the database, left in that moment."""

import re
from pathlib import Path
from typing import Any

import psycopg

from fellesskap_edge.journal_reader import read

BUSY = """
SELECT query, state FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
  AND backend_type = 'client backend'
"""
PASSED_S = 0.05
"""What passed the broker's lines so shortly before counts as being in its hands."""
_STEPS = (
    (re.compile(r"^(COMMIT|ROLLBACK|BEGIN)"), "{}"),
    (re.compile(r"INSERT INTO \W?_?(\w+?)_?\W"), "write {}"),
    (re.compile(r"^UPDATE (\w+)"), "update {}"),
    (re.compile(r"^DELETE FROM (\w+)"), "delete {}"),
    (re.compile(r"FROM (\w+)"), "read {}"),
)


def of_query(query: str) -> str:
    """Name the step of a statement.

    >>> of_query("INSERT INTO reservations (id) VALUES ($1)"), of_query("COMMIT")
    ('write reservations', 'commit')
    >>> of_query("SELECT epochs.epoch FROM epochs WHERE true")
    'read epochs'
    """
    for pattern, step in _STEPS:
        found = pattern.search(query.strip())
        if found:
            return step.format(found.group(1).lower())
    return "another statement"


def of_database(admin: "psycopg.Connection[Any]") -> set[str]:
    """Return in which steps its transactions are, by `pg_stat_activity`."""
    return {
        f"{'in' if state == 'active' else 'after'} {of_query(query)}"
        for query, state in admin.execute(BUSY).fetchall()
    }


def of_edge(store: Path) -> set[str]:
    """Name the last entry of a daemon's journal, and what was in hand, by its own store."""
    report = read(store)
    last = "nothing"
    for row in report.events:
        last = row.type
    in_hand = report.facts.get("operation", 0)
    return {f"after {last}" + (", a door in hand" if in_hand else "")}


def of_broker(passing: list[tuple[float, str]], now: float) -> set[str]:
    """Name what was in the broker's hands."""
    return {said for at, said in passing[-20:] if now - at < PASSED_S} or {"quiet"}
