"""Rare but lawful ways of doing things, made likely in the simulated world; never in production.

`sometimes("a point")` stands where the product may as well take the rare path: send less at once,
say it again sooner, lose a race. It answers no unless a simulator installed its seeded chance;
nothing in the product does (`tests/simulation/test_buggify.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

POINTS = (
    "edge.small_batch",  # one or two events of the journal in a message
    "edge.early_resend",  # a batch is said again before its answer can have come
    "edge.late_wake",  # a deadline is seen a turn later
    "edge.store_is_large",  # what is acknowledged is dropped sooner
    "bridge.half_filled_part",  # a change of rights in many parts
    "bridge.short_poll",  # one wish at a time
    "bridge.lane_lost",  # another bridge takes the locker over, and knows nothing of it
    "bridge.keys_too",  # keys go out though nobody asked
    "ledger.one_at_a_time",  # the first event of a batch is recorded; the rest must come again
    "ledger.each_alone",  # the events of a batch are applied one by one
    "feed.few_at_once",  # one notice is numbered at a time
    "worker.late",  # a deadline is seen a round later
    "db.lost_race",  # a transaction is rolled back and done again
)
"""Every point; the verdict of a standard run of the simulator says that none was left out."""
_chances: list[Callable[[str], bool]] = []


def sometimes(point: str) -> bool:
    """Say whether to take the rare path here and now."""
    return bool(_chances) and _chances[-1](point)


@contextmanager
def installed(chance: Callable[[str], bool]) -> Iterator[None]:
    """Let `chance` answer for the length of a `with`: for simulators alone."""
    _chances.append(chance)
    try:
        yield
    finally:
        _chances.pop()
