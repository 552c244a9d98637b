"""A month that is over is counted once, by the worker, and kept; of two workers one writes it.

Counting reads for long where there is much; what is written afterwards is short.
"""

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all
from fellesskap_backend.db import Moment
from fellesskap_backend.neutrality.counting import COMPLAINTS_MAX, Counted, Span, count
from fellesskap_backend.neutrality.figures import (
    may_know_borrowed,
    may_know_lent,
    total_for_carriers,
)
from fellesskap_backend.neutrality.month import due, month_of
from fellesskap_backend.neutrality.rendering import complaints_of
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth


class Closed(NamedTuple):
    """A month that is over, and what it came to."""

    month: str
    found: Counted


def count_due(session: Session, moment: Moment) -> Closed | None:
    """Count the next month that is due; None: there is none."""
    name = due(session.scalar(select(func.max(NeutralMonth.month))), moment.now)
    if name is None:
        return None
    return Closed(name, count(session, Span.of(month_of(name), moment.now)))


def keep(session: Session, closed: Closed, moment: Moment) -> None:
    """Write down what a month came to, unless another worker did so meanwhile."""
    name, found = closed
    if session.get(NeutralMonth, name) is not None:
        return
    told = total_for_carriers(found.figures)
    insert_all(session, NeutralMonth, [{"month": name, "counted_at": moment.now, "told": told}])
    insert_all(session, NeutralFigures, [row_of(name, carrier, found) for carrier in found.figures])


def row_of(month: str, carrier: str, found: Counted) -> dict[str, Any]:
    """Return what is kept of one carrier's month."""
    tells = may_know_borrowed(carrier, found.lent)
    return {
        "month": month,
        "carrier_id": UUID(carrier),
        "figures": replace(found.figures[carrier], may_know_borrowed=tells).written(),
        "may_know_lent": may_know_lent(carrier, found.lent),
        "complaints": complaints_of(carrier, found.complaints)[:COMPLAINTS_MAX],
    }
