"""Low compartments that are kept for who asks, where those of a class are taken already."""

from dataclasses import replace

from fellesskap_backend.allocation.deciding import Request, decide
from fellesskap_backend.allocation.policy import from_json, stored
from fellesskap_backend.allocation.view import Use
from tests.backend.complaint_judge import complaints, in_turn, parts
from tests.backend.fair import POLICY, Scene, compartment, parcel, ruled, scene

LOW_TAKEN = Scene(
    every=tuple(compartment(n, size, low=n < 4) for n, size in enumerate("LLMML", start=1)),
    weights={"east": 1, "north": 1},
    quotas={("east", "L"): 1},
    lying=((3, Use("east", "M")),),
    claims=((parcel("M"), Use("east", "M")),),
)
"""One low L is kept for who asks, and one low M, where something lies already."""


def test_who_asks_for_a_low_one_takes_the_place_of_one_that_is_kept_and_there() -> None:
    asked = [Request("north", parcel("M")), Request("east", parcel("M", "low"))]
    asked.append(Request("east", parcel("L")))
    one = LOW_TAKEN.asking({f"r{number}": request for number, request in enumerate(asked)})
    log = in_turn(one)
    assert [decision.part for _, decision in log] == ["lent", "accessible", "guaranteed"]
    assert log[1].decision.use == Use("east", "L", accessible=True)
    assert complaints(one, log) == []


def test_rules_that_were_announced_before_give_a_low_one_of_what_is_kept_for_others_too() -> None:
    view = replace(LOW_TAKEN, policy=ruled("anywhere")).view()
    view.give(parcel("M"), Use("north", "M"))
    low = decide(POLICY, view, Request("east", parcel("M", "low")))
    assert low.use == Use("east", "M", accessible=True)
    view.give(parcel("M", "low"), low.use)
    assert decide(POLICY, view, Request("east", parcel("L"))).reason == "locker_full"
    text = POLICY.model_dump_json(exclude={"reserved"})
    assert (stored(text).reserved, from_json(text).reserved) == ("anywhere", "counted")
    assert stored(POLICY.model_dump_json()) == POLICY


def test_where_not_all_that_is_kept_is_served_a_low_one_is_of_what_is_kept_all_the_same() -> None:
    """The smallest scene of its kind that a search found.

    South is to have one M. A low M and a low L are kept as well, and something is promised: that
    is five for four doors, so by `in_place` north was given no low one in the place of such as are
    kept, but lent one; and from south the low ones were still kept.
    """
    asked = [Request("north", parcel("S", "low")), Request("south", parcel("M"))]
    one = replace(
        scene("LMMM", {"south": 1}, low=3),
        quotas={("east", "M"): 1, ("south", "M"): 1},
        claims=((parcel("M"), Use("north", "M")),),
    ).asking({f"r{number}": request for number, request in enumerate(asked)})
    assert parts(one) == ["accessible", "guaranteed"]
    assert complaints(one, in_turn(one)) == []
    before = replace(one, policy=ruled("in_place"))
    assert parts(before) == ["lent", None]
    assert complaints(before, in_turn(before)) == [1]


def test_an_entitlement_whose_size_is_full_is_not_kept_and_used_up_in_a_larger_door() -> None:
    """The other kind that is left: north's parcel lies in the one S to which east is entitled.

    So a second M is lent to north, beside the M and the L that are kept; then east's smallest
    parcel takes the place of one of these.
    """
    asked = [Request("north", parcel("S")), *(Request("east", parcel(size)) for size in "SML")]
    one = replace(
        scene("MLSM", {"east": 1}),
        quotas={("east", size): 1 for size in "SML"},
        lying=((3, Use("north", "S")),),
    ).asking({f"r{number}": request for number, request in enumerate(asked)})
    log = in_turn(one)
    assert [decision.part for _, decision in log] == ["lent", "guaranteed", "guaranteed", None]
    assert complaints(one, log) == [3]
