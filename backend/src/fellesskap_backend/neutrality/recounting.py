"""Months that were counted, counted again from the decisions as they are stored.

What follows from decisions alone is derived anew: how often who asked, was served, refused, and may
complain. Hours, larger doors and no-shows come from journals that may say more later: of them only
that totals are those of the carriers' rows, as they may be told.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.neutrality.counting import COMPLAINTS_MAX, Counted, Span, count
from fellesskap_backend.neutrality.figures import Figures, total_for_carriers
from fellesskap_backend.neutrality.month import month_of
from fellesskap_backend.neutrality.rendering import complaints_of
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth

FROM_DECISIONS = ("requested", "served", "denied", "below_quota", "complaints", "unexplained")


def differing(session: Session) -> Iterator[str]:
    """Yield each month, and each carrier's row of one, that is not what it was counted to be."""
    months = set()
    for kept in session.scalars(select(NeutralMonth).order_by(NeutralMonth.month)):
        months.add(kept.month)
        of_it = select(NeutralFigures).where(NeutralFigures.month == kept.month)
        rows = {str(row.carrier_id): row for row in session.scalars(of_it)}
        try:
            month = month_of(kept.month)
            figures = {carrier: Figures.of(row.figures) for carrier, row in rows.items()}
            now, before = (total_for_carriers(figures, one_by_one=each) for each in (False, True))
            same = kept.told in (now, before)
        except (KeyError, TypeError, ValueError):
            yield f"month {kept.month}: altered"
            continue
        if not same:
            yield f"month {kept.month}: not the total of its carriers"
        if kept.counted_at < month.ends:
            yield f"month {kept.month}: counted before it ended"
        found = count(session, Span.of(month, month.ends))
        for carrier in sorted(rows.keys() | found.figures.keys()):
            if not _same(carrier, rows.get(carrier), found):
                yield f"month {kept.month}: carrier {carrier}: not what was decided"
    for row in session.scalars(select(NeutralFigures).order_by(NeutralFigures.month)):
        if row.month not in months:
            yield f"month {row.month}: carrier {row.carrier_id}: of no month that was counted"


def _same(carrier: str, row: NeutralFigures | None, found: Counted) -> bool:
    again = found.figures.get(carrier, Figures()).written()
    kept = Figures().written() if row is None else row.figures
    if any(kept.get(name) != again[name] for name in FROM_DECISIONS):
        return False
    complaints = [] if row is None else row.complaints
    return complaints == complaints_of(carrier, found.complaints)[:COMPLAINTS_MAX]
