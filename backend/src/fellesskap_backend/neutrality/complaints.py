"""PURE: who was entitled to what when something was decided, and who may complain of it.

A carrier complains with reason if it was refused while it had less than its entitlement, and would
have been given a compartment of its class had nobody else been given more than *its* entitlement.
Such a refusal is explained, and no fault of the rule, where what others have beyond theirs

- was given after the published hour until which entitlements are kept (`given_later`), or
- lies in the locker already: no parcel is taken out for another's (`lies_there`).

Else it is `unexplained`: of these there must be none. Present rows are not asked: a body says what
was known, and names earlier ones by their numbers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from fellesskap_backend.allocation.division import (
    Division,
    class_of,
    divide,
    quotas_of,
    reviewed,
)
from fellesskap_backend.allocation.view import Use
from fellesskap_backend.neutrality import said as saying
from fellesskap_backend.neutrality.said import CONFIRMED, Rulebook, Said
from fellesskap_protocol.capacity import Compartment, Demand, Matching

Why = Literal["unexplained", "given_later", "lies_there"]
BECAUSE: dict[Why, str] = {
    "unexplained": "Others were given more than their part while yours was to be kept.",
    "given_later": "Others were given more than their part after the hour until which it is kept.",
    "lies_there": "Parcels of others beyond their part lay there; none is taken out for another's.",
}
REFUSED = ("locker_full", "quota_exceeded")
BEYOND = ("commons", "lent")
"""Parts that no entitlement gives."""
ALL_PERMILLE = 1_000


class Complaint(NamedTuple):
    """A refusal that is complained of with reason, and what explains it."""

    decision: str
    locker_id: str
    carrier: str
    at: datetime
    why: Why


class Given(NamedTuple):
    """A claim, as later decisions see it."""

    demand: Demand
    use: Use | None = None
    is_beyond: bool = False
    """Whether no entitlement gave it."""
    minute: int = 0
    """When it was given: the minute of the day at the locker."""
    rules: str = ""
    """By which rules: their digest."""


class Lacking(NamedTuple):
    """What a decision refers to that is not remembered: numbers, a layout, a rulebook."""

    numbers: set[int]
    layout: bool
    rules: bool


class Shares(NamedTuple):
    """How a locker is divided, and who is entitled to how much of each class."""

    division: Mapping[str, Division]
    quotas: Mapping[tuple[str, str], int]


@dataclass
class Log:
    """One locker's decisions: what later ones refer to."""

    _given: dict[int, Given] = field(default_factory=dict)
    _layouts: dict[str, tuple[Compartment, ...]] = field(default_factory=dict)
    _rules: dict[str, Rulebook] = field(default_factory=dict)
    _shares: dict[tuple[str, str], Shares] = field(default_factory=dict)

    def remember(self, said: Said) -> None:
        """Keep what a decision gave, and what it writes out for later ones."""
        every, rules = saying.compartments_of(said), saying.rulebook_of(said)
        if every is not None:
            self._layouts[said.layout] = every
        if rules is not None and said.rules is not None:
            self._rules[said.rules] = rules
        if said.outcome == CONFIRMED and said.hold == "hard":
            use, is_beyond = saying.own_use(said), said.part in BEYOND
            minute = saying.minute_of(said)
            self._given[said.number] = Given(said.demand, use, is_beyond, minute, said.rules or "")

    def lacks(self, said: Said) -> Lacking:
        """Return what has to be remembered before a decision is looked into."""
        numbers = set(saying.claims_of(said)) - self._given.keys()
        rules = said.rules is not None and said.rules not in self._rules
        return Lacking(numbers, said.layout not in self._layouts, rules)

    def unused(self, said: Said) -> dict[str, int]:
        """Return what each carrier was entitled to in the request's class and had not used.

        By the carrier's number; before the decision itself.
        """
        used = self._used(said)
        return {
            carrier: max(0, units - used[Use(carrier, size)])
            for (carrier, size), units in self._shares_at(said).quotas.items()
            if size == said.size
        }

    def judge(self, said: Said) -> Complaint | None:
        """Judge a refusal below its entitlement; None if nobody else could have made room."""
        why = self._why(said)
        if why is None:
            return None
        return Complaint(said.id, said.locker_id, said.carrier, said.at, why)

    def _is_early(self, one: Given, said: Said) -> bool:
        """Say whether a claim was given while all entitlements were to be kept.

        By its own rules; where they are written out nowhere near, by those of the refusal.
        """
        rules = self._rules.get(one.rules) or self._rules.get(said.rules or "")
        return rules is not None and rules.policy.hold.kept_permille(one.minute) == ALL_PERMILLE

    def _why(self, said: Said) -> Why | None:
        every = self._layouts.get(said.layout, ())
        usable = saying.usable_of(said)
        doors = [one for one in every if one.number in usable]
        claims = list(self._claims(said))
        reserved = list(self._reserved(said))
        beyond = [one for one in claims if one.is_beyond and not _is_own(one, said)]
        early = [one for one in beyond if self._is_early(one, said)]
        later = [one for one in beyond if not self._is_early(one, said)]
        # What was given later explains a refusal wherever it alone would have made room.
        ways: tuple[tuple[Why, list[Given]], ...] = (
            ("given_later", later),
            ("unexplained", early),
            ("given_later", beyond),
        )
        for why, away in ways:
            left = [one.demand for one in claims if not any(one is gone for gone in away)]
            if away and _has_room(said, doors, [*left, *reserved]):
                return why
        occupied = [one for one in every if one.number not in usable]
        could = _has_room(said, occupied, ()) and self._lies_beyond(said)
        return "lies_there" if could else None

    def _claims(self, said: Said) -> Iterator[Given]:
        """Yield all that was promised when something was decided."""
        uses = saying.uses_of(said)
        for number in saying.claims_of(said):
            if number in self._given:
                one = self._given[number]
                yield one._replace(use=uses[number]) if number in uses else one
        for demand, use in saying.promised_of(said):
            yield Given(demand, use)

    def _used(self, said: Said) -> Counter[Use]:
        used = saying.lying_of(said)
        used.update(one.use for one in self._claims(said) if one.use is not None)
        return used

    def _shares_at(self, said: Said) -> Shares:
        """Return who was entitled to what; nobody to anything where no such rules were in force."""
        rules, every = self._rules.get(said.rules or ""), self._layouts.get(said.layout)
        if rules is None or every is None:
            return Shares({}, {})
        key = (said.layout, said.rules or "")
        if key not in self._shares:
            self._shares[key] = shares_of(rules, every)
        return self._shares[key]

    def _reserved(self, said: Said) -> Iterator[Demand]:
        """Yield what is kept for whoever asks for a low one, unless that is who is refused."""
        if "low" in said.demand.needs:
            return
        taken: Counter[str] = Counter()
        for use, units in self._used(said).items():
            taken[use.size] += units if use.accessible else 0
        for size, one in self._shares_at(said).division.items():
            kept = Demand(1, 1, 1, 0, (_label(size), "low"))
            yield from (kept for _ in range(one.accessible - taken[size]))

    def _lies_beyond(self, said: Said) -> bool:
        """Say whether parcels of others, beyond their part, lie in the class asked for."""
        quotas, used = self._shares_at(said).quotas, self._used(said)
        return any(
            use.size == said.size
            and not use.accessible
            and use.carrier != said.known_as
            and used[use] > quotas.get((use.carrier, use.size), 0)
            for use in saying.lying_of(said)
        )


def is_below(said: Said) -> bool:
    """Say whether somebody was refused for want of room with less than its entitlement in use."""
    entitled = said.quota is not None and said.used is not None and said.used < said.quota
    return entitled and said.hold == "hard" and said.outcome in REFUSED


def shares_of(rules: Rulebook, every: Sequence[Compartment]) -> Shares:
    """Return who is entitled to what: by weight, and by a review where it fits its class."""
    division = divide(rules.policy, every)
    quotas = quotas_of(division, rules.weights, rules.entrants)
    return Shares(division, reviewed(division, quotas, rules.review))


def _is_own(one: Given, said: Said) -> bool:
    return one.use is not None and one.use.carrier == said.known_as


def _has_room(said: Said, doors: Iterable[Compartment], promised: Iterable[Demand]) -> bool:
    """Say whether a door of its class were left beside what is promised."""
    matching = Matching(map(_labelled, doors))
    for one in promised:
        matching.add(one)
    needs = (*said.demand.needs, _label(said.size))
    return matching.add(msgspec.structs.replace(said.demand, needs=needs))


def _labelled(door: Compartment) -> Compartment:
    features = (*door.features, _label(class_of(door)))
    return msgspec.structs.replace(door, features=features)


def _label(size: str) -> str:
    return f"class {size}"
