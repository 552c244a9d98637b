"""Two ways to ask which claims have room, made apart, never differ."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.capacity import Compartment, Demand, Matching, fits
from tests.judge.matching import Claim, Doors, has_room, in_vain

SIDES = st.sampled_from((100, 200, 379, 400))
NEEDS = st.lists(st.sampled_from(("low", "upright", "chilled", "power")), unique=True).map(tuple)
FLOORS = st.sampled_from((0, 379, 380, 820, 821, 900))
FEATURES = st.lists(st.sampled_from(("chilled", "power", "low")), unique=True).map(tuple)
CLAIMS = st.builds(Claim, SIDES, SIDES, SIDES, st.sampled_from((1, 900, 901)), NEEDS)


@st.composite
def _doors(draw: st.DrawFn) -> list[Compartment]:
    return [
        Compartment(
            number=number,
            width_mm=draw(SIDES),
            height_mm=(height := draw(SIDES)),
            depth_mm=draw(SIDES),
            floor_mm=(floor := draw(FLOORS)),
            top_mm=floor + height,
            max_g=900,
            features=draw(FEATURES),
        )
        for number in range(1, draw(st.integers(0, 6)) + 1)
    ]


@given(st.lists(CLAIMS, max_size=8), _doors())
def test_the_judge_and_the_product_find_the_same_room(
    claims: list[Claim], doors: list[Compartment]
) -> None:
    mine, theirs = Doors(doors), Matching(doors)
    for claim in claims:
        for door in doors:
            assert has_room(claim, door) == fits(Demand(*claim), door)
        assert mine.give(claim) == theirs.add(Demand(*claim))
    assert in_vain(claims, doors) == len(claims) - theirs.size


@given(st.lists(CLAIMS, max_size=4), _doors().filter(lambda doors: len(doors) <= 4))
def test_no_way_to_put_them_serves_more(claims: list[Claim], doors: list[Compartment]) -> None:
    places: list[Compartment | None] = [*doors, *[None] * len(claims)]
    most = max(
        sum(
            door is not None and has_room(claim, door)
            for claim, door in zip(claims, put, strict=False)
        )
        for put in permutations(places, len(claims))
    )
    assert len(claims) - in_vain(claims, doors) == most
