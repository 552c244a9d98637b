"""Months that were counted, counted again from the decisions and histories as they are stored.

All is derived anew and must be the same: what a journal says after a month has ended is recorded
after it, and changes nothing of it. But for no-shows: whether the locker served, or a parcel came,
may be told later. Of them: at most as many as claims were let go by, and totals as they were told.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.neutrality.closing import row_of
from fellesskap_backend.neutrality.counting import Counted, Span, count, lapsing
from fellesskap_backend.neutrality.figures import Figures, total, total_for_carriers
from fellesskap_backend.neutrality.month import month_of
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth


def differing(session: Session) -> Iterator[str]:
    """Yield each month, and each carrier's row of one, that is not what it was counted to be."""
    months = set()
    for kept in session.scalars(select(NeutralMonth).order_by(NeutralMonth.month)):
        months.add(kept.month)
        yield from (f"month {kept.month}: {what}" for what in _of_month(session, kept))
    for row in session.scalars(select(NeutralFigures).order_by(NeutralFigures.month)):
        if row.month not in months:
            yield f"month {row.month}: carrier {row.carrier_id}: of no month that was counted"


def _of_month(session: Session, kept: NeutralMonth) -> Iterator[str]:
    try:
        month = month_of(kept.month)
    except ValueError:
        yield "altered"
        return
    if kept.counted_at < month.ends:
        yield "counted before it ended"
    of_it = select(NeutralFigures).where(NeutralFigures.month == kept.month)
    rows = {str(row.carrier_id): row for row in session.scalars(of_it)}
    figures = {}
    for carrier, row in rows.items():
        try:
            one = Figures.of(row.figures)
            total({carrier: one})  # what cannot be added up was never counted
            figures[carrier] = one
        except (KeyError, TypeError, ValueError):
            yield f"carrier {carrier}: altered"
    totals = [total_for_carriers(figures, one_by_one=each) for each in (False, True)]
    if len(figures) == len(rows) and kept.told not in totals:  # one by one: by the rule of before
        yield "not the total of its carriers"
    span = Span.of(month, month.ends)
    found, let_go = count(session, span), lapsing(session, span)
    for carrier in sorted(figures.keys() | found.figures.keys() - rows.keys()):
        no_shows = figures.get(carrier, Figures()).no_shows
        if not _same(rows.get(carrier, _nothing(kept.month, carrier)), found):
            yield f"carrier {carrier}: not what was decided"
        if not 0 <= no_shows <= let_go.get(carrier, 0):
            yield f"carrier {carrier}: not its no-shows"


def _nothing(month: str, carrier: str) -> NeutralFigures:
    """Return what stands for a carrier of which nothing was kept."""
    return NeutralFigures(**row_of(month, carrier, Counted({carrier: Figures()})))


def _same(row: NeutralFigures, found: Counted) -> bool:
    """Say whether a carrier's month is what is counted now, but for its no-shows."""
    carrier = str(row.carrier_id)
    found.of(carrier)
    again = row_of(row.month, carrier, found)
    again["figures"]["no_shows"] = row.figures.get("no_shows")
    return all(getattr(row, name) == value for name, value in again.items())
