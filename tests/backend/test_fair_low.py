"""Low compartments that are kept for who asks, where those of a class are taken already."""

from dataclasses import replace

from fellesskap_backend.allocation.deciding import Request, decide
from fellesskap_backend.allocation.policy import from_json, stored
from fellesskap_backend.allocation.view import Use
from tests.backend.complaint_judge import complaints, in_turn
from tests.backend.fair import POLICY, Scene, compartment, parcel

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
    view = LOW_TAKEN.view()
    view.shares = replace(view.shares, in_place=False)
    view.give(parcel("M"), Use("north", "M"))
    low = decide(POLICY, view, Request("east", parcel("M", "low")))
    assert low.use == Use("east", "M", accessible=True)
    view.give(parcel("M", "low"), low.use)
    assert decide(POLICY, view, Request("east", parcel("L"))).reason == "locker_full"
    text = POLICY.model_dump_json(exclude={"reserved"})
    assert (stored(text).reserved, from_json(text).reserved) == ("anywhere", "in_place")
    assert stored(POLICY.model_dump_json()) == POLICY
