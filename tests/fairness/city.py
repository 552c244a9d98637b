"""What the laboratory replays: lockers, carriers with their habits, and recipients who collect.

Dwell: log-normal up to a week, then the carrier takes it back: mean 31.6 h, 62 % within 24 h (TØI
report 1959/2023: a mean of 31.6 h, more than 60 % within 24 h).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, Demand

DAY_MIN = 24 * 60
DWELL = (2.79, 1.27)
"""Mean and spread of the hours' logarithm: the mean is 31.6 h with the end after a week."""
HOLD_H = 12
DWELL_MIN_MAX = 7 * DAY_MIN
BOX = {one.name: one for one in SIZE_CLASSES}


@dataclass(frozen=True)
class Carrier:
    """Who comes when, with how much, and what becomes of it."""

    name: str
    weight: int
    comes_at: int
    """Minute of the day at which its courier asks and puts in."""
    parcels: float
    """A day at one locker, on average."""
    no_show: float = 0.02
    dwell: float = 1.0
    """How long its recipients take, of the usual."""
    vain: float = 0.0
    """Requests a day for parcels that do not exist."""
    from_day: int = 0


class Ask(NamedTuple):
    """One request: is there a parcel, does it come, how long will it lie (min)."""

    demand: Demand
    real: bool
    comes: bool
    lies_min: int


@dataclass(frozen=True)
class City:
    """Alike lockers, and who serves them."""

    name: str
    title: str
    doors: dict[str, int]
    low: int
    sizes: dict[str, float]
    wants_low: float
    carriers: tuple[Carrier, ...]
    lockers: int
    days: int
    dwell: tuple[float, float] = DWELL
    """How long parcels lie: mean and spread of the logarithm of the hours."""
    hold_h: int = HOLD_H
    """How long a claim waits for its courier, in hours."""

    def compartments(self) -> list[Compartment]:
        """The doors of one locker; the low ones stand evenly among all sizes."""
        names = [name for name, count in self.doors.items() for _ in range(count)]
        low = {len(names) * n // self.low for n in range(self.low)}
        return [
            Compartment(
                number=place + 1,
                width_mm=BOX[name].w_mm,
                height_mm=BOX[name].h_mm,
                depth_mm=BOX[name].d_mm,
                floor_mm=400 if place in low else 1300,
                top_mm=900 if place in low else 1800,
                max_g=25_000,
            )
            for place, name in enumerate(names)
        ]

    def shortened(self, days: int) -> "City":
        """Return the same city for fewer days; who comes later comes as much earlier."""
        carriers = tuple(
            replace(one, from_day=one.from_day * days // self.days) for one in self.carriers
        )
        return replace(self, days=days, carriers=carriers)

    def asked(self, carrier: Carrier, rng: Random) -> list[Ask]:
        """What a carrier asks for on one day at one locker, in the order in which it asks."""
        real = [self._ask(carrier, rng, real=True) for _ in range(poisson(carrier.parcels, rng))]
        vain = [self._ask(carrier, rng, real=False) for _ in range(poisson(carrier.vain, rng))]
        asks = real + vain
        rng.shuffle(asks)
        return asks

    def _ask(self, carrier: Carrier, rng: Random, *, real: bool) -> Ask:
        (size,) = rng.choices(list(self.sizes), list(self.sizes.values()))
        needs = ("low",) if rng.random() < self.wants_low else ()
        hours = rng.lognormvariate(*self.dwell) * carrier.dwell
        comes = rng.random() >= carrier.no_show
        lies = min(DWELL_MIN_MAX, round(hours * 60))
        return Ask(BOX[size].demand(1_000, needs), real, real and comes, lies)

    def visits(self, day: int) -> Iterator[tuple[int, Carrier]]:
        """Who comes when on a day, first to last."""
        there = [one for one in self.carriers if one.from_day <= day]
        for one in sorted(there, key=lambda one: (one.comes_at, one.name)):
            yield one.comes_at, one


def poisson(mean: float, rng: Random) -> int:
    """Draw from a Poisson distribution (Knuth's product of uniforms)."""
    count, product, limit = 0, rng.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * rng.random()
    return count


FULL = City(
    "full",
    "One size, 40 compartments; more is asked for than there is room (117 %)",
    doors={"S": 40},
    low=0,
    sizes={"S": 1},
    wants_low=0,
    carriers=(
        Carrier("large", 5, 8 * 60, 22),
        Carrier("middle", 3, 10 * 60, 9),
        Carrier("small", 2, 12 * 60, 5, no_show=0.15),
    ),
    lockers=3,
    days=400,
)
LIGHT = replace(
    FULL,
    name="light",
    title="One size, 40 compartments; a third less is asked for (79 %)",
    carriers=tuple(
        replace(one, parcels=parcels)
        for one, parcels in zip(FULL.carriers, (14, 6, 4), strict=True)
    ),
)
YEAR = City(
    "year",
    "A city’s year: four sizes; one is slow, one hoards, one enters on day 180",
    doors={"S": 16, "M": 14, "L": 8, "XL": 2},
    low=8,
    sizes={"S": 0.5, "M": 0.32, "L": 0.18},
    wants_low=0.03,
    carriers=(
        Carrier("large", 5, 8 * 60, 16),
        Carrier("slow", 3, 9 * 60 + 30, 8, dwell=1.8),
        Carrier("hoarder", 2, 7 * 60, 5, vain=12),
        Carrier("small", 2, 12 * 60, 5),
        Carrier("entrant", 2, 13 * 60, 4, from_day=180),
    ),
    lockers=4,
    days=365,
)
CITIES = (FULL, LIGHT, YEAR)
