"""The policy as data, what it divides, and the quarter's review."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fellesskap_backend.allocation.division import apportion, divide, quotas_of
from fellesskap_backend.allocation.policy import (
    FairShare,
    Hold,
    NotInForce,
    check_successor,
    from_json,
)
from fellesskap_backend.allocation.quotas import propose_quotas
from fellesskap_backend.allocation.standing import (
    Standing,
    held_for_s,
    is_batch,
    lent_weight,
    load_permille,
    no_show_permille,
)
from fellesskap_backend.allocation.wording import Language, plain
from tests.backend.fair import CARRIERS, POLICY, SIZES, locker
from tests.golden import assert_golden

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_policy_is_read_as_it_was_written() -> None:
    assert from_json(POLICY.model_dump_json()) == POLICY
    assert str(POLICY) == "fair-share v1"
    with pytest.raises(ValidationError):
        POLICY.guaranteed_permille = 1


WRONG = {
    "a share over the whole": '"guaranteed_permille": 1001',
    "a word that is unknown": '"weights": {}',
    "no date": '"in_force_from": "2026-01-01T00:00:00"',
    "a time that is none": '"cut_offs": ["24:00"]',
    "no cut-off": '"cut_offs": []',
    "cut-offs out of order": '"cut_offs": ["20:00", "06:00"]',
    "lent before it is kept": '"hold": {"kept_until": "14:00", "lent_at": "10:00"}',
}


@pytest.mark.parametrize("what", WRONG)
def test_a_policy_that_contradicts_itself_is_refused(what: str) -> None:
    text = f'{{"in_force_from": "2026-01-01T00:00:00Z", {WRONG[what]}}}'
    with pytest.raises(ValueError, match="validation error"):
        from_json(text)


def test_a_policy_is_changed_only_with_a_date_in_the_future() -> None:
    after = {"version": 2, "in_force_from": NOW + timedelta(days=1)}
    check_successor(NOW, POLICY, POLICY.model_copy(update=after))
    for wrong in ({"version": 3}, {"version": 1}, {"in_force_from": NOW}):
        with pytest.raises(NotInForce):
            check_successor(NOW, POLICY, POLICY.model_copy(update=after | wrong))


def test_people_read_the_policy_in_norwegian_and_english() -> None:
    text = plain(POLICY, "nb") + "\n" + plain(POLICY, "en")
    assert_golden(Path(__file__).parent / "golden/fair_share.txt", text)


CLOCKS = st.integers(0, 1_439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
PERMILLE = st.integers(0, 1_000)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "version": st.integers(1, 9),
    "in_force_from": st.integers(0, 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    "zone": st.sampled_from(["Europe/Oslo", "Europe/Stockholm", "UTC"]),
    "guaranteed_permille": PERMILLE,
    "entrant_permille": PERMILLE,
    "accessible_permille": PERMILLE,
    "reserved": st.sampled_from(["counted", "in_place", "anywhere"]),
    "commons": st.sampled_from(["unguaranteed", "as_divided"]),
    "batch_above_permille": PERMILLE,
    "cut_offs": st.sets(CLOCKS, min_size=1, max_size=3).map(sorted),
    "memory_permille": PERMILLE,
    "hold.kept_from": CLOCKS,
    "hold.kept_until": CLOCKS,
    "hold.lent_at": CLOCKS,
    "no_show.tolerated_permille": PERMILLE,
    "no_show.holds_min": st.integers(1, 10**9),
    "no_show.weight_permille_min": PERMILLE,
    "use_it.used_permille": PERMILLE,
    "use_it.headroom_permille": st.integers(1_000, 2_000),
}
"""All that can be said of a version but its name."""


def flat(data: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in data.items():
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {before + name: value}
    return found


def with_one(policy: FairShare, name: str, value: object) -> FairShare | None:
    """Return a policy that differs in one field; None where that contradicts itself."""
    data = policy.model_dump()
    *into, last = name.split(".")
    (data[into[0]] if into else data)[last] = value
    try:
        return FairShare.model_validate(data)
    except ValidationError:
        return None


def test_every_field_of_a_policy_is_changed_below() -> None:
    assert flat(POLICY.model_dump()).keys() == {"name", *FIELDS}


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
@settings(max_examples=20)
def test_two_policies_that_differ_read_differently_in_both_languages(
    name: str, data: st.DataObject
) -> None:
    one = POLICY
    for each in data.draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=4)):
        one = with_one(one, each, data.draw(FIELDS[each])) or one
    value = data.draw(FIELDS[name])
    other = with_one(one, name, value)
    assume(other is not None and other != one)
    assert other is not None
    for language in get_args(Language):
        assert plain(one, language) != plain(other, language)


@given(st.integers(0, 1_439))
def test_what_is_kept_falls_with_the_hour_and_is_whole_again_in_the_evening(minute: int) -> None:
    hold = Hold()
    now, later = hold.kept_permille(minute), hold.kept_permille((minute + 1) % 1_440)
    assert 0 <= now <= 1_000
    assert later <= now or minute + 1 == 20 * 60


# Division ----------------------------------------------------------------------------------------

SHARES = st.fixed_dictionaries(
    dict.fromkeys(
        ("guaranteed_permille", "entrant_permille", "accessible_permille"), st.integers(0, 1_000)
    )
)


@given(st.lists(st.sampled_from(SIZES), max_size=40), st.integers(0, 40), SHARES, st.data())
def test_quotas_are_what_is_guaranteed_and_for_entrants_only_where_there_are_any(
    sizes: list[str], low: int, shares: dict[str, int], data: st.DataObject
) -> None:
    every = locker("".join(sizes), low)
    division = divide(POLICY.model_copy(update=shares), every)
    weights = {name: data.draw(st.integers(1, 9)) for name in CARRIERS}
    entrants = data.draw(st.sets(st.sampled_from(CARRIERS), max_size=2))
    quotas = quotas_of(division, weights, entrants)
    assert sum(one.capacity for one in division.values()) == len(every)
    for size, one in division.items():
        settled = sum(quotas[name, size] for name in CARRIERS if name not in entrants)
        new = sum(quotas[name, size] for name in entrants)
        assert (settled, new) == (one.guaranteed, one.entrants if entrants else 0)
        assert min(one.guaranteed, one.entrants, one.accessible, one.beside) >= 0
    alike = quotas_of(division, dict(reversed(weights.items())), entrants)
    assert alike == quotas


@given(st.integers(0, 50), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)))
def test_shares_are_whole_and_nobody_is_a_compartment_from_its_part(
    units: int, weights: dict[str, int]
) -> None:
    parts = apportion(units, weights)
    assert sum(parts.values()) == (units if weights else 0)
    for name, part in parts.items():
        assert abs(part - units * weights[name] / sum(weights.values())) < 1
    assert apportion(units, dict.fromkeys(weights, 0)) == dict.fromkeys(weights, 0)


# Standing ----------------------------------------------------------------------------------------


def test_no_shows_count_above_the_tolerated_rate_and_never_more_than_half() -> None:
    rates = {2: 1_000, 5: 1_000, 10: 900, 30: 500, 90: 500}
    for no_shows, permille in rates.items():
        standing = Standing(weight=1_000, holds=100, no_shows=no_shows)
        assert lent_weight(POLICY, standing) == permille
        assert held_for_s(POLICY, standing, 3_600) == 3_600 * permille // 1_000
    few = Standing(weight=1, holds=19, no_shows=19)
    assert no_show_permille(POLICY, few) == 0


def test_causes_beyond_the_carriers_control_are_left_out() -> None:
    faults = Standing(weight=1, holds=100, no_shows=40, excused=40)
    assert no_show_permille(POLICY, faults) == 0
    assert no_show_permille(POLICY, Standing(1, holds=100, no_shows=40, excused=20)) == 250


def test_a_day_is_decided_in_batches_from_the_published_load_on() -> None:
    assert [is_batch(POLICY, load_permille(hours, 960)) for hours in (0, 815, 816)] == [
        *(False, False, True)
    ]
    assert load_permille(10, 0) == 10_000


# The quarter -------------------------------------------------------------------------------------


def test_who_does_not_use_its_part_keeps_what_it_uses_and_a_tenth() -> None:
    quotas = {("east", "S"): 10, ("north", "S"): 10, ("south", "S"): 10}
    use = {("east", "S"): [8] * 90, ("north", "S"): [5] * 90, ("south", "S"): [0] * 90}
    proposal = propose_quotas(POLICY, quotas, use, floors={("south", "S"): 2}, waiting={})
    assert proposal.quotas == {("east", "S"): 10, ("north", "S"): 6, ("south", "S"): 2}
    assert proposal.to_commons == {"S": 12}


def test_what_is_freed_goes_to_who_waits_then_to_the_commons() -> None:
    quotas = {("east", "S"): 10}
    waiting = {("new", "S"): 3, ("other", "S"): 9, ("new", "M"): 5}
    proposal = propose_quotas(POLICY, quotas, {("east", "S"): [2] * 90}, floors={}, waiting=waiting)
    assert proposal.quotas == {("east", "S"): 3, ("new", "S"): 3, ("other", "S"): 4}
    assert proposal.to_commons == {"S": 0}
    silent = propose_quotas(POLICY, quotas, {}, floors={}, waiting=waiting)
    assert silent.quotas == {("east", "S"): 10}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(CARRIERS), st.sampled_from(SIZES)), st.integers(0, 12)
    ),
    st.data(),
)
def test_a_review_gives_away_no_more_than_there_was(
    quotas: dict[tuple[str, str], int], data: st.DataObject
) -> None:
    some = st.dictionaries(
        st.tuples(st.sampled_from(CARRIERS), st.sampled_from(SIZES)), st.integers(0, 5)
    )
    use = {key: data.draw(st.lists(st.integers(0, 15), max_size=8)) for key in quotas}
    floors = data.draw(some)
    proposal = propose_quotas(POLICY, quotas, use, floors=floors, waiting=data.draw(some))
    after = sum(proposal.quotas.values()) + sum(proposal.to_commons.values())
    assert after == sum(quotas.values())
    for key, units in quotas.items():
        assert proposal.quotas[key] >= min(units, floors.get(key, 0))
