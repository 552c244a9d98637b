"""PURE: what an error of the database means: try again, come back later, or never mind the event.

Both drivers' errors are told apart here and nowhere else.
"""

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

_RETRYABLE_SQLSTATES = ("40001", "40P01", "23505")
_AWAY_SQLSTATES = ("57P01", "57P02", "57P03", "53300")
"""Shut down, crashed, starting, no connection left."""
_PASSING_CLASSES = ("40", "53", "55", "57", "58")
_PASSING_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM")


def retryable(error: BaseException) -> bool:
    """Say whether the same transaction may succeed when it is run again.

    Serialisation failure, deadlock and a busy SQLite; a unique violation too: who came second
    finds the other's row when it looks again.
    """
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error, IntegrityError) and "UNIQUE constraint" in str(error.orig):
        return True
    if getattr(error.orig, "sqlstate", None) in _RETRYABLE_SQLSTATES:
        return True
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def is_away(error: BaseException) -> bool:
    """Say whether the database could not be reached, or went away with the transaction.

    Whether a commit that was under way came through is then not known: whoever asked must ask
    again, by the same key. psycopg gives no SQLSTATE where the connection itself failed.
    """
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", "")
    if state is None:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return state.startswith("08") or state in _AWAY_SQLSTATES


def is_passing(error: BaseException) -> bool:
    """Say whether an error is the database's own trouble, and says nothing of what was asked.

    The classes are PostgreSQL's: transaction rollback, resources, locks and limits, operators, the
    system; and what SQLite says of a busy, full or broken disk.
    """
    if not isinstance(error, DBAPIError):
        return False
    if is_away(error) or getattr(error.orig, "sqlite_errorname", "").startswith(_PASSING_SQLITE):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in _PASSING_CLASSES or (
        isinstance(error, OperationalError) and retryable(error)
    )
