"""Real errors of the database at a chosen step of whatever uses an engine.

A step is a statement or a commit. PostgreSQL's server itself raises what it is asked to, so that
the transaction is over as it would be; SQLite's driver has one text for what it means.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{}'; END $$"
AT_COMMIT = (
    "CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = NEW.code; END $$",
    "CREATE TEMPORARY TABLE failing (code text)",
    "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON failing DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION pg_temp.fail()",
)
"""What lets the COMMIT itself fail; it takes all of this with it."""
INSERT = "INSERT INTO failing VALUES ('{}')"
OURS = re.compile(r"CREATE |INSERT INTO failing")
RETRYABLE = {"postgresql": ("40001", "40P01"), "sqlite": ("locked",)}


class Faults:
    """Counts the steps of some engines, or of every engine, and lets one of them fail once."""

    def __init__(self, *targets: Engine | type[Engine]) -> None:
        self._targets = set(targets)
        self._fail_at: int | None = None
        self._code = ""
        self._stays = False
        self.seen = 0
        self.fired = 0

    @contextmanager
    def watching(self) -> Iterator["Faults"]:
        """Listen for the length of a `with`."""
        heard = [
            (target, name, listener)
            for target in self._targets
            for name, listener in (
                ("do_execute", self._step),
                ("do_executemany", self._step),
                ("commit", self._commit),
            )
        ]
        for one in heard:
            event.listen(*one)
        try:
            yield self
        finally:
            for one in heard:
                event.remove(*one)

    def arm(self, step: int, code: str, *, stays: bool = False) -> None:
        """Let the given step from now on fail, from 1; if it `stays`, all that follow too."""
        self._fail_at, self._code, self._stays = step, code, stays
        self.seen = self.fired = 0

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._fail_at = None

    def _is_due(self) -> bool:
        self.seen += 1
        if self._fail_at is None:
            return False
        due = self.seen >= self._fail_at if self._stays else self.seen == self._fail_at
        self.fired += due
        return due

    def _step(self, cursor: Any, statement: str, _parameters: Any, _context: Any) -> None:
        if not OURS.match(statement) and self._is_due():
            if isinstance(cursor, sqlite3.Cursor):
                raise sqlite3.OperationalError(f"database is {self._code}")
            cursor.execute(RAISE.format(self._code))

    def _commit(self, connection: Connection) -> None:
        if not self._is_due():
            return
        if connection.dialect.name == "sqlite":
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("database is locked"))
        for statement in (*AT_COMMIT, INSERT.format(self._code)):
            connection.exec_driver_sql(statement)
