"""PURE: how a carrier stands: its weight, what it used lately, how often it did not come."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fellesskap_backend.allocation.policy import FairShare

DAYS = 28
"""How long use and no-shows are remembered."""


@dataclass(frozen=True)
class Standing:
    """One carrier, as of this morning.

    `weight` is the published one; `memory_permille` its dominant share of the compartment-hours of
    the last 28 days (`dominant`); `holds` how many claims ended in them, by a parcel or by nobody
    (what it cancelled, or still waits for, tells nothing), `no_shows` how many of those it let go
    by, `excused` the no-shows whose cause was beyond its control.
    """

    weight: int = 1
    memory_permille: int = 0
    holds: int = 0
    no_shows: int = 0
    excused: int = 0


def no_show_permille(policy: FairShare, standing: Standing) -> int:
    """Return how often the carrier did not come, in permille; 0 while too few claims say so.

    What is excused is left out, as unused train paths are whose causes lie beyond the applicant's
    control (Directive 2012/34/EU, art. 52(2)): a locker that did not serve, a courier who stood
    there in vain, a claim that was diverted, also since an operator took the locker out of service.
    What befalls the carrier alone (its vans, its staff) is its own; there is no act of force
    majeure. `reservations.lapsed` says which claims those are.
    """
    counted = standing.holds - standing.excused
    if counted < policy.no_show.holds_min:
        return 0
    return 1_000 * (standing.no_shows - standing.excused) // counted


def lent_weight(policy: FairShare, standing: Standing) -> Fraction:
    """Return the weight by which a carrier is lent what others leave.

    Above the tolerated rate r the weight falls by twice the excess, never below the floor. The
    entitlement is untouched, and the record ends by itself after 28 days.
    """
    excess = no_show_permille(policy, standing) - policy.no_show.tolerated_permille
    permille = max(policy.no_show.weight_permille_min, 1_000 - 2 * max(0, excess))
    return Fraction(standing.weight * permille, 1_000)


def held_for_s(policy: FairShare, standing: Standing, asked_s: int) -> int:
    """Return how long a claim may wait for its courier: shorter, as the weight is, for no-shows.

    What is kept and not used is to be given up for others, but for causes beyond the applicant's
    control (Directive 2012/34/EU, art. 52(2)).
    """
    return int(asked_s * lent_weight(policy, standing) / standing.weight)


def dominant(used: Mapping[str, int], capacity: Mapping[str, int]) -> Fraction:
    """Return the largest of a carrier's shares of the size classes.

    The resource that is scarce to one is its measure (dominant resource fairness, Ghodsi et al.,
    NSDI 2011). Dwell counts: a compartment is used as long as a parcel lies in it.
    """
    shares = (Fraction(units, capacity[name]) for name, units in used.items() if units)
    return max(shares, default=Fraction(0))


def memory_permille(used: Mapping[str, int], capacity: Mapping[str, int]) -> int:
    """Return a carrier's dominant share of the compartment-hours that there were, in permille.

    A class of which there is no compartment is measured by all of them: what is larger than its
    class's box may lie in a door of any shape.
    """
    whole = sum(capacity.values())
    of = {name: capacity.get(name) or max(1, whole) for name in used}
    return min(1_000, int(1_000 * dominant(used, of)))


def fullness(policy: FairShare, standing: Standing, now: Fraction, *, weight: Fraction) -> Fraction:
    """Return what progressive filling compares: what is beyond the entitlement, and 28 days.

    Who used less than its share lately is served sooner; so lending is paid back without an
    account (the idea of Karma, Vuppalapati et al., OSDI 2023).
    """
    remembered = Fraction(policy.memory_permille * standing.memory_permille, 1_000_000)
    return (now + remembered) / weight


def load_permille(requested_hours: int, capacity_hours: int) -> int:
    """Return the load of a locker's day: compartment-hours asked for, of those there are."""
    return 1_000 * requested_hours // max(1, capacity_hours)


def is_batch(policy: FairShare, load: int) -> bool:
    """Say whether a locker's day is decided at cut-offs; announced with the load it rests on.

    Who comes first fills a busy locker with slow parcels; keeping room back gained 9 % throughput
    at peak (Amazon lockers, arXiv 2312.06579). While there is room nobody need wait.
    """
    return load >= policy.batch_above_permille
