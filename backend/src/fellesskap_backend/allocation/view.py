"""PURE: a locker as `fair-share` sees it: what is taken and by whom, what is kept for whom.

What is kept for somebody stands in the matching as a demand of its own, which only a compartment of
that class serves. So "is there room beside what is kept?" is one question, and it is that of
`capacity`: is one more served? A parcel may go into a larger compartment exactly when all that is
kept can be served all the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec

from fellesskap_backend.allocation.division import OTHER, Division, Quotas, class_of
from fellesskap_backend.allocation.policy import Reserved
from fellesskap_backend.allocation.standing import Standing
from fellesskap_backend.decisions import policy as first_come
from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, Demand, Matching, size_class

NAMES = (*(one.name for one in SIZE_CLASSES), OTHER)


@dataclass(frozen=True)
class Use:
    """What a live claim, or a parcel that lies there, counts as.

    `size` is the class under which it was confirmed, whatever door the edge chose since.
    """

    carrier: str
    size: str
    accessible: bool = False
    """From the low compartments that are kept for who asks: counts against no quota."""

    @property
    def word(self) -> str:
        """Return it without the carrier, as it is written down: `M`, `low M`."""
        return f"low {self.size}" if self.accessible else self.size

    @classmethod
    def of(cls, carrier: str, word: str) -> "Use":
        """Read what `word` wrote.

        >>> Use.of("3", "low M")
        Use(carrier='3', size='M', accessible=True)
        """
        *low, size = word.split()
        return cls(carrier, size, bool(low))


@dataclass(frozen=True)
class Shares:
    """Who is entitled to what of this locker, and how each carrier stands."""

    division: Mapping[str, Division]
    quotas: Quotas
    standings: Mapping[str, Standing]
    reserved: Reserved = "counted"
    """How low ones are given of those that are kept (`policy.Reserved`)."""
    as_divided: bool = False
    """Only what is beside all that is set aside is common, though it be nobody's quota."""

    @cached_property
    def by_size(self) -> Mapping[str, Sequence[tuple[str, int]]]:
        """Each class with the carriers that are entitled to some of it."""
        found: dict[str, list[tuple[str, int]]] = {}
        for (carrier, size), units in self.quotas.items():
            if units:
                found.setdefault(size, []).append((carrier, units))
        return found

    def commons(self, size: str) -> int:
        """Return how much of a class belongs to nobody: it is no quota, and not kept for low ones.

        So what is set aside for entrants is common while there are none, and so is what a review
        freed and nobody waited for: unclaimed capacity goes back to the pool (Council Regulation
        95/93, art. 10(1)).
        """
        division = self.division.get(size)
        if division is None:
            return 0
        if self.as_divided:
            return division.beside
        quotas = sum(units for _, units in self.by_size.get(size, ()))
        return division.capacity - division.accessible - quotas


class _Kept(NamedTuple):
    """Which part of what is kept: `less` one of a class; nothing of a carrier (`without`)."""

    permille: int
    with_low: bool
    less: str | None = None
    without: str | None = None
    less_low: str | None = None
    """Of which class one low one less is kept."""


@dataclass
class _Beside:
    """What is taken, and beside it all that is kept, by class and whether for a low one."""

    matching: Matching
    kept: dict[Demand, int]
    missing: int
    """How much of what is kept finds no room."""


class View(first_come.View):
    """What `decide` is given; `minute` is the time of day at the locker.

    `claims` are promised and have no compartment yet; one without a use counts against nobody's
    quota. `lying` are parcels, whose compartments are not among the usable ones.
    """

    def __init__(
        self,
        compartments: tuple[Iterable[Compartment], Iterable[Compartment]],
        shares: Shares,
        *,
        claims: Iterable[tuple[Demand, Use | None]] = (),
        lying: Iterable[Use] = (),
        minute: int = 0,
    ) -> None:
        every, usable = compartments
        claims = list(claims)
        super().__init__(every, map(_labelled, usable), [demand for demand, _ in claims])
        self.shares = shares
        self.minute = minute
        self._used: Counter[tuple[str, str]] = Counter()
        self._accessible: Counter[str] = Counter()
        self._beside: dict[_Kept, _Beside] = {}
        for use in (*(use for _, use in claims if use is not None), *lying):
            self._count(use)

    def copy(self) -> "View":
        """Return a view that grows apart from this one."""
        twin = View(((), ()), self.shares, minute=self.minute)
        twin.every, twin._taken = self.every, self._taken.copy()
        twin._used, twin._accessible = self._used.copy(), self._accessible.copy()
        return twin

    def give(self, demand: Demand, use: Use) -> None:
        """Count a claim that was confirmed; what is known of what is kept grows with it."""
        self.promise(demand)
        self._count(use)
        for key in [key for key in self._beside if not self._grown(key, demand, use.size)]:
            del self._beside[key]

    def used(self, carrier: str, size: str) -> int:
        """Return how much of a class a carrier has."""
        return self._used[carrier, size]

    def quota(self, carrier: str, size: str) -> int:
        """Return how much of a class a carrier is entitled to."""
        return self.shares.quotas.get((carrier, size), 0)

    def kept(self, size: str, permille: int, without: str | None = None) -> int:
        """Return how much of a class is kept for whoever has not used its entitlement."""
        unused = (
            units - self._used[carrier, size]
            for carrier, units in self.shares.by_size.get(size, ())
            if carrier != without
        )
        return sum(-(-one * permille // 1_000) for one in unused if one > 0)

    def accessible_left(self, size: str) -> int:
        """Return how many low compartments of a class are still kept for who asks."""
        division = self.shares.division.get(size)
        return max(0, division.accessible - self._accessible[size]) if division else 0

    def beyond_quotas(self, size: str) -> int:
        """Return how much of a class is used beyond quotas, by all."""
        return sum(
            max(0, units - self.quota(carrier, name))
            for (carrier, name), units in self._used.items()
            if name == size
        )

    def room_beside(self, demand: Demand, permille: int, *, less: str | None = None) -> bool:
        """Say whether one more is served with all that is kept for anybody.

        `less` names a class of which one less is kept: the asker's own, which it uses up.
        """
        key = _Kept(permille, self._keeps_low_from(demand), less)
        return self._known(key).matching.copy().add(demand)

    def room_for(self, carrier: str, size: str, demand: Demand, permille: int) -> bool:
        """Say whether one more is served in the place of one entitlement of a carrier's own.

        Beside all else that is kept; or, where that entitlement could not be served anyway, beside
        what is kept for others: else who is entitled to more could be given less.
        """
        if self.room_beside(demand, permille, less=size):
            return True
        every = _Kept(permille, self._keeps_low_from(demand))
        if self._known(every).missing == self._known(every._replace(less=size)).missing:
            return False
        others = self._known(every._replace(without=carrier))
        return others.matching.copy().add(demand)

    def room_for_low(self, size: str, demand: Demand, permille: int) -> bool:
        """Say whether one more is served in the place of a low one that is kept of a class.

        Of which some are left. Beside all else that is kept: a class whose low compartments are
        taken has none to give.
        """
        if self.shares.reserved == "anywhere":
            return self.has_room(demand)
        key = _Kept(permille, with_low=True, less_low=size)
        return self._known(key).matching.copy().add(demand)

    def room_in(self, size: str, demand: Demand) -> bool:
        """Say whether one more is served in a compartment of a class, whatever is kept of others.

        But for low ones that are kept for who asks.
        """
        return self.room_beside(_within(size, demand), 0)

    def beyond(self, carrier: str) -> Fraction:
        """Return how much a carrier has beyond its entitlements now, of all compartments.

        Every compartment counts alike: were larger ones measured otherwise, it would pay to
        announce a parcel as another size than it has.
        """
        sizes = (size for one, size in self._used if one == carrier)
        units = sum(max(0, self._used[carrier, s] - self.quota(carrier, s)) for s in sizes)
        return Fraction(units, max(1, len(self.every)))

    def _keeps_low_from(self, demand: Demand) -> bool:
        """Say whether low ones that are kept for who asks are kept from a demand.

        By `counted` also from such as ask for one, when those that it could have are all in use.
        """
        if "low" not in demand.needs:
            return True
        sizes = at_least(size_class(demand) or OTHER)
        return self.shares.reserved == "counted" and not any(map(self.accessible_left, sizes))

    def _known(self, key: _Kept) -> _Beside:
        if key not in self._beside:
            self._beside[key] = self._made(key)
        return self._beside[key]

    def _made(self, key: _Kept) -> _Beside:
        kept = {one: units for size in self.shares.division for one, units in self._kept(key, size)}
        matching = self._taken.copy()
        served = [matching.add(one) for one, units in kept.items() for _ in range(units)]
        return _Beside(matching, kept, served.count(False))

    def _grown(self, key: _Kept, demand: Demand, size: str) -> bool:
        """Let one claim more take the place of what is no longer kept; say whether that was all.

        Where all that is kept is served, what is not kept any more can be taken back: claims that
        find no place find none among claims alone. Else it is made anew when it is asked for.
        """
        beside = self._beside[key]
        if beside.missing:
            return False
        for one, units in self._kept(key, size):
            for _ in range(beside.kept.get(one, 0) - units):
                beside.matching.drop(one)
            beside.kept[one] = units
        return beside.matching.add(demand)

    def _kept(self, key: _Kept, size: str) -> Iterable[tuple[Demand, int]]:
        """Yield what is kept of a class, as demands that only this class serves."""
        if key.with_low:
            low = self.accessible_left(size)
            yield _phantom(size, "low"), max(0, low - (size == key.less_low))
        if key.permille:
            kept = self.kept(size, key.permille, key.without)
            yield _phantom(size), max(0, kept - (size == key.less))

    def _count(self, use: Use) -> None:
        if use.accessible:
            self._accessible[use.size] += 1
        else:
            self._used[use.carrier, use.size] += 1


def others(size: str) -> Collection[str]:
    """Return the other classes: the larger ones, the nearest first, then the smaller ones.

    >>> others("M"), others(OTHER)
    (('L', 'XL', 'S'), ())
    """
    if size == OTHER:
        return ()
    place = NAMES.index(size)
    return (*NAMES[place + 1 : -1], *NAMES[:place][::-1])


def at_least(size: str) -> Collection[str]:
    """Return a class and all that are larger."""
    return NAMES[NAMES.index(size) :]


def _within(size: str, demand: Demand) -> Demand:
    return msgspec.structs.replace(demand, needs=(*demand.needs, _label(size)))


def _label(size: str) -> str:
    return f"class {size}"


@lru_cache(maxsize=64)
def _phantom(size: str, *needs: str) -> Demand:
    return Demand(1, 1, 1, 0, (_label(size), *needs))


@lru_cache(maxsize=4_096)
def _labelled(compartment: Compartment) -> Compartment:
    """Return a compartment with its class among its features; those of a fleet are much alike."""
    features = (*compartment.features, _label(class_of(compartment)))
    return msgspec.structs.replace(compartment, features=features)
