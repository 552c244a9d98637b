"""What a locker's view reckons: what is used, kept and beyond, and whether there is room beside."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.allocation.deciding import Decision, Request, decide
from fellesskap_backend.allocation.division import OTHER, Division
from fellesskap_backend.allocation.view import Shares, Use, View, at_least, others
from tests.backend.fair import KEPT, LENT, POLICY, SIZES, Scene, locker, parcel, scene, scenes


def view(
    sizes: str,
    quotas: dict[tuple[str, str], int],
    *uses: Use,
    low: int = 0,
    accessible: int = 0,
) -> View:
    """A locker of these doors; `uses` are parcels that lie elsewhere, and so take no room here."""
    every = locker(sizes, low)
    division = {
        size: Division(capacity=sizes.count(size), accessible=accessible, guaranteed=0, entrants=0)
        for size in dict.fromkeys(sizes)
    }
    return View((every, every), Shares(division, quotas, {}), lying=uses, minute=KEPT)


EAST, NORTH = Use("east", "S"), Use("north", "S")
LOW = Use("east", "S", accessible=True)


def test_what_a_carrier_uses_counts_in_its_class_and_low_ones_for_nobody() -> None:
    seen = view("SSSM", {("east", "S"): 2}, EAST, EAST, NORTH, LOW, accessible=3)
    assert [seen.used(who, "S") for who in ("east", "north", "south")] == [2, 1, 0]
    assert (seen.used("east", "M"), seen.quota("east", "S"), seen.quota("east", "M")) == (0, 2, 0)
    assert seen.accessible_left("S") == 2


def test_what_is_kept_is_what_is_unused_of_each_rounded_up() -> None:
    seen = view("SSSSSM", {("east", "S"): 4, ("north", "S"): 1, ("east", "M"): 1}, EAST)
    assert [seen.kept("S", permille) for permille in (0, 1, 500, 1_000)] == [0, 2, 3, 4]
    assert seen.kept("S", 1_000, without="east") == 1
    assert seen.kept("S", 1_000, without="north") == 3
    assert (seen.kept("M", 1_000), seen.kept("L", 1_000)) == (1, 0)
    crowd = view("S", {("east", "S"): 2_002})
    assert crowd.kept("S", 1_000) == 2_002
    over = view("SS", {("east", "S"): 1, ("north", "S"): 1}, EAST, EAST, EAST)
    assert over.kept("S", 1_000) == 1, "who uses more keeps nothing less for others"


def test_low_ones_are_kept_until_they_are_used_and_never_less_than_none() -> None:
    assert view("SS", {}, accessible=1).accessible_left("S") == 1
    assert view("SS", {}, LOW, LOW, accessible=1).accessible_left("S") == 0
    assert view("SS", {}, accessible=1).accessible_left("M") == 0


def test_beyond_is_what_each_uses_over_its_own_quota() -> None:
    quotas = {("east", "S"): 1, ("north", "S"): 3}
    seen = view("SSSSMM", quotas, EAST, EAST, EAST, NORTH, Use("east", "M"))
    assert (seen.beyond_quotas("S"), seen.beyond_quotas("M"), seen.beyond_quotas("L")) == (2, 1, 0)
    assert seen.beyond("east") == Fraction(3, 6)
    assert [seen.beyond(who) for who in ("north", "south")] == [Fraction(0), Fraction(0)]
    nothing = View(((), ()), Shares({}, {}, {}), lying=[EAST])
    assert nothing.beyond("east") == 1, "of a locker without compartments as of one"
    assert nothing.minute == 0


def test_there_is_room_beside_what_is_kept_or_less_of_it() -> None:
    seen = view("SSM", {("east", "S"): 2, ("north", "M"): 1})
    small, large = parcel("S"), parcel("M")
    assert [seen.room_beside(small, permille) for permille in (0, 1_000)] == [True, False]
    assert seen.room_beside(small, 1_000, less="S")
    assert seen.room_beside(small, 1_000, less="M"), "it may lie in the larger one then"
    assert [seen.room_beside(large, 1_000, less=one) for one in ("S", "M")] == [False, True]
    half = view("SS", {("east", "S"): 1, ("north", "S"): 1})
    assert not half.room_beside(small, 500), "half of one is one"


def test_low_ones_are_kept_from_who_asks_for_none() -> None:
    seen = view("SS", {}, low=1, accessible=1)
    seen.give(parcel("S"), NORTH)
    assert not seen.room_beside(parcel("S"), 0)
    assert seen.room_beside(parcel("S", "low"), 0)
    assert not seen.room_in("S", parcel("S"))
    assert seen.room_in("S", parcel("S", "low"))
    assert not seen.room_in("M", parcel("S", "low"))


def test_a_low_one_is_given_in_the_place_of_one_that_is_kept() -> None:
    seen = view("SS", {("east", "S"): 1}, low=1, accessible=1)
    assert seen.room_for_low("S", parcel("S", "low"), 1_000) is True
    seen.give(parcel("S"), NORTH)
    assert seen.room_for_low("S", parcel("S", "low"), 1_000) is False, "east's is kept too"
    assert seen.room_for_low("S", parcel("S", "low"), 0) is True


def test_low_ones_are_kept_from_who_asks_for_one_when_its_own_are_in_use() -> None:
    seen = view("SMM", {}, Use("north", "M", accessible=True), low=3, accessible=1)
    for size in "SM":
        seen.give(parcel(size), Use("north", size))
    assert seen.room_beside(parcel("S", "low"), 0), "it may have the low S"
    assert seen.room_beside(parcel("M", "low"), 0) is False, "it would push an S there"
    seen.shares = replace(seen.shares, reserved="in_place")
    assert seen.room_beside(parcel("M", "low"), 0) is True


def test_an_entitlement_that_cannot_be_served_anyway_is_in_nobodys_way() -> None:
    """One M is there, two are promised: for who is entitled, kept for others is what counts."""
    seen = view("M", {("east", "M"): 2})
    assert not seen.room_beside(parcel("M"), 1_000, less="M")
    assert seen.room_for("east", "M", parcel("M"), 1_000)
    assert not seen.room_for("north", "M", parcel("M"), 1_000)
    rival = view("M", {("east", "M"): 1, ("north", "M"): 1})
    assert not rival.room_for("east", "M", parcel("M"), 1_000)
    plain = view("MM", {("east", "M"): 1, ("north", "M"): 1})
    assert plain.room_for("east", "M", parcel("M"), 1_000)


def test_low_ones_that_are_kept_count_where_an_entitlement_cannot_be_served() -> None:
    """Two M, one of them low and kept for who asks: of two entitlements one is in vain."""
    seen = view("MM", {("east", "M"): 2}, low=1, accessible=1)
    assert not seen.room_beside(parcel("M"), 1_000, less="M")
    assert seen.room_for("east", "M", parcel("M"), 1_000)


def test_what_is_freed_goes_first_to_what_was_kept_in_vain() -> None:
    """Three M are promised where two are; a smaller parcel that uses one up frees none."""
    seen = view("SMM", {("east", "M"): 3})
    assert not seen.room_beside(parcel("M"), 1_000)
    seen.give(parcel("S"), Use("east", "M"))
    assert not seen.room_beside(parcel("M"), 1_000)


def test_what_is_given_takes_room_and_what_is_kept_shrinks_with_it() -> None:
    seen = view("SSS", {("east", "S"): 2, ("north", "S"): 1})
    assert not seen.room_beside(parcel("S"), 1_000)
    seen.give(parcel("S"), EAST)
    assert not seen.room_beside(parcel("S"), 1_000)
    assert seen.room_beside(parcel("S"), 1_000, less="S")
    twin = seen.copy()
    for use in (EAST, NORTH):
        twin.give(parcel("S"), use)
    assert not twin.has_room(parcel("S"))
    assert (twin.used("east", "S"), seen.used("east", "S")) == (2, 1)
    assert seen.has_room(parcel("S")), "a copy grows apart"
    assert (twin.every, twin.minute) == (seen.every, seen.minute)
    seen.give(parcel("S", "low"), LOW)
    assert twin.accessible_left("S") == 0


def test_what_is_kept_shrinks_by_what_is_used_up_and_by_no_more() -> None:
    seen = view("SSSSS", {("east", "S"): 3})
    assert seen.room_beside(parcel("S"), 1_000)
    for use, left in ((EAST, True), (NORTH, True), (NORTH, False)):
        seen.give(parcel("S"), use)
        assert seen.room_beside(parcel("S"), 1_000) is left


def test_room_that_is_kept_for_one_other_is_no_full_locker() -> None:
    seen = view("S", {("north", "S"): 1})
    assert decide(POLICY, seen, Request("east", parcel("S"))).reason == "quota_exceeded"


def test_where_nobody_is_entitled_a_decision_says_no_numbers() -> None:
    """So `first-come v0` answers beside a version in force."""
    plain = Decision(reason="locker_full")
    assert (plain.quota, plain.used, plain.part, plain.use) == (0, 0, None, None)


def test_room_in_a_class_that_the_locker_has_not_is_lent_and_of_no_commons() -> None:
    decision = decide(POLICY, view("M", {}), Request("east", parcel("S")))
    assert (decision.part, decision.use) == ("lent", Use("east", "S"))
    commons = decide(POLICY, view("M", {}), Request("east", parcel("M")))
    assert (commons.part, commons.quota, commons.used) == ("commons", 0, 0)


def test_uses_are_read_as_they_are_written() -> None:
    for use, word in ((EAST, "S"), (LOW, "low S")):
        assert use.word == word
        assert Use.of("east", word) == use


@pytest.mark.parametrize(
    ("size", "larger", "rest"),
    [
        ("S", ("S", "M", "L", "XL", OTHER), ("M", "L", "XL")),
        ("M", ("M", "L", "XL", OTHER), ("L", "XL", "S")),
        ("XL", ("XL", OTHER), ("L", "M", "S")),
        (OTHER, (OTHER,), ()),
    ],
)
def test_other_classes_come_the_nearest_larger_first(
    size: str, larger: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    assert at_least(size) == larger
    assert others(size) == rest


@given(scenes(), st.data())
def test_a_view_that_grows_knows_what_one_made_anew_knows(one: Scene, data: st.DataObject) -> None:
    """What is kept grows along with the claims; asked about in between, in any way."""
    growing, claims = one.view(), list(one.claims)
    for request in one.requests.values():
        minute = data.draw(st.sampled_from((KEPT, 12 * 60, LENT)))
        growing.minute = minute
        anew = replace(one, claims=tuple(claims)).view(minute)
        for permille in (0, 500, 1_000):
            for less in (None, *SIZES):
                asked = (request.demand, permille)
                assert growing.room_beside(*asked, less=less) == anew.room_beside(*asked, less=less)
        decision = decide(one.policy, growing, request)
        assert decision == decide(one.policy, anew, request)
        if decision.use is not None:
            growing.give(request.demand, decision.use)
            claims.append((request.demand, decision.use))


def test_a_claim_without_a_use_takes_room_and_nobodys_quota() -> None:
    one = scene("SS", {"east": 1})
    shares = one.view().shares
    view = View((one.every, one.every), shares, claims=[(parcel("S"), None)])
    assert view.used("east", "S") == 0
    assert decide(POLICY, view, Request("east", parcel("S"))).confirmed
    view.give(parcel("S"), Use("east", "S"))
    assert decide(POLICY, view, Request("east", parcel("S"))).reason == "locker_full"
