"""`first-come v0`: what is given room, and the one reason why not, by what would have to change."""

import pytest

from fellesskap_backend.decisions.policy import (
    FIRST_COME,
    REFUSALS,
    Decision,
    Policy,
    Reason,
    Request,
    View,
    decide,
    never,
)
from fellesskap_protocol.capacity import Compartment, Demand

SMALL, LARGE, HUGE = Demand(100, 100, 100, 1), Demand(400, 400, 400, 1), Demand(900, 1, 1, 1)
LOW_SMALL, LOW_LARGE = (Demand(one.w_mm, one.h_mm, one.d_mm, 1, ("low",)) for one in (SMALL, LARGE))


def compartment(number: int, side: int, floor_mm: int) -> Compartment:
    return Compartment(number, side, side, side, floor_mm, floor_mm + side, 10_000)


SMALL_LOW, LARGE_HIGH = compartment(1, 200, 400), compartment(2, 500, 1500)
BOTH = (SMALL_LOW, LARGE_HIGH)


def view(*promised: Demand, usable: tuple[Compartment, ...] = BOTH) -> View:
    return View(BOTH, usable, promised)


@pytest.mark.parametrize(
    ("seen", "wanted", "reason"),
    [
        (view(), SMALL, None),
        (view(), LARGE, None),
        (view(), LOW_SMALL, None),
        (view(LARGE), SMALL, None),
        (view(LARGE), LARGE, "locker_full"),
        (view(SMALL, SMALL), SMALL, "locker_full"),
        (view(usable=()), SMALL, "locker_full"),
        (view(), HUGE, "no_fitting_compartment"),
        (view(), LOW_LARGE, "no_accessible_compartment"),
        (view(LARGE), LOW_LARGE, "no_accessible_compartment"),
        (view(LOW_SMALL), LOW_SMALL, "no_accessible_compartment"),
        (view(LOW_SMALL, SMALL), LOW_SMALL, "locker_full"),
        (View((), ()), SMALL, "locker_unavailable"),
    ],
)
def test_each_reason_is_the_one_that_would_have_to_change(
    seen: View, wanted: Demand, reason: Reason | None
) -> None:
    decision = decide(FIRST_COME, seen, Request(wanted))
    assert decision == Decision(reason)
    assert decision.confirmed == (reason is None)
    assert decision.outcome == (reason or "confirmed")
    assert reason is None or reason in REFUSALS
    assert decide(FIRST_COME, seen, Request(wanted)) == decision, "deciding changes nothing"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (SMALL, None),
        (LOW_SMALL, None),
        (LOW_LARGE, "no_accessible_compartment"),
        (HUGE, "no_fitting_compartment"),
    ],
)
def test_a_soft_one_is_refused_only_what_could_never_be(
    wanted: Demand, reason: Reason | None
) -> None:
    full = view(usable=())
    assert decide(FIRST_COME, full, Request(wanted, "soft")).reason == reason
    assert never(full, Request(wanted)) == reason


def test_a_label_that_is_on_its_way_is_refused_before_all_else() -> None:
    twice = Request(HUGE, is_duplicate=True)
    assert decide(FIRST_COME, View((), ()), twice).reason == "duplicate_parcel"


def test_what_is_promised_is_taken() -> None:
    seen = view()
    seen.promise(LARGE)
    assert not seen.has_room(LARGE)
    assert not seen.has_room(LARGE)
    assert seen.has_room(SMALL)
    seen.promise(SMALL)
    assert not seen.has_room(SMALL)


def test_a_policy_says_its_name_and_version() -> None:
    assert str(FIRST_COME) == "first-come v0"
    with pytest.raises(ValueError, match="no policy first-come v1"):
        decide(Policy("first-come", 1), view(), Request(SMALL))
