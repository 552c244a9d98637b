"""PURE: what a locker's compartments are divided into, class by class.

Reserve for low compartments + quotas + commons = capacity, to the compartment. Quotas are the
guaranteed parts by carrier, and what is set aside for entrants where there are any; where a
quarter's review changed them (`quotas.propose_quotas`) the result is handed on instead. Whatever is
nobody's quota is common (`view.Shares.commons`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, SizeClass, fits

Quotas = Mapping[tuple[str, str], int]
"""How many compartments of a class a carrier is guaranteed, by (carrier, class)."""
OTHER = "other"
"""The class of compartments smaller than every box, and of demands larger: commons only."""


@dataclass(frozen=True)
class Division:
    """The compartments of one class."""

    capacity: int
    accessible: int
    """Low ones that are kept for who asks for one."""
    guaranteed: int
    entrants: int
    """Set aside for carriers that are new."""

    @property
    def beside(self) -> int:
        """What is left beside all that is set aside, whether or not there is anybody to have it."""
        return self.capacity - self.accessible - self.guaranteed - self.entrants


def class_of(compartment: Compartment, classes: Sequence[SizeClass] = SIZE_CLASSES) -> str:
    """Return the largest class whose box goes in; for quotas and reports, never for fitting."""
    found = OTHER
    for one in classes:
        if fits(one.demand(), compartment):
            found = one.name
    return found


def divide(policy: FairShare, compartments: Iterable[Compartment]) -> dict[str, Division]:
    """Divide every class of a locker.

    Low compartments are kept outside the quotas first, at least one of a class that has any. A
    share for requests without a contract must remain (Regulation (EU) 2016/545, recital 2).
    """
    sizes: Counter[str] = Counter()
    low: Counter[str] = Counter()
    for one in compartments:
        name = class_of(one)
        sizes[name] += 1
        low[name] += one.low
    return {name: _divided(policy, name, count, low[name]) for name, count in sizes.items()}


def _divided(policy: FairShare, name: str, capacity: int, low: int) -> Division:
    accessible = -(-low * policy.accessible_permille // 1_000)
    if name == OTHER:
        return Division(capacity, accessible, 0, 0)
    guaranteed = (capacity - accessible) * policy.guaranteed_permille // 1_000
    entrants = guaranteed * policy.entrant_permille // 1_000
    return Division(capacity, accessible, guaranteed - entrants, entrants)


def quotas_of(
    division: Mapping[str, Division],
    weights: Mapping[str, int],
    entrants: Collection[str] = (),
) -> dict[tuple[str, str], int]:
    """Give every carrier its part of each class: by weight, entrants from what is set aside.

    `weights` are the published ones of the contract period, of all carriers; those in `entrants`
    share equally and have no part by weight until the next period. Who is new has no past by which
    it could be given anything: half of a pool of slots is for new entrants first (Council
    Regulation 95/93, art. 10(6)).
    """
    quotas: dict[tuple[str, str], int] = {}
    settled = {name: weight for name, weight in weights.items() if name not in entrants}
    alike = dict.fromkeys(sorted(set(entrants) & set(weights)), 1)
    for name, one in division.items():
        for share, among in ((one.guaranteed, settled), (one.entrants, alike)):
            for carrier, units in apportion(share, among).items():
                quotas[carrier, name] = units
    return quotas


def reviewed(
    division: Mapping[str, Division], quotas: Quotas, review: Iterable[tuple[str, str, int]]
) -> dict[tuple[str, str], int]:
    """Put the quotas of a review (carrier, class, units) in the place of the formula's.

    What was not used is lost for the season that follows, not for ever (Council Regulation 95/93,
    art. 10(2)). Class by class, as long as they fit: who takes compartments out of a locker makes
    the review of that class void.
    """
    by_size: dict[str, dict[tuple[str, str], int]] = {}
    for carrier, size, units in review:
        by_size.setdefault(size, {})[carrier, size] = units
    found = dict(quotas)
    for size, changed in by_size.items():
        one = division.get(size)
        if one is not None and sum(changed.values()) <= one.guaranteed + one.entrants:
            found = {key: units for key, units in found.items() if key[1] != size} | changed
    return found


def apportion(units: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide units by weight: the whole parts, the rest by largest remainder, then by name.

    Hamilton's method: nobody is more than one from its exact share (Balinski and Young, Fair
    Representation).

    >>> apportion(24, {"north": 5, "south": 3, "west": 2})
    {'north': 12, 'south': 7, 'west': 5}
    """
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(sorted(weights), 0)
    parts = {name: units * weights[name] // total for name in sorted(weights)}
    by_rest = sorted(parts, key=lambda name: (-(units * weights[name] % total), name))
    for name in by_rest[: units - sum(parts.values())]:
        parts[name] += 1
    return parts
