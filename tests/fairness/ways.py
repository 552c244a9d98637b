"""The ways of deciding that are compared: first come, a fixed partition, and `fair-share`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fellesskap_backend.allocation.batch import decide_batch
from fellesskap_backend.allocation.deciding import Request, decide
from fellesskap_backend.allocation.division import OTHER, apportion, class_of, divide, quotas_of
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.standing import Standing, held_for_s
from fellesskap_backend.allocation.view import Shares, Use, View
from fellesskap_protocol.capacity import Compartment, Demand, Matching, size_class
from tests.fairness.city import Carrier


@dataclass
class Seen:
    """A locker as a courier finds it: what is free, what is promised and lies, by whom."""

    every: list[Compartment]
    usable: list[Compartment]
    claims: list[tuple[Demand, Use]]
    lying: list[Use]
    minute: int
    weights: dict[str, int]
    entrants: frozenset[str]
    standings: dict[str, Standing] = field(default_factory=dict)

    def used(self) -> Counter[tuple[str, str]]:
        """How much of each class everybody has."""
        uses = [*self.lying, *(use for _, use in self.claims)]
        return Counter((use.carrier, use.size) for use in uses if not use.accessible)


class FirstCome:
    """Whatever fits, for whoever asks."""

    name = "first come"

    def decide(self, seen: Seen, carrier: Carrier, demands: Sequence[Demand]) -> list[Use | None]:
        """Return what each request counts as, if it is given room."""
        taken = Matching(seen.usable)
        for demand, _ in seen.claims:
            taken.add(demand)
        given = [taken.add(demand) for demand in demands]
        sizes = [size_class(demand) or OTHER for demand in demands]
        return [
            Use(carrier.name, size) if good else None
            for size, good in zip(sizes, given, strict=True)
        ]

    def hold_s(self, standing: Standing, usual_s: int) -> int:
        """Return how long a claim waits for its courier, where most wait for the usual time."""
        del standing
        return usual_s


class Partition(FirstCome):
    """All of each class divided by weight, and nothing ever lent."""

    name = "fixed partition"

    def decide(self, seen: Seen, carrier: Carrier, demands: Sequence[Demand]) -> list[Use | None]:
        """Return what each request counts as, if it is given room."""
        sizes = Counter(class_of(one) for one in seen.every)
        share = {name: apportion(count, seen.weights) for name, count in sizes.items()}
        used = seen.used()
        taken = Matching(seen.usable)
        for demand, _ in seen.claims:
            taken.add(demand)
        answers: list[Use | None] = []
        for demand in demands:
            use = Use(carrier.name, size_class(demand) or OTHER)
            key = (use.carrier, use.size)
            good = used[key] < share[use.size].get(carrier.name, 0) and taken.add(demand)
            used[key] += good
            answers.append(use if good else None)
        return answers


class Fair(FirstCome):
    """`fair-share v1`, answered at once; `batch`: all of a day's requests at a cut-off first."""

    def __init__(self, name: str, *, guaranteed_permille: int = 600, batch: bool = False) -> None:
        self.name = name
        self.batch = batch
        self.policy = FairShare(
            in_force_from=datetime(2026, 1, 1, tzinfo=UTC), guaranteed_permille=guaranteed_permille
        )

    def view(self, seen: Seen) -> View:
        """Return the locker as the policy sees it."""
        division = divide(self.policy, seen.every)
        quotas = quotas_of(division, seen.weights, seen.entrants)
        shares = Shares(division, quotas, seen.standings)
        return View(
            (seen.every, seen.usable),
            shares,
            claims=seen.claims,
            lying=seen.lying,
            minute=seen.minute,
        )

    def decide(self, seen: Seen, carrier: Carrier, demands: Sequence[Demand]) -> list[Use | None]:
        """Return what each request counts as, if it is given room."""
        view = self.view(seen)
        answers: list[Use | None] = []
        for demand in demands:
            decision = decide(self.policy, view, Request(carrier.name, demand))
            if decision.use is not None:
                view.give(demand, decision.use)
            answers.append(decision.use)
        return answers

    def decide_all(
        self, seen: Seen, requests: dict[str, Request], day_key: bytes
    ) -> dict[str, Use | None]:
        """Decide the requests of a cut-off."""
        answers = decide_batch(self.policy, self.view(seen), requests, day_key)
        return {name: one.use for name, one in answers.items()}

    def hold_s(self, standing: Standing, usual_s: int) -> int:
        """Return how long a claim waits for its courier; a no-show's, for a shorter time."""
        return held_for_s(self.policy, standing, usual_s)


WAYS: tuple[FirstCome, ...] = (
    FirstCome(),
    Partition(),
    Fair("fair-share, at once"),
    Fair("fair-share, batch", batch=True),
)
