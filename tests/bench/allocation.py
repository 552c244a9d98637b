"""One decision in process time: a locker of 40 doors, three carriers, 30 claims; no database.

From what was read to the body that is written: the view, the answer, the link of the chain. The
limit is the same request decided by `first-come v0`, in turns.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.desk import Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_protocol.capacity import Compartment
from tests.backend.fair import compartment, parcel
from tests.backend.ruled import fair, row_of
from tests.bench.figures import Figure, figure, progress

DOORS = "S" * 16 + "M" * 14 + "L" * 10
CLAIMS = "S" * 12 + "M" * 11 + "L" * 7
WEIGHTS = (5, 3, 2)
TURNS = 10
NOW = datetime(2027, 3, 1, 7, tzinfo=UTC)


def measure(_folder: Path, samples: int) -> list[Figure]:
    """Decide the same by both policies; return the cost of a decision by `fair-share`."""
    every = [compartment(number, size) for number, size in enumerate(DOORS, start=1)]
    carriers = tuple(Carrier(n, weight, False, 0, 0, 0, 0) for n, weight in enumerate(WEIGHTS, 1))
    rules = Rules(row_of(fair(since=NOW)).body, "2027-03-01", carriers)
    spent = {None: 0.0, rules: 0.0}
    for _ in progress(range(TURNS), "allocation: decisions", TURNS):
        for by in spent:
            spent[by] += _decide(every, by, samples)
    by_first_come, by_fair_share = (1e6 * one / TURNS / samples for one in spent.values())
    return [figure("allocation.decide_us", by_fair_share, "us", by_first_come)]


def _decide(every: list[Compartment], rules: Rules | None, samples: int) -> float:
    """Decide so many times; return the seconds of this process that it took."""
    claims = [
        Live(number, parcel(size), Use(str(number % 3 + 1), size), chained=True)
        for number, size in enumerate(CLAIMS, start=1)
    ]
    said = {"deposit_by": instant(NOW.replace(hour=20))}
    wanted = Wanted(UUID(int=1), Request(parcel("M")), said, 2)
    head = Head(len(claims), "0" * 64)
    before = time.process_time()
    for _ in range(samples):
        place = Place("bench-1", every=every, usable=every, claims=claims, head=head, rules=rules)
        desk = Desk(place, NOW)
        assert desk.decide(wanted, Moment(NOW)).decision.confirmed
        head = Head(len(claims), "0" * 64, desk.head.layout, desk.head.rules)
    return time.process_time() - before
