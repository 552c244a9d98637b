"""PURE: by which rules `fair-share` decides at a locker: the policy in force, standings, quotas.

They are compared by what they say, so what is made of them once is used again only for the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from fellesskap_backend.allocation.division import divide, quotas_of, reviewed
from fellesskap_backend.allocation.policy import FairShare, stored
from fellesskap_backend.allocation.standing import Standing
from fellesskap_backend.allocation.view import Shares
from fellesskap_backend.decisions import record
from fellesskap_backend.decisions.record import Json, canonical, digest
from fellesskap_protocol.capacity import Compartment

KEPT_MAX = 256
"""How many days and lockers of them are remembered ready made."""


class Carrier(NamedTuple):
    """One carrier's row of a day; `weight` 0: none is published, so it is guaranteed nothing."""

    number: int
    weight: int
    is_entrant: bool
    memory_permille: int
    holds: int
    no_shows: int
    excused: int

    @property
    def standing(self) -> Standing:
        """Return how it stands; who has no weight is lent as if it were 1."""
        return Standing(max(1, self.weight), *self[3:])


@dataclass(frozen=True)
class Rules:
    """What is decided by; the policy and the reviewed quotas as canonical JSON."""

    policy: str
    day: str | None
    """Of which morning the standings are, in the policy's zone; None: there are none yet."""
    carriers: tuple[Carrier, ...] = ()
    """By number."""
    review: str | None = None
    """What a quarter's review made of this locker's quotas: `[[carrier, class, units], …]`."""

    @property
    def fair(self) -> FairShare:
        """Return the policy."""
        return _policy(self.policy)

    def minute(self, now: datetime) -> int:
        """Return the minute of the day at the locker."""
        local = self.fair.local(now)
        return local.hour * 60 + local.minute

    def written(self) -> Json:
        """Return all of it as it is written into a decision."""
        return {
            "policy": msgspec.json.decode(self.policy),
            "day": self.day,
            "carriers": self.carriers,
            "quotas": None if self.review is None else msgspec.json.decode(self.review),
        }

    @classmethod
    def read(cls, written: Json) -> "Rules":
        """Read what `written` wrote; raises `KeyError`, `TypeError`, `ValueError`."""
        quotas = written["quotas"]
        return cls(
            canonical(written["policy"]).decode(),
            written["day"],
            tuple(Carrier(*one) for one in written["carriers"]),
            None if quotas is None else canonical(quotas).decode(),
        )


@dataclass(frozen=True)
class Layout:
    """A locker's compartments, known by their digest."""

    digest: str
    every: Sequence[Compartment] = field(compare=False)


@lru_cache(maxsize=KEPT_MAX)
def layout_of(every: tuple[Compartment, ...]) -> Layout:
    """Return compartments with the digest by which decisions name them; most lockers are alike."""
    return Layout(digest(canonical(record.layout(every))), every)


@lru_cache(maxsize=KEPT_MAX)
def digest_of(rules: Rules) -> str:
    """Return by what decisions name the rules."""
    return digest(canonical(rules.written()))


@lru_cache(maxsize=KEPT_MAX)
def shares_of(rules: Rules, layout: Layout) -> Shares:
    """Return who is entitled to what of a locker."""
    division = divide(rules.fair, layout.every)
    weights = {str(one.number): one.weight for one in rules.carriers if one.weight}
    entrants = {str(one.number) for one in rules.carriers if one.is_entrant}
    quotas = quotas_of(division, weights, entrants)
    if rules.review is not None:
        quotas = reviewed(division, quotas, msgspec.json.decode(rules.review))
    standings = {str(one.number): one.standing for one in rules.carriers}
    return Shares(
        division,
        quotas,
        standings,
        reserved=rules.fair.reserved,
        as_divided=rules.fair.commons == "as_divided",
    )


@lru_cache(maxsize=16)
def _policy(text: str) -> FairShare:
    return stored(text)
