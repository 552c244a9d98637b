"""PURE: how long carriers had room that was lent to them, and whose it was.

*Borrowed*: from a decision that gave room of the part `lent` until that room was given back: the
claim ended without a deposit, or the parcel was taken out. Only what lies within the month counts,
in whole seconds.

*Lent*: the same seconds, divided among the other carriers that were entitled to compartments of
that class at that locker and had not used them when the decision was made, in proportion to how
many those were (whole parts, the rest by largest remainder). Where there was no such carrier, it
is lent by `NOBODY`: a door of a larger class, or, by versions with `commons: as_divided`, one that
was set aside for entrants or freed by a review. So what was borrowed is what was lent, to the
second.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from fellesskap_backend.allocation.division import apportion

NOBODY = ""


class Loan(NamedTuple):
    """Room that was lent: to whom, from when, until when (None: still), and whose it was."""

    borrower: str
    begins: datetime
    ends: datetime | None
    unused: Mapping[str, int]
    """Compartments of that class that other carriers were entitled to and had not used."""


Lent = Counter[tuple[str, str]]
"""Seconds, by (lender, borrower)."""


def lent(loans: Iterable[Loan], begins: datetime, ends: datetime) -> Lent:
    """Return who lent whom how long between two instants."""
    found: Lent = Counter()
    for loan in loans:
        until = ends if loan.ends is None else min(loan.ends, ends)
        seconds = int((until - max(loan.begins, begins)).total_seconds())
        if seconds <= 0:
            continue
        lenders = {
            one: units for one, units in loan.unused.items() if units > 0 and one != loan.borrower
        }
        parts = apportion(seconds, lenders) if lenders else {NOBODY: seconds}
        for lender, part in parts.items():
            found[lender, loan.borrower] += part
    return found
