"""A locker's days under one way of deciding: who asked, who was served, who may complain."""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from fellesskap_backend.allocation.deciding import Request
from fellesskap_backend.allocation.division import divide, quotas_of
from fellesskap_backend.allocation.policy import FairShare, minute_of
from fellesskap_backend.allocation.standing import DAYS, Standing
from fellesskap_backend.allocation.view import Use
from fellesskap_protocol.capacity import Compartment, Demand, choose
from tests.fairness.city import DAY_MIN, Ask, Carrier, City
from tests.fairness.complaints import Lent, is_justified
from tests.fairness.ways import Fair, FirstCome, Seen

CUT_OFF_MIN = 6 * 60
"""When a batch decides, before the first courier."""


@dataclass
class Tally:
    """What one way gave: by carrier, real parcels asked for and served; and who may complain."""

    asked: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    low: Counter[bool] = field(default_factory=Counter)
    """Requests for a low compartment, by whether they were served."""
    complaints: int = 0
    """Refusals that are complained of with reason."""
    complainers: int = 0
    """Carriers' days with at least one of them."""
    days: int = 0

    def add(self, other: "Tally") -> None:
        """Add what another locker gave."""
        self.asked += other.asked
        self.served += other.served
        self.low += other.low
        self.complaints += other.complaints
        self.complainers += other.complainers
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
    lent: Lent


class _Claim(NamedTuple):
    until: int
    demand: Demand
    use: Use
    lent: Lent


class Locker:
    """One locker of the city, its doors and the memory of who used them."""

    def __init__(self, city: City, way: FirstCome, rules: FairShare, rng: Random) -> None:
        self.city, self.way, self.rng = city, way, rng
        self.tally = Tally()
        self._doors = city.compartments()
        self._lying: list[_Lying] = []
        self._claims: list[_Claim] = []
        self._records: deque[Counter[tuple[str, str]]] = deque(maxlen=DAYS)
        self._division = divide(rules, self._doors)
        self._kept_until = minute_of(rules.hold.kept_until)

    def live(self, day: int) -> None:
        """Live one day: a cut-off if the way has one, then each courier's visit."""
        self.tally.days += 1
        self._lying = [one._replace(lent="") for one in self._lying]
        self._claims = [one._replace(lent="") for one in self._claims]
        self._records.append(Counter())
        visits = list(self.city.visits(day))
        asked = {carrier.name: self.city.asked(carrier, self.rng) for _, carrier in visits}
        given: dict[str, list[_Claim | None]] = {}
        if isinstance(self.way, Fair) and self.way.batch:
            given = self._cut_off(self.way, day, asked)
        for minute, carrier in visits:
            asks = asked[carrier.name]
            self._visit(day, minute, carrier, asks, given.get(carrier.name, [None] * len(asks)))

    def _cut_off(
        self, way: Fair, day: int, asked: dict[str, list[Ask]]
    ) -> dict[str, list[_Claim | None]]:
        requests = {
            f"{name} {day} {n}": Request(name, ask.demand)
            for name, asks in asked.items()
            for n, ask in enumerate(asks)
        }
        seen = self._seen(day, CUT_OFF_MIN)
        used = seen.used()
        answers = way.decide_all(seen, requests, self.rng.randbytes(16))
        claims = {
            name: None if use is None else self._claim(seen, used, day, requests[name].demand, use)
            for name, use in answers.items()
        }
        return {
            name: [claims[f"{name} {day} {n}"] for n in range(len(asks))]
            for name, asks in asked.items()
        }

    def _visit(
        self, day: int, minute: int, carrier: Carrier, asks: list[Ask], given: list[_Claim | None]
    ) -> None:
        """Decide what was not given yet, put in what comes, and leave claims of what does not."""
        seen = self._seen(day, minute)
        used = seen.used()
        open_ = [place for place, claim in enumerate(given) if claim is None]
        answers = self.way.decide(seen, carrier, [asks[place].demand for place in open_])
        refused = []
        for place, use in zip(open_, answers, strict=True):
            demand = asks[place].demand
            if use is None:
                refused.append(demand)
            else:
                given[place] = self._claim(seen, used, day, demand, use)
        self._judge(seen, used, carrier.name, refused)
        record = self._records[-1]
        for ask, claim in zip(asks, given, strict=True):
            self.tally.asked[carrier.name] += ask.real
            self.tally.low[claim is not None] += ask.real and bool(ask.demand.needs)
            if claim is None:
                continue
            record[carrier.name, "holds"] += 1
            record[carrier.name, "no_shows"] += not ask.comes
            if ask.comes:
                self._put_in(day * DAY_MIN + minute, ask, claim)
            # Who does not come is served too: it was given the room it asked for.
            self.tally.served[carrier.name] += ask.real

    def _claim(
        self, seen: Seen, used: Counter[tuple[str, str]], day: int, demand: Demand, use: Use
    ) -> _Claim:
        """Promise room; note whether it is beyond the entitlement, and lent before its hour."""
        lent: Lent = ""
        if not use.accessible:
            key = (use.carrier, use.size)
            used[key] += 1
            if used[key] > self._quotas(seen).get(key, 0):
                lent = "late" if seen.minute > self._kept_until else "early"
        usual_s = self.city.hold_h * 3_600
        hold_min = self.way.hold_s(self._standing(use.carrier), usual_s) // 60
        claim = _Claim(day * DAY_MIN + seen.minute + hold_min, demand, use, lent)
        self._claims.append(claim)
        return claim

    def _put_in(self, now: int, ask: Ask, claim: _Claim) -> None:
        self._claims.remove(claim)
        others = [one.demand for one in self._claims]
        number = choose(ask.demand, others, self._usable(now))
        assert number is not None, "what was promised has a door"
        self._lying.append(_Lying(now + ask.lies_min, number, claim.use, claim.lent))
        self._records[-1][claim.use.carrier, "minutes"] += ask.lies_min

    def _judge(
        self, seen: Seen, used: Counter[tuple[str, str]], name: str, refused: list[Demand]
    ) -> None:
        """Count what was refused to a carrier and should not have been."""
        lying = [(self._doors[one.door - 1], one.use, one.lent) for one in self._lying]
        claims = [(one.demand, one.use, one.lent) for one in self._claims]
        count = 0
        for demand in refused:
            quotas = self._quotas(seen)
            if is_justified(demand, name, seen, (quotas, used), (lying, claims)):
                count += 1
        self.tally.complaints += count
        self.tally.complainers += count > 0

    def _quotas(self, seen: Seen) -> dict[tuple[str, str], int]:
        return quotas_of(self._division, seen.weights, seen.entrants)

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


def replay(city: City, way: FirstCome, seed: int, number: int) -> Tally:
    """Replay the days of one locker of a city; the same seed asks the same of every way."""
    rules = way.policy if isinstance(way, Fair) else Fair("").policy
    locker = Locker(city, way, rules, Random(f"{seed} {city.name} {number}"))
    for day in range(city.days):
        locker.live(day)
    return locker.tally
