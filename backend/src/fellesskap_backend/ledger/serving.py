"""Proofs of service: the time over which the collect clock runs."""

from fellesskap_backend.ledger.at import At
from fellesskap_backend.parcels import timing
from fellesskap_backend.parcels.clock import Interval, proven
from fellesskap_protocol.events import Serving


def served(at: At, event: Serving) -> None:
    """Take in that these compartments could serve; times to collect move by it."""
    told = Interval(event.from_, event.to)
    interval = proven(told, clock=event.clock, recorded_at=at.moment.now)
    if interval is not None:
        timing.note(at.session, at.locker, event.compartments, interval)
