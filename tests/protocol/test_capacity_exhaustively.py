"""Every small case of serving together: three compartments, up to four claims, nothing left out.

A claim fits a set of compartments; every set that is not empty occurs. What must be is found by
trying out all assignments.
"""

from functools import cache
from itertools import combinations, product

from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, Demand, Matching, choose, fits

PLACES = (1, 2, 3)
SETS = tuple(
    frozenset(chosen) for size in PLACES for chosen in combinations(PLACES, size)
)  # what a claim may fit
MOST = 4


def name(places: frozenset[int]) -> str:
    return "in " + " ".join(map(str, sorted(places)))


def compartment(number: int, width: int = 100, height: int = 100, depth: int = 100) -> Compartment:
    return Compartment(
        number=number,
        width_mm=width,
        height_mm=height,
        depth_mm=depth,
        floor_mm=0,
        top_mm=height,
        max_g=1000,
        features=tuple(name(places) for places in SETS if number in places),
    )


CABINET = [compartment(number) for number in PLACES]


def claim(places: frozenset[int]) -> Demand:
    return Demand(1, 1, 1, 0, (name(places),))


@cache
def most_served(claims: tuple[frozenset[int], ...], free: frozenset[int]) -> int:
    if not claims:
        return 0
    first, rest = claims[0], claims[1:]
    served = [1 + most_served(rest, free - {place}) for place in first & free]
    return max(served, default=0) if served else most_served(rest, free)


def best(claims: tuple[frozenset[int], ...], free: frozenset[int] = frozenset(PLACES)) -> int:
    """Leave out claims too: one that is served may cost two others their place."""
    return max(
        most_served(chosen, free)
        for size in range(len(claims) + 1)
        for chosen in combinations(claims, size)
    )


def test_every_sequence_of_claims_is_served_as_well_as_can_be() -> None:
    known = {claims: best(claims) for claims in every_sequence()}
    for claims in product(SETS, repeat=MOST):
        matching = Matching(CABINET)
        for count in range(1, MOST + 1):
            grown = known[claims[:count]] > known[claims[: count - 1]]
            assert matching.add(claim(claims[count - 1])) == grown, claims[:count]
            assert matching.size == known[claims[:count]]


def every_sequence() -> list[tuple[frozenset[int], ...]]:
    return [claims for count in range(MOST + 1) for claims in product(SETS, repeat=count)]


def test_a_door_is_given_only_if_the_others_are_served_as_well_without_it() -> None:
    for others in product(SETS, repeat=2):
        served = best(others)
        for here in SETS:
            allowed = [
                place
                for place in sorted(here)
                if best(others, frozenset(PLACES) - {place}) == served
            ]
            demands = [claim(one) for one in others]
            expected = allowed[0] if allowed else None
            assert choose(claim(here), demands, CABINET) == expected, (others, here)
            last = allowed[-1] if allowed else None
            assert choose(claim(here), demands, CABINET, avoid=allowed[:-1]) == last


def test_whatever_is_taken_back_makes_room_for_what_fits_there() -> None:
    for first, second in product(SETS, repeat=2):
        matching = Matching(CABINET)
        if not (matching.add(claim(first)) and matching.add(claim(second))):
            continue
        assert matching.drop(claim(first))
        assert matching.size == 1
        for more in SETS:
            grown = matching.copy()
            assert grown.add(claim(more)) == (best((second, more)) == 2), (first, second, more)
        assert matching.size == 1, "a copy grows apart"


def test_a_refusal_is_forgotten_when_something_is_taken_back() -> None:
    one = frozenset({1})
    matching = Matching(CABINET)
    assert matching.add(claim(one))
    assert not matching.add(claim(one))
    assert not matching.drop(claim(frozenset({2})))
    assert matching.drop(claim(one))
    assert matching.add(claim(one))


def test_a_refusal_of_a_copy_is_none_of_the_original() -> None:
    one, matching = claim(frozenset({1})), Matching(CABINET)
    twin = matching.copy()
    assert twin.add(one)
    assert not twin.add(one)
    assert matching.add(one)


def test_the_smallest_volume_is_chosen_not_the_lowest_number() -> None:
    cabinet = [
        compartment(1, 200, 100, 100),
        compartment(2, 100, 200, 90),
        compartment(3, 100, 100, 190),
    ]
    assert [one.volume_mm3 for one in cabinet] == [2_000_000, 1_800_000, 1_900_000]
    parcel = Demand(1, 1, 1, 0)
    assert choose(parcel, [], cabinet) == 2
    assert choose(parcel, [], cabinet, avoid={2}) == 3
    assert choose(parcel, [], cabinet, avoid={2, 3}) == 1


def test_what_stands_upright_keeps_its_height_and_may_turn_round() -> None:
    tall = compartment(1, 300, 500, 100)
    assert fits(Demand(500, 100, 300, 0), tall)
    assert not fits(Demand(500, 100, 300, 0, ("upright",)), tall)
    for wide, deep in ((300, 100), (100, 300)):
        assert fits(Demand(wide, 500, deep, 0, ("upright",)), tall)
    shelf = compartment(1, 300, 100, 500)
    assert not fits(Demand(301, 100, 301, 0, ("upright",)), shelf), "neither side is so short"
    assert not fits(Demand(300, 100, 501, 0, ("upright",)), shelf)


def test_the_named_boxes_are_those_of_the_protocol() -> None:
    assert [one.demand() for one in SIZE_CLASSES] == [
        Demand(350, 110, 250, 0),
        Demand(450, 150, 300, 0),
        Demand(580, 230, 430, 0),
        Demand(600, 400, 440, 0),
    ]
    assert not compartment(1).occupancy_sensor
