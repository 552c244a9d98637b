"""The ledger's partitions on PostgreSQL: this month's and the next two are made ahead.

The server's role owns nothing (`roles`), so a function of the owner makes them
(`v0012_partitions`). What no month was made for lies in the partition `other`, and moves with it.
"""

import logging

from sqlalchemy import func, select
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)
AHEAD_S = 86_400.0
"""How often they are made."""


def make_ahead(session: Session) -> int:
    """Make what is missing; return how many rows lie in no month, which is an alarm."""
    if session.get_bind().dialect.name != "postgresql":
        return 0
    left = session.scalar(select(func.make_ledger_months())) or 0
    if left:
        log.error("ledger: %d events lie in no month that was made: is the clock right?", left)
    return int(left)
