"""More entitlement never gives less: what searches found on the way, and what they still may."""

from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from fellesskap_backend.allocation.deciding import Request
from fellesskap_backend.allocation.view import Use
from tests.backend.complaint_judge import in_turn, kept_rows, parts
from tests.backend.complaint_judge import served as rows_served
from tests.backend.fair import (
    CARRIERS,
    KEPT,
    LENT,
    SIZES,
    Scene,
    given_to,
    locker,
    parcel,
    ruled,
    scene,
    scenes,
)

OWN_IN_ITS_WAY = replace(
    scene("SSMM", {"east": 1, "north": 1, "south": 1}).asking(
        {"r00": Request("east", parcel("M"))}
    ),
    quotas={("east", "S"): 1, ("east", "M"): 1},
    claims=(
        (parcel("M"), Use("east", "M")),
        (parcel("S"), Use("north", "S")),
        (parcel("S"), Use("north", "S")),
    ),
)


BEYOND_THE_RESERVE = replace(
    scene("SSSSMMSS", {"east": 1, "north": 1}, low=6).asking(
        {
            "r00": Request("north", parcel("S")),
            "r01": Request("north", parcel("M", "low")),
            "r02": Request("east", parcel("S")),
            "r03": Request("east", parcel("S")),
            "r04": Request("east", parcel("M", "low")),
        }
    ),
    quotas={},
    lying=((1, Use("east", "S")), (2, Use("north", "S")), (3, Use("north", "S"))),
)
"""Two ask for the low M that is kept: who is given another may not push an S into the low S."""


@given(scenes(), st.sampled_from(CARRIERS), st.sampled_from(SIZES))
@example(OWN_IN_ITS_WAY, "east", "S")
@example(BEYOND_THE_RESERVE, "north", "M")
def test_more_entitlement_never_gives_less_in_a_batch(one: Scene, carrier: str, size: str) -> None:
    assume(one.view().shares.commons(size) > 0)
    assert given_to(carrier, with_more(one, carrier, size)) >= given_to(carrier, one)


def with_more(one: Scene, carrier: str, size: str) -> Scene:
    units = one.quotas.get((carrier, size), 0) + 1
    return replace(one, quotas=one.quotas | {(carrier, size): units})


@given(scenes(), st.sampled_from(CARRIERS), st.sampled_from(SIZES))
def test_nor_where_everybody_is_answered_in_turn(one: Scene, carrier: str, size: str) -> None:
    """Where all that is kept can be served; what is left else stands below."""
    assume(one.view().shares.commons(size) > 0)
    more = with_more(one, carrier, size)
    kept = kept_rows(more, more.view(), 1_000)
    assume(rows_served(kept) == len(kept))
    for minute in (KEPT, 12 * 60, LENT):
        assert in_turn_to(carrier, more, minute) >= in_turn_to(carrier, one, minute)


def in_turn_to(carrier: str, one: Scene, minute: int) -> int:
    """How many of a carrier's requests are confirmed, all of them answered at once in turn."""
    return sum(d.confirmed for request, d in in_turn(one, minute) if request.carrier == carrier)


# What was found ----------------------------------------------------------------------------------


def test_who_asks_for_a_low_one_is_given_no_less_by_more_entitlement() -> None:
    """The smallest that a search found: two doors are left, both low, one is kept for who asks.

    With one entitlement all that is kept is served, and a low one given in the place of the one
    that is kept: outside the entitlement, which serves the next parcel. With two there is not room
    for all that is kept: by `in_place` the low one counted against the entitlement, and what is
    kept so stayed.
    """
    asked = {
        "r00": Request("east", parcel("S", "low")),
        "r01": Request("east", parcel("M")),
    }
    one = replace(scene("LLL", {"east": 1}, low=2), lying=((3, Use("north", "L")),), requests=asked)
    both = ["accessible", "guaranteed"]
    for rule, found, together in (
        ("counted", [both, both], [2, 2]),
        ("in_place", [both, ["guaranteed", None]], [2, 1]),
    ):
        scenes = [
            replace(one, quotas={("east", "L"): units}, policy=ruled(rule)) for units in (1, 2)
        ]
        assert [parts(entitled) for entitled in scenes] == found
        assert [given_to("east", entitled) for entitled in scenes] == together


def test_nor_is_one_whose_rival_asks_for_a_low_one() -> None:
    """Two classes are short of what is kept, and north asks for a low one: what east is given."""
    asked = [*["S"] * 5, "M low"]
    one = replace(scene("SSSSSMMML", {}, low=9), claims=((parcel("M"), Use("north", "M")),)).asking(
        {
            f"r{number}": Request("north" if "low" in words else "east", parcel(*words.split()))
            for number, words in enumerate(asked)
        }
    )
    for rule, together in (("counted", [5, 5]), ("in_place", [5, 4])):
        given = []
        for units in (1, 2):
            quotas = {("east", "S"): 1, ("north", "S"): 1, ("east", "M"): units}
            entitled = replace(one, quotas=quotas, policy=ruled(rule))
            given.append(given_to("east", entitled))
        assert given == together


def test_in_turn_an_entitlement_more_may_still_give_less_where_not_all_is_served() -> None:
    """What a search of 25,000 found; nobody asks for a low one, and the only L is taken.

    North has one entitlement to an S. Its first M is lent to it, its two others use up what it is
    entitled to of L and of XL. With one more the three S are all kept, so that an M is kept for
    east's parcel, and nothing is lent: the first M uses up the L, the second the XL.
    """
    one = Scene(
        every=locker(["S"] * 5 + ["M"] * 3 + ["L", "XL"]),
        weights={"east": 1, "north": 2, "south": 1},
        quotas={(who, "S"): 1 for who in CARRIERS}
        | {(who, "M"): 1 for who in ("east", "north")}
        | {("north", size): 1 for size in ("L", "XL")},
        requests={"r00": Request("east", parcel("S"))}
        | {f"r{number:02}": Request("north", parcel("M")) for number in (1, 2, 3)},
        lying=(
            (1, Use("east", "S")),
            (2, Use("east", "S")),
            (6, Use("north", "M")),
            (9, Use("east", "L")),
        ),
    )
    more = with_more(one, "north", "S")
    assert parts(one) == ["commons", "commons", "guaranteed", "guaranteed"]
    assert parts(more) == ["lent", "guaranteed", "guaranteed", None]
    assert given_to("north", more) == given_to("north", one) == 3, "not in a batch"
