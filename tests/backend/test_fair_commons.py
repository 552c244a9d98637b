"""Quotas, commons and reserves are the capacity, to the door: as answers give it away."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fellesskap_backend.allocation.deciding import Request, decide
from fellesskap_backend.allocation.policy import FairShare, from_json, stored
from fellesskap_backend.allocation.view import Shares, View
from fellesskap_backend.decisions.record import canonical
from fellesskap_backend.decisions.rules import Carrier, Rules, layout_of, shares_of
from tests.backend.fair import LENT, POLICY, SIZES, locker, parcel
from tests.backend.ruled import row_of

DOORS = 40
WEIGHTS = {"1": 5, "2": 3, "3": 2}
NOBODY = "9"
"""Who has no weight, and so is guaranteed nothing."""
Review = Mapping[tuple[str, str], int]


class Locker(NamedTuple):
    """A locker of one size, and who is entitled to what of it."""

    size: str
    doors: int
    low: int
    shares: Shares

    @classmethod
    def of(
        cls,
        policy: FairShare = POLICY,
        *,
        size: str = "S",
        doors: int = DOORS,
        low: int = 0,
        entrants: frozenset[str] = frozenset(),
        review: Review | None = None,
    ) -> "Locker":
        carriers = tuple(
            Carrier(int(name), weight, name in entrants, 0, 0, 0, 0)
            for name, weight in WEIGHTS.items()
        )
        quotas = None
        if review is not None:
            quotas = canonical([[*key, units] for key, units in review.items()]).decode()
        rules = Rules(row_of(policy).body, "2026-06-01", carriers, quotas)
        return cls(size, doors, low, shares_of(rules, layout_of(locker(size * doors, low))))

    @property
    def quotas(self) -> dict[str, int]:
        return {who: self.shares.quotas.get((who, self.size), 0) for who in WEIGHTS}

    def given(self) -> Counter[str]:
        """Let somebody without a part ask for every door in the afternoon; count of which part."""
        every = locker(self.size * self.doors, self.low)
        view, found = View((every, every), self.shares, minute=LENT), Counter[str]()
        request = Request(NOBODY, parcel(self.size))
        for _ in range(self.doors):
            decision = decide(POLICY, view, request)
            if decision.use is None or decision.part is None:
                break
            view.give(request.demand, decision.use)
            found[decision.part] += 1
        return found


def changed(policy: FairShare = POLICY, **fields: Any) -> FairShare:
    return from_json(policy.model_copy(update=fields).model_dump_json())


def before() -> FairShare:
    """A version that was announced before it could say what is common."""
    return stored(POLICY.model_dump_json(exclude={"commons"}))


FREED = {("1", "S"): 7, ("2", "S"): 7, ("3", "S"): 4}
"""What a review left of 11, 7 and 4."""


@pytest.mark.parametrize(
    ("entrants", "review", "common", "guaranteed"),
    [
        (frozenset(), None, 18, 22),
        (frozenset({"3"}), None, 16, 24),
        (frozenset(), FREED, 22, 18),
        (frozenset({"3"}), {("1", "S"): 20, ("2", "S"): 0, ("3", "S"): 1}, 19, 21),
        (frozenset(), {("1", "S"): 25}, 18, 22),
    ],
    ids=["without entrants", "with one", "freed by a review", "both", "a review that is void"],
)
def test_of_forty_doors_what_is_nobodys_is_common_and_the_rest_is_lent(
    entrants: frozenset[str], review: Review | None, common: int, guaranteed: int
) -> None:
    here = Locker.of(entrants=entrants, review=review)
    assert sum(here.quotas.values()) == guaranteed
    assert here.given() == {"commons": common, "lent": guaranteed}


def test_versions_of_before_still_call_it_lent() -> None:
    here = Locker.of(before())
    assert here.given() == {"commons": 16, "lent": 24}
    assert Locker.of(before(), review=FREED).given() == {"commons": 16, "lent": 24}
    assert before().commons == "as_divided"
    assert stored(POLICY.model_dump_json()) == POLICY


def test_where_nobody_has_a_weight_all_is_common() -> None:
    rules = Rules(row_of(POLICY).body, "2026-06-01")
    here = Locker("S", DOORS, 0, shares_of(rules, layout_of(locker("S" * DOORS))))
    assert here.given() == {"commons": DOORS}
    assert here.shares.commons("M") == 0, "of a size that is not there nothing is anybody's"


SHARES = st.fixed_dictionaries(
    {
        "guaranteed_permille": st.integers(0, 1_000),
        "entrant_permille": st.integers(0, 1_000),
        "accessible_permille": st.integers(0, 1_000),
        "commons": st.just("unguaranteed"),
    }
)


@given(SHARES, st.sampled_from(SIZES), st.integers(1, DOORS), st.data())
@settings(max_examples=60)
def test_quotas_commons_and_reserves_are_the_capacity(
    fields: dict[str, Any], size: str, doors: int, data: st.DataObject
) -> None:
    """Whoever comes is given the commons, then others' parts; for low ones is kept what is left."""
    low = data.draw(st.integers(0, doors))
    entrants = data.draw(st.frozensets(st.sampled_from(sorted(WEIGHTS)), max_size=3))
    policy = changed(**fields)
    plain = Locker.of(policy, size=size, doors=doors, low=low, entrants=entrants)
    review = {(who, size): data.draw(st.integers(0, units)) for who, units in plain.quotas.items()}
    for review_or_none in (None, review):
        here = Locker.of(
            policy, size=size, doors=doors, low=low, entrants=entrants, review=review_or_none
        )
        reserve, parts = here.shares.division[size].accessible, sum(here.quotas.values())
        found = here.given()
        assert found["lent"] == parts
        assert found["commons"] == here.shares.commons(size)
        assert found.total() == doors - reserve
