"""PURE: do announced days and cut-offs say what the version in force made of them?

The load itself is no input of a decision, and what it was made of changes (which doors served, how
long parcels lay): of it only that it is one that a cut-off is announced for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.standing import is_batch
from fellesskap_backend.cut_offs.load import STEP_PERMILLE, Coming
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import instant

Versions = Mapping[str, FairShare]
"""By their names."""


def of_days(
    rows: Iterable[AnnouncedDay], versions: Versions, in_force: Callable[..., str]
) -> Iterator[str]:
    """Yield days that were not announced in the evening before, by the version in force then."""
    for row in rows:
        policy = versions.get(row.policy)
        coming = None if policy is None else Coming.of(policy, row.day)
        if coming is None or in_force(coming.begins_at) != row.policy:
            yield f"day {row.day}: not by the rules in force"
        elif row.ends_at != coming.ends_at:
            yield f"day {row.day}: it ends otherwise"
        elif policy is None or Coming.at(policy, row.announced_at) != coming:
            yield f"day {row.day}: not announced in the evening before"


def of_cut_offs(
    rows: Iterable[CutOff], days: Iterable[AnnouncedDay], versions: Versions
) -> Iterator[str]:
    """Yield cut-offs that no announced day has, or that contradict it or each other."""
    named = {one.day: one.policy for one in days}
    loads: dict[tuple[str, date], set[int]] = defaultdict(set)
    for row in rows:
        name = f"cut-off of {row.locker_id} at {instant(row.at)}"
        policy = versions.get(named.get(row.day, ""))
        if policy is None:
            yield f"{name}: of a day that was not announced"
            continue
        coming = Coming.of(policy, row.day)
        if row.at not in coming.cut_offs(policy) or row.begins_at != coming.begins_at:
            yield f"{name}: none of that day's"
        if row.load_permille % STEP_PERMILLE or not is_batch(policy, row.load_permille):
            yield f"{name}: no load for which one is announced"
        if row.decided_at is not None and row.decided_at < row.at:
            yield f"{name}: decided before it"
        loads[row.locker_id, row.day].add(row.load_permille)
    for (locker_id, day), several in loads.items():
        if len(several) > 1:
            yield f"cut-offs of {locker_id} on {day}: announced for different loads"
