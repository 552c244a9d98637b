"""One decision in process time: a locker of 40 doors, three carriers; no database.

From what was read to the body that is written: the view, the answer, the link of the chain. One
that is given room beyond its part, one that is refused for what is kept for another (all ways are
tried in vain), and one of many at a cut-off. The limit is the same asked of `first-come v0`, in
turns. It is 8 o'clock at the locker, whenever that is measured: all that is unused is kept.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.view import Use
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.batches import Batch
from fellesskap_backend.decisions.desk import Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.decisions.rules import Carrier, Rules
from tests.backend.fair import compartment, parcel
from tests.backend.ruled import row_of
from tests.bench.figures import Figure, figure, progress

DOORS = "S" * 16 + "M" * 14 + "L" * 10
CLAIMS = "S" * 12 + "M" * 11 + "L" * 7
BROKEN = (*range(29, 31), *range(38, 41))
"""Doors without which one M is left beside the claims, and that one is the first carrier's."""
WEIGHTS = (5, 3, 2)
TURNS = 10
NOW = datetime(2027, 3, 1, 7, tzinfo=UTC)
SAID = {"deposit_by": instant(NOW + timedelta(hours=13))}
EVERY = [compartment(number, size) for number, size in enumerate(DOORS, start=1)]
PROMISED = [
    Live(number, parcel(size), Use(str(number % 3 + 1), size), chained=True)
    for number, size in enumerate(CLAIMS, start=1)
]
CHAIN = Head(len(CLAIMS), "0" * 64)
WANTED = Wanted(UUID(int=1), Request(parcel("M")), SAID, 2)
AT_CUT_OFF = {
    f"{number:064}": Wanted(UUID(int=whose), Request(parcel(size)), SAID, whose)
    for number, (whose, size) in enumerate(islice(zip(cycle((1, 2, 1, 3)), cycle("SMSLM")), 60))
}
"""Sixty requests for forty doors."""
Work = Callable[[Rules | None, int], None]
"""Decide so many times by these rules."""


def measure(_folder: Path, samples: int) -> list[Figure]:
    """Decide the same by both policies; return what a decision by `fair-share` costs."""
    carriers = tuple(Carrier(n, weight, False, 0, 0, 0, 0) for n, weight in enumerate(WEIGHTS, 1))
    policy = FairShare(in_force_from=NOW - timedelta(days=1))
    rules = Rules(row_of(policy).body, "2027-03-01", carriers)
    works: dict[str, Work] = {
        "allocation.decide_us": _confirmed,
        "allocation.decide_refused_us": _refused,
        "allocation.decide_at_cut_off_us": _at_cut_off,
    }
    return [_figure(name, work, rules, samples) for name, work in works.items()]


def _figure(name: str, work: Work, rules: Rules, samples: int) -> Figure:
    spent: dict[Rules | None, float] = {None: 0.0, rules: 0.0}
    for _ in progress(range(TURNS), name, TURNS):
        for by in spent:
            before = time.process_time()
            work(by, samples)
            spent[by] += time.process_time() - before
    by_first_come, by_fair_share = (1e6 * one / TURNS / samples for one in spent.values())
    return figure(name, by_fair_share, "us", by_first_come)


def _confirmed(rules: Rules | None, times: int) -> None:
    assert set(_each(rules, times, broken=())) == {"confirmed"}


def _refused(rules: Rules | None, times: int) -> None:
    outcome = "confirmed" if rules is None else "quota_exceeded"
    assert set(_each(rules, times, broken=BROKEN)) == {outcome}


def _each(rules: Rules | None, times: int, *, broken: tuple[int, ...]) -> Counter[str]:
    """Ask so many times as if each were the first; return the outcomes."""
    usable = [one for one in EVERY if one.number not in broken]
    head, found = CHAIN, Counter[str]()
    for _ in range(times):
        place = Place(
            "bench-1", every=EVERY, usable=usable, claims=PROMISED, head=head, rules=rules
        )
        desk = Desk(place, NOW)
        found[desk.decide(WANTED, Moment(NOW)).decision.outcome] += 1
        head = Head(CHAIN.number, CHAIN.hash, desk.head.layout, desk.head.rules)
    return found


def _at_cut_off(rules: Rules | None, times: int) -> None:
    """Decide all that waits, over and over, until there were so many decisions."""
    head = CHAIN
    for begin in range(0, times, len(AT_CUT_OFF)):
        waiting = dict(list(AT_CUT_OFF.items())[: times - begin])
        desk = Desk(Place("bench-1", every=EVERY, usable=EVERY, head=head, rules=rules), NOW)
        if rules is None:
            made = [desk.decide(wanted, Moment(NOW)) for wanted in waiting.values()]
        else:
            batch = Batch("2027-03-01", NOW, bytes(32))
            made = [*batches.decide(desk, batch, waiting, Moment(NOW)).values()]
        confirmed = sum(one.decision.confirmed for one in made)
        assert confirmed == min(len(waiting), len(EVERY))
        head = Head(CHAIN.number, CHAIN.hash, desk.head.layout, desk.head.rules)
