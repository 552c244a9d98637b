"""The one rule that both sides use: fitting, serving together, choosing a door."""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.capacity import (
    SIZE_CLASSES,
    Compartment,
    Demand,
    Matching,
    choose,
    fits,
    served,
    size_class,
    usable,
)

SIDES = st.sampled_from((100, 200, 300))
DEMANDS = st.builds(
    Demand,
    w_mm=SIDES,
    h_mm=SIDES,
    d_mm=SIDES,
    g=st.sampled_from((100, 5000)),
    needs=st.sampled_from(((), (), ("low",), ("chilled",), ("upright",))),
)


def compartment(number: int, width: int = 300, height: int = 300, depth: int = 300) -> Compartment:
    return Compartment(
        number=number,
        width_mm=width,
        height_mm=height,
        depth_mm=depth,
        floor_mm=400,
        top_mm=400 + height,
        max_g=10_000,
    )


@st.composite
def cabinets(draw: st.DrawFn, most: int = 6) -> list[Compartment]:
    return [
        Compartment(
            number=number,
            width_mm=draw(SIDES),
            height_mm=draw(SIDES),
            depth_mm=draw(SIDES),
            floor_mm=draw(st.sampled_from((100, 400))),
            top_mm=1000,
            max_g=draw(st.sampled_from((1000, 10_000))),
            features=draw(st.sampled_from(((), ("chilled",)))),
        )
        for number in range(1, draw(st.integers(0, most)) + 1)
    ]


def most_served(demands: list[Demand], cabinet: list[Compartment]) -> int:
    """Serve by brute force: every assignment is tried."""
    if not demands:
        return 0
    first, rest = demands[0], demands[1:]
    best = most_served(rest, cabinet)
    for one in cabinet:
        if fits(first, one):
            left = [other for other in cabinet if other is not one]
            best = max(best, 1 + most_served(rest, left))
    return best


@given(st.lists(DEMANDS, max_size=5), cabinets(most=5))
def test_served_is_the_maximum(demands: list[Demand], cabinet: list[Compartment]) -> None:
    assert served(demands, cabinet) == most_served(demands, cabinet)


@given(st.lists(DEMANDS, max_size=12), cabinets(), st.randoms(use_true_random=False))
def test_order_changes_nothing(
    demands: list[Demand], cabinet: list[Compartment], chance: object
) -> None:
    before = served(demands, cabinet)
    chance.shuffle(demands)  # type: ignore[attr-defined]
    chance.shuffle(cabinet)  # type: ignore[attr-defined]
    assert served(demands, cabinet) == before


@given(st.lists(DEMANDS, max_size=12), cabinets(), DEMANDS)
def test_one_more_demand_is_served_or_changes_nothing(
    demands: list[Demand], cabinet: list[Compartment], more: Demand
) -> None:
    matching = Matching(cabinet)
    for demand in demands:
        matching.add(demand)
    before = matching.size
    assert matching.size == served(demands, cabinet)
    assert matching.add(more) == (served([*demands, more], cabinet) == before + 1)
    assert matching.size == served([*demands, more], cabinet)


@given(st.lists(DEMANDS, max_size=10), cabinets(), DEMANDS)
def test_chosen_door_fits_and_costs_no_other_claim_its_place(
    others: list[Demand], cabinet: list[Compartment], here: Demand
) -> None:
    number = choose(here, others, cabinet)
    allowed = [
        one
        for one in cabinet
        if fits(here, one)
        and served(others, [left for left in cabinet if left is not one]) == served(others, cabinet)
    ]
    if number is None:
        assert not allowed
        return
    best = min(allowed, key=lambda one: (one.volume_mm3, one.number))
    assert number == best.number


@given(st.lists(DEMANDS, max_size=8), cabinets(), DEMANDS)
def test_confirmed_claim_always_finds_a_door(
    others: list[Demand], cabinet: list[Compartment], here: Demand
) -> None:
    """What the backend confirms, the edge can open: a claim that raises `served` is choosable."""
    if served([*others, here], cabinet) == served(others, cabinet) + 1:
        assert choose(here, others, cabinet) is not None


@given(st.lists(DEMANDS, max_size=8), cabinets(), DEMANDS)
def test_choice_depends_on_no_order(
    others: list[Demand], cabinet: list[Compartment], here: Demand
) -> None:
    expected = choose(here, others, cabinet)
    assert choose(here, others[::-1], cabinet[::-1]) == expected


def test_doors_to_avoid_are_offered_last() -> None:
    cabinet = [compartment(1), compartment(2)]
    parcel = Demand(100, 100, 100, 1)
    assert choose(parcel, [], cabinet) == 1
    assert choose(parcel, [], cabinet, avoid={1}) == 2
    assert choose(parcel, [], cabinet, avoid={1, 2}) == 1


def test_small_parcel_leaves_the_large_door_to_the_large_claim() -> None:
    cabinet = [compartment(1), compartment(2, 400, 400, 400)]
    large = Demand(400, 400, 400, 1)
    assert choose(large, [], cabinet) == 2
    assert choose(Demand(100, 100, 100, 1), [large], cabinet) == 1
    assert choose(Demand(100, 100, 100, 1), [large], [cabinet[1]]) is None


def test_box_fits_in_any_rotation_unless_it_stands_upright() -> None:
    low_shelf = compartment(1, 300, 100, 500)
    for w, h, d in permutations((300, 100, 500)):
        assert fits(Demand(w, h, d, 1), low_shelf)
    assert fits(Demand(500, 100, 300, 1, ("upright",)), low_shelf)
    assert not fits(Demand(100, 300, 500, 1, ("upright",)), low_shelf)


@pytest.mark.parametrize(
    ("floor_mm", "top_mm", "low"),
    [(380, 1220, True), (379, 1220, False), (380, 1221, False)],
)
def test_low_is_within_reach(floor_mm: int, top_mm: int, low: bool) -> None:
    one = compartment(1)
    one = msgspec.structs.replace(one, floor_mm=floor_mm, top_mm=top_mm)
    assert fits(Demand(1, 1, 1, 1, ("low",)), one) == low


def test_weight_and_features_are_needed_as_asked() -> None:
    chilled = msgspec.structs.replace(compartment(1), features=("chilled",))
    assert fits(Demand(1, 1, 1, 10_000, ("chilled",)), chilled)
    assert not fits(Demand(1, 1, 1, 10_001), chilled)
    assert not fits(Demand(1, 1, 1, 1, ("frozen",)), chilled)


def test_usable_is_in_service_and_not_occupied() -> None:
    usables = [
        (content, service)
        for content in ("empty", "parcel", "unknown")
        for service in ("in", "suspect", "out")
        if usable(content, service)
    ]
    assert usables == [("empty", "in"), ("unknown", "in")]


def test_size_class_is_the_smallest_box_that_holds() -> None:
    assert [size_class(one.demand()) for one in SIZE_CLASSES] == ["S", "M", "L", "XL"]
    assert size_class(Demand(250, 350, 110, 1)) == "S"
    assert size_class(Demand(2000, 1, 1, 1)) is None


@given(cabinets(), st.lists(DEMANDS, max_size=8), st.data())
def test_a_demand_that_is_taken_back_leaves_the_others_served(
    cabinet: list[Compartment], demands: list[Demand], data: st.DataObject
) -> None:
    matching = Matching(cabinet)
    kept = [demand for demand in demands if matching.add(demand)]
    assert not matching.drop(Demand(9999, 9999, 9999, 9999, ("never",)))
    if not kept:
        return
    gone = data.draw(st.sampled_from(kept))
    assert matching.drop(gone)
    kept.remove(gone)
    assert matching.size == len(kept)
    after = data.draw(DEMANDS)
    assert matching.add(after) == (served([*kept, after], cabinet) == len(kept) + 1)
