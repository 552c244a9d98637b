"""Hours closed by hand: the clock is an argument."""

from datetime import UTC, datetime, timedelta

from fellesskap_backend import db
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT, hour_of
from tests.backend.api import Api

JUST = timedelta(microseconds=1)
"""The smallest step of time."""


def after(api: Api, hours: int = 1) -> datetime:
    """Return when the tree is made of the hour of the last decision, or of a later one."""
    last = max((row.decided_at for row in api.rows(Decision)), default=datetime.now(UTC))
    return hour_of(last) + hours * HOUR + WAIT


def close(api: Api, at: datetime) -> int:
    """Make every tree that is due at an instant, as the worker does; say how many."""
    count = 0
    while db.run(api.engine, lambda session: close_next(session, Moment(at), secrets=api.secrets)):
        count += 1
    return count
