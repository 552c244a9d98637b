"""PURE: the quarter's review of quotas: use it or lose it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fellesskap_backend.allocation.division import Quotas
from fellesskap_backend.allocation.policy import FairShare


@dataclass(frozen=True)
class Proposal:
    """What the next quarter's quotas would be; `to_commons` is what nobody is waiting for."""

    quotas: dict[tuple[str, str], int]
    to_commons: dict[str, int]


def propose_quotas(
    policy: FairShare,
    quotas: Quotas,
    use: Mapping[tuple[str, str], Sequence[int]],
    *,
    floors: Quotas,
    waiting: Quotas,
) -> Proposal:
    """Propose the quotas of the next quarter.

    `use` is the most each carrier used on each day of the quarter, by (carrier, class); `floors`
    what it never falls below; `waiting` what carriers that are new or short ask for more. Freed
    compartments go to the waiting, one at a time to whoever was given least, then to the commons.
    A pool is what slots are returned to, too (Council Regulation 95/93, art. 10(1)); for entrants a
    part is set aside beforehand, by `division`.
    """
    kept = {
        key: max(kept_quota(policy, units, use.get(key, ())), min(units, floors.get(key, 0)))
        for key, units in quotas.items()
    }
    freed: dict[str, int] = {}
    for (carrier, name), units in quotas.items():
        freed[name] = freed.get(name, 0) + units - kept[carrier, name]
    to_commons = {}
    for name, units in freed.items():
        wishes = {
            carrier: wish for (carrier, named), wish in sorted(waiting.items()) if named == name
        }
        given = fill(units, wishes)
        for carrier, more in ((one, units) for one, units in given.items() if units):
            kept[carrier, name] = kept.get((carrier, name), 0) + more
        to_commons[name] = units - sum(given.values())
    return Proposal(kept, to_commons)


def daily_most(
    spans: Iterable[tuple[datetime, datetime]], days: Sequence[tuple[datetime, datetime]]
) -> list[int]:
    """Return the most of these spans that overlap at any moment of each day; each ends exclusive.

    >>> noon = datetime(2027, 3, 1, 12)
    >>> daily_most([(noon, noon.replace(hour=14))] * 2, [(noon.replace(hour=0), noon)])
    [0]
    """
    turns = sorted(turn for begin, end in spans for turn in ((begin, 1), (end, -1)))
    found, now, place = [], 0, 0
    for begin, end in days:
        while place < len(turns) and turns[place][0] <= begin:
            now += turns[place][1]
            place += 1
        most = now
        while place < len(turns) and turns[place][0] < end:
            now += turns[place][1]
            most = max(most, now)
            place += 1
        found.append(most)
    return found


def kept_quota(policy: FairShare, quota: int, use: Sequence[int]) -> int:
    """Return what a carrier keeps: all, if it used four fifths of it on a good day.

    Slots are kept by who uses 80 % of them (Council Regulation 95/93, art. 10(2)). Else a tenth
    more than it used on nearly all days. A quarter without a day leaves everything as it was.
    """
    if not use or 1_000 * percentile(use, 80) >= policy.use_it.used_permille * quota:
        return quota
    return min(quota, -(-policy.use_it.headroom_permille * percentile(use, 95) // 1_000))


def percentile(values: Sequence[int], rank: int) -> int:
    """Return the nearest-rank percentile: the least value that `rank` % do not exceed.

    >>> percentile([5, 1, 4, 2, 3], 80)
    4
    """
    ranked = sorted(values)
    return ranked[max(0, -(-rank * len(ranked) // 100) - 1)]


def fill(units: int, wishes: Mapping[str, int]) -> dict[str, int]:
    """Share out units by max-min: whoever has least gets the next, while it wishes for more.

    Progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2), in whole units.

    >>> fill(5, {"east": 1, "north": 9, "south": 9})
    {'east': 1, 'north': 2, 'south': 2}
    """
    given = dict.fromkeys(wishes, 0)
    for _ in range(units):
        short = [name for name in given if given[name] < wishes[name]]
        if not short:
            break
        given[min(short, key=lambda name: (given[name], name))] += 1
    return given
