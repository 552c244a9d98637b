"""A locker's days under one way of deciding: who asked, was served, had reason to complain."""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from fellesskap_backend.allocation.deciding import Request
from fellesskap_backend.allocation.division import class_of, divide, quotas_of
from fellesskap_backend.allocation.policy import FairShare, minute_of
from fellesskap_backend.allocation.standing import DAYS, Standing
from fellesskap_backend.allocation.view import Use
from fellesskap_protocol.capacity import Compartment, Demand, choose, size_class
from tests.fairness.city import DAY_MIN, Ask, Carrier, City
from tests.fairness.ways import Fair, FirstCome, Seen

CUT_OFF_MIN = 6 * 60
"""When a batch decides, before the first courier."""


@dataclass
class Tally:
    """What one way gave: by carrier, real parcels asked for and served, complaints with reason."""

    asked: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    complaints: int = 0
    days: int = 0

    def add(self, other: "Tally") -> None:
        """Add what another locker gave."""
        self.asked += other.asked
        self.served += other.served
        self.complaints += other.complaints
        self.days += other.days

    def share(self, name: str) -> float:
        """How much of what a carrier had was served."""
        return self.served[name] / max(1, self.asked[name])

    @property
    def throughput(self) -> float:
        """How much of everything was served."""
        return sum(self.served.values()) / max(1, sum(self.asked.values()))

    @property
    def jain(self) -> float:
        """Jain's index of the served shares: 1 if all are alike."""
        shares = [self.share(name) for name in self.asked]
        return sum(shares) ** 2 / (len(shares) * sum(one * one for one in shares))


class _Lying(NamedTuple):
    until: int
    door: int
    use: Use


class _Claim(NamedTuple):
    until: int
    demand: Demand
    use: Use


class Locker:
    """One locker of the city, its doors and the memory of who used them."""

    def __init__(self, city: City, way: FirstCome, rules: FairShare, rng: Random) -> None:
        self.city, self.way, self.rng = city, way, rng
        self.tally = Tally()
        self._doors = city.compartments()
        self._lying: list[_Lying] = []
        self._claims: list[_Claim] = []
        self._records: deque[Counter[tuple[str, str]]] = deque(maxlen=DAYS)
        self._lent_today: list[tuple[str, str]] = []
        self._lent_late: list[tuple[str, str]] = []
        self._division = divide(rules, self._doors)
        self._kept_until = minute_of(rules.hold.kept_until)

    def live(self, day: int) -> None:
        """Live one day: a cut-off if the way has one, then each courier's visit."""
        self.tally.days += 1
        self._lent_today, self._lent_late = [], []
        self._records.append(Counter())
        visits = list(self.city.visits(day))
        asked = {carrier.name: self.city.asked(carrier, self.rng) for _, carrier in visits}
        given: dict[str, list[Use | None]] = {}
        if isinstance(self.way, Fair) and self.way.batch:
            given = self._cut_off(self.way, day, asked)
        for minute, carrier in visits:
            self._visit(day, minute, carrier, asked[carrier.name], given.get(carrier.name))

    def _cut_off(
        self, way: Fair, day: int, asked: dict[str, list[Ask]]
    ) -> dict[str, list[Use | None]]:
        requests = {
            f"{name} {day} {n}": Request(name, ask.demand)
            for name, asks in asked.items()
            for n, ask in enumerate(asks)
        }
        seen = self._seen(day, CUT_OFF_MIN)
        answers = way.decide_all(seen, requests, self.rng.randbytes(16))
        for name, use in answers.items():
            if use is not None:
                until = day * DAY_MIN + CUT_OFF_MIN + way.hold_s(self._standing(use.carrier)) // 60
                self._claims.append(_Claim(until, requests[name].demand, use))
        return {
            name: [answers[f"{name} {day} {n}"] for n in range(len(asks))]
            for name, asks in asked.items()
        }

    def _visit(
        self,
        day: int,
        minute: int,
        carrier: Carrier,
        asks: list[Ask],
        given: list[Use | None] | None,
    ) -> None:
        """Decide what was not decided yet, put in what comes, and leave claims of what does not."""
        now = day * DAY_MIN + minute
        seen = self._seen(day, minute)
        uses = given or [None] * len(asks)
        open_ = [place for place, use in enumerate(uses) if use is None]
        fresh = self.way.decide(seen, carrier, [asks[place].demand for place in open_])
        standing = self._standing(carrier.name)
        used = seen.used()
        lent: set[int] = set()
        for place, use in zip(open_, fresh, strict=True):
            uses[place] = use
            if self._judge(seen, used, carrier.name, asks[place].demand, use):
                lent.add(place)
            if use is not None:
                until = now + self.way.hold_s(standing) // 60
                self._claims.append(_Claim(until, asks[place].demand, use))
        record = self._records[-1]
        for place, (ask, use) in enumerate(zip(asks, uses, strict=True)):
            self.tally.asked[carrier.name] += ask.real
            if use is None:
                continue
            record[carrier.name, "holds"] += 1
            record[carrier.name, "no_shows"] += not ask.comes
            door = self._put_in(now, ask, use) if ask.comes else None
            if door is not None and place in lent:
                late = minute > self._kept_until
                (self._lent_late if late else self._lent_today).append(
                    (carrier.name, class_of(door))
                )
            # Who does not come is served too: it was given the room it asked for.
            self.tally.served[carrier.name] += ask.real

    def _put_in(self, now: int, ask: Ask, use: Use) -> Compartment | None:
        held = next((c for c in self._claims if (c.demand, c.use) == (ask.demand, use)), None)
        if held is None:
            return None
        self._claims.remove(held)
        others = [claim.demand for claim in self._claims]
        number = choose(ask.demand, others, self._usable(now))
        assert number is not None, "what was promised has a door"
        self._lying.append(_Lying(now + ask.lies_min, number, use))
        self._records[-1][use.carrier, "minutes"] += ask.lies_min
        return self._doors[number - 1]

    def _judge(
        self,
        seen: Seen,
        used: Counter[tuple[str, str]],
        name: str,
        demand: Demand,
        use: Use | None,
    ) -> bool:
        """Say whether room was given beyond the entitlement; count a complaint.

        Who is refused under its entitlement complains with reason if a door of that class was lent
        to another today, before the published hour until which entitlements are kept; and none
        was lent after it, which is the rule that it agreed to.
        """
        quotas = quotas_of(self._division, seen.weights, seen.entrants)
        if use is not None:
            used[use.carrier, use.size] += not use.accessible
            key = (use.carrier, use.size)
            return not use.accessible and used[key] > quotas.get(key, 0)
        size = size_class(demand) or ""
        lent = any(of == size and who != name for who, of in self._lent_today)
        lent &= not any(of == size and who != name for who, of in self._lent_late)
        self.tally.complaints += lent and used[name, size] < quotas.get((name, size), 0)
        return False

    def _usable(self, now: int) -> list[Compartment]:
        taken = {one.door for one in self._lying if one.until > now}
        return [one for one in self._doors if one.number not in taken]

    def _seen(self, day: int, minute: int) -> Seen:
        now = day * DAY_MIN + minute
        self._lying = [one for one in self._lying if one.until > now]
        self._claims = [one for one in self._claims if one.until > now]
        there = [one for one in self.city.carriers if one.from_day <= day]
        return Seen(
            self._doors,
            self._usable(now),
            [(one.demand, one.use) for one in self._claims],
            [one.use for one in self._lying],
            minute,
            {one.name: one.weight for one in there},
            frozenset(one.name for one in there if one.from_day),
            {one.name: self._standing(one.name) for one in there},
        )

    def _standing(self, name: str) -> Standing:
        total: Counter[str] = Counter()
        for record in self._records:
            for what in ("holds", "no_shows", "minutes"):
                total[what] += record[name, what]
        weight = next(one.weight for one in self.city.carriers if one.name == name)
        capacity = len(self._doors) * DAYS * DAY_MIN
        memory = min(1_000, 1_000 * total["minutes"] // capacity)
        return Standing(weight, memory, total["holds"], total["no_shows"])


def replay(city: City, way: FirstCome, seed: int) -> Tally:
    """Replay all lockers of a city; the same seed asks the same of every way."""
    rules = way.policy if isinstance(way, Fair) else Fair("").policy
    tally = Tally()
    for number in range(city.lockers):
        locker = Locker(city, way, rules, Random(f"{seed} {city.name} {number}"))
        for day in range(city.days):
            locker.live(day)
        tally.add(locker.tally)
    return tally
