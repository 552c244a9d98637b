"""In which step a kill hit: read from what the part, or the database, left in that moment."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from fellesskap_edge.journal_reader import read

BUSY = """
SELECT query, state, wait_event FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (state <> 'idle' OR query ~* '^(commit|rollback)')
"""
PASSED_S = 0.05
"""What passed the broker's lines so shortly before counts as being in its hands."""
_STEPS = (
    (r"^COMMIT", "commit"),
    (r"^ROLLBACK", "roll back"),
    (r"^BEGIN", "begin"),
    (r"into_reservations|INSERT INTO reservations", "write a reservation"),
    (r"INSERT INTO .*ledger", "write the ledger"),
    (r"FROM feed_counters|UPDATE notices|UPDATE feed_counters", "number the feed"),
    (r"^UPDATE api_keys|FROM api_keys", "check a key"),
    (r"FROM answers|INSERT INTO answers", "look for an answer"),
    (r"door_operations", "door operation"),
    (r"epochs|ledger", "take a journal in"),
    (r"^UPDATE", "update"),
    (r"^INSERT|^WITH", "insert"),
    (r"^SELECT", "read"),
)


def of_query(query: str) -> str:
    """Name the step of a statement.

    >>> of_query("INSERT INTO reservations (id) VALUES ($1)"), of_query("COMMIT")
    ('write a reservation', 'commit')
    """
    for pattern, step in _STEPS:
        if re.search(pattern, query.strip(), re.IGNORECASE):
            return step
    return "other"


def of_database(admin: "psycopg.Connection[Any]") -> Counter[str]:
    """Count in which steps its transactions are, by `pg_stat_activity`."""
    found: Counter[str] = Counter()
    import os

    for query, state, waits in admin.execute(BUSY).fetchall():
        if os.environ.get("NEMQ") and state != "idle":
            open(os.environ["NEMQ"], "a").write(
                f"{of_query(query)} | {state} | {waits} | {' '.join(query.split())[:200]}\n"
            )
        step = of_query(query)
        if state == "idle":
            continue
        if state == "active" and waits in ("WALSync", "WalSync"):
            step = "commit, flushing"
        elif state == "idle in transaction":
            step = f"after: {step}"
        found[step] += 1
    return found


def of_edge(store: Path) -> str:
    """Name the last entry of a daemon's journal, and what was in hand, by its own store."""
    report = read(store)
    last = "nothing"
    for row in report.events:
        last = row.type
    in_hand = report.facts.get("operation", 0)
    return f"after {last}" + (", a door in hand" if in_hand else "")


def of_broker(passing: list[tuple[float, str]], now: float) -> str:
    """Name what was in the broker's hands."""
    lately = sorted({said for at, said in passing[-20:] if now - at < PASSED_S})
    return ", ".join(lately) or "quiet"
