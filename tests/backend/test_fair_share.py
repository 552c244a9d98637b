"""What `fair-share` must hold: nobody is denied what is free, or what it is entitled to."""

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from fellesskap_backend.allocation.batch import decide_batch
from fellesskap_backend.allocation.deciding import Decision, Request, decide
from fellesskap_backend.allocation.standing import Standing
from fellesskap_backend.allocation.view import Use
from fellesskap_protocol.capacity import Demand, Matching, served
from tests.backend.complaint_judge import (
    Asked,
    batch_complaints,
    complaints,
    fitting,
    in_turn,
    kept_rows,
)
from tests.backend.complaint_judge import served as rows_served
from tests.backend.fair import (
    ALL_SIZES,
    CARRIERS,
    DAY_KEY,
    KEPT,
    LENT,
    POLICY,
    SIZES,
    Scene,
    batch,
    given_to,
    parcel,
    scene,
    scenes,
)


def all_served(one: Scene, given_too: list[Demand]) -> bool:
    before = [demand for demand, _ in one.claims]
    return served([*before, *given_too], one.usable) == len(before) + len(given_too)


# What a batch is ---------------------------------------------------------------------------------


@given(scenes(), st.data())
def test_who_asked_first_before_the_cut_off_changes_nothing(
    one: Scene, data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(one.requests.items()))))
    assert batch(one.asking(shuffled)) == batch(one)


@given(scenes())
def test_a_batch_denies_nothing_that_still_fits_but_what_is_kept_for_a_wheelchair(
    one: Scene,
) -> None:
    decisions = batch(one)
    view = one.view()
    for name, decision in decisions.items():
        if decision.use is not None:
            view.give(one.requests[name].demand, decision.use)
    for name, decision in decisions.items():
        request = one.requests[name]
        if decision.reason == "locker_full":
            assert not view.room_beside(request.demand, 0)
        elif not decision.confirmed:
            assert not view.has_room(request.demand)


@given(scenes())
def test_a_batch_serves_as_many_as_any_order_would(one: Scene) -> None:
    assume(not any(one.low for one in one.every))
    matching = Matching(one.usable)
    for demand, _ in one.claims:
        matching.add(demand)
    before = matching.size
    for request in one.requests.values():
        matching.add(request.demand)
    assert sum(decision.confirmed for decision in batch(one).values()) == matching.size - before


@given(scenes())
def test_what_is_confirmed_is_served_together_with_all_that_was(one: Scene) -> None:
    decisions = batch(one)
    assert all_served(one, [one.requests[n].demand for n, d in decisions.items() if d.confirmed])
    for minute in (KEPT, 12 * 60, LENT):
        log = in_turn(one, minute)
        assert all_served(one, [asked.demand for asked, d in log if d.confirmed])


@given(scenes())
def test_the_same_inputs_give_the_same_decisions(one: Scene) -> None:
    assert batch(one) == batch(one)
    assert in_turn(one) == in_turn(one)
    view = one.view()
    for request in one.requests.values():
        assert decide(one.policy, view, request) == decide(one.policy, view, request)


# What each is entitled to ------------------------------------------------------------------------


@given(scenes())
def test_no_complaint_is_justified_in_a_batch(one: Scene) -> None:
    assert batch_complaints(one, batch(one)) == []


@given(scenes())
def test_no_complaint_is_justified_while_entitlements_are_kept(one: Scene) -> None:
    """Where all of them can be served, beside what is there; what is left else: `test_fair_low`."""
    kept = kept_rows(one, one.view(), 1_000)
    assume(rows_served(kept) == len(kept))
    assert complaints(one, in_turn(one)) == []


def test_the_judge_finds_a_complaint_where_first_come_made_one() -> None:
    one = scene("SSSSS", {"east": 1, "north": 1})
    greedy = [Asked(Request("east", parcel("S")), d) for d in [_lent("east")] * 5]
    log = [*greedy, Asked(Request("north", parcel("S")), Decision(reason="locker_full"))]
    assert complaints(one, log) == [5]


def _lent(carrier: str) -> Decision:
    view = scene("SSSSS", {"east": 1, "north": 1}).view(LENT)
    return decide(POLICY, view, Request(carrier, parcel("S")))


@given(scenes(), st.sampled_from(SIZES))
def test_one_that_asks_ten_times_over_takes_no_entitlement_of_others(one: Scene, size: str) -> None:
    """The greedy one comes first; the others get what they are entitled to as if it were not."""
    one = replace(one, lying=(), claims=())
    quiet = _within_quota(one, [r for r in one.requests.values() if r.carrier != "east"])
    greedy = [Request("east", parcel(size)) for _ in range(10 * len(one.every))]
    requests = {f"r{number:03}": r for number, r in enumerate([*greedy, *quiet])}
    crowded = one.asking(requests)
    decisions = batch(crowded)
    for name, asked in zip(requests, in_turn(crowded), strict=True):
        if asked.request.carrier != "east":
            assert decisions[name].confirmed
            assert asked.decision.confirmed


def _within_quota(one: Scene, requests: list[Request]) -> list[Request]:
    view = one.view()
    left = Counter({(c, s): view.quota(c, s) - view.used(c, s) for c in CARRIERS for s in SIZES})
    kept = []
    for request in requests:
        key = (request.carrier, request.size)
        if left[key] > 0 and not request.demand.needs:
            left[key] -= 1
            kept.append(request)
    return kept


# What is kept, and until when --------------------------------------------------------------------


@given(scenes(), st.integers(0, 1439))
def test_nothing_is_denied_while_a_compartment_fits_that_nobody_holds(
    one: Scene, minute: int
) -> None:
    view = one.view(minute)
    kept = kept_rows(one, view, one.policy.hold.kept_permille(minute))
    for request in one.requests.values():
        fits_beside = rows_served([*kept, fitting(request.demand, one.usable)]) > rows_served(kept)
        assert decide(one.policy, view, request).confirmed or not fits_beside


def test_a_smaller_parcel_takes_no_larger_door_that_is_kept_for_another() -> None:
    one = scene("SMM", {"east": 1, "north": 1})
    one = replace(one, quotas={("north", "M"): 2})
    view = one.view()
    first = decide(POLICY, view, Request("east", parcel("S")))
    assert first.use is not None
    view.give(parcel("S"), first.use)
    assert decide(POLICY, view, Request("east", parcel("S"))).reason == "quota_exceeded"
    assert decide(POLICY, view, Request("north", parcel("M"))).part == "guaranteed"
    late = one.view(LENT)
    late.give(parcel("S"), first.use)
    lent = decide(POLICY, late, Request("east", parcel("S")))
    assert (lent.part, lent.use and lent.use.size) == ("lent", "S"), "no more than an S"


def test_an_entitlement_to_a_larger_class_may_hold_a_smaller_parcel_and_counts_there() -> None:
    one = replace(scene("SM", {"east": 1, "north": 1}), quotas={("east", "M"): 1})
    view = one.view()
    for expected in (("commons", "S"), ("guaranteed", "M")):
        decision = decide(POLICY, view, Request("east", parcel("S")))
        assert decision.use is not None
        assert (decision.part, decision.use.size) == expected
        view.give(parcel("S"), decision.use)


def test_low_doors_are_kept_for_who_asks_for_one() -> None:
    one = scene("SSS", {"east": 1}, low=1)
    view = one.view(LENT)
    for _ in range(2):
        plain = decide(POLICY, view, Request("east", parcel("S")))
        assert plain.use is not None
        view.give(parcel("S"), plain.use)
    assert decide(POLICY, view, Request("east", parcel("S"))).reason == "locker_full"
    low = decide(POLICY, view, Request("north", parcel("S", "low")))
    assert (low.part, low.use and low.use.accessible) == ("accessible", True)


def test_soft_requests_and_duplicates_are_answered_as_before() -> None:
    view = scene("S", {"east": 1}).view()
    soft = decide(POLICY, view, Request("east", parcel("S"), "soft"))
    assert (soft.confirmed, soft.part, soft.use) == (True, None, None)
    twice = Request("east", parcel("S"), is_duplicate=True)
    assert decide(POLICY, view, twice).reason == "duplicate_parcel"
    assert decide(POLICY, view, Request("east", parcel("L"))).reason == "no_fitting_compartment"
    asked = {"r1": Request("east", parcel("S"), "soft"), "r2": twice}
    answers = decide_batch(POLICY, view, asked, DAY_KEY)
    assert [answers[name].outcome for name in ("r1", "r2")] == ["confirmed", "duplicate_parcel"]


# What one cannot gain ----------------------------------------------------------------------------


@given(scenes(most=8), st.lists(st.sampled_from(ALL_SIZES), min_size=1, max_size=6))
def test_nothing_is_gained_by_asking_for_more_than_is_needed(one: Scene, more: list[str]) -> None:
    real = set(one.requests)
    padded = one.requests | {
        f"x{number}": Request("east", parcel(size)) for number, size in enumerate(more)
    }
    assert given_to("east", one.asking(padded), real) <= given_to("east", one)


@given(
    scenes(most=8),
    st.lists(st.sampled_from(ALL_SIZES), min_size=1, max_size=6),
    st.sampled_from((KEPT, 12 * 60, LENT)),
)
def test_nor_is_anything_gained_where_everybody_is_answered_at_once(
    one: Scene, more: list[str], minute: int
) -> None:
    """Asked for before the own parcels, at any hour: what is given in vain is gone for oneself."""
    padded = [Request("east", parcel(size)) for size in more]
    asked = [*padded, *one.requests.values()]
    with_more = in_turn(one.asking({f"r{n:02}": each for n, each in enumerate(asked)}), minute)
    real = with_more[len(padded) :]
    assert _easts(real) <= _easts(in_turn(one, minute))


def _easts(log: list[Asked]) -> int:
    return sum(asked.confirmed for request, asked in log if request.carrier == "east")


@given(scenes(), st.sampled_from((KEPT, 12 * 60, LENT)))
def test_a_parcel_announced_larger_than_it_is_never_finds_room_sooner(
    one: Scene, minute: int
) -> None:
    for request in one.requests.values():
        size = {"S": "M", "M": "L"}.get(request.size, "XL")
        larger = replace(request, demand=parcel(size, *request.demand.needs))
        if decide(one.policy, one.view(minute), larger).confirmed:
            assert decide(one.policy, one.view(minute), request).confirmed


def test_in_batches_a_lie_about_the_size_loses_more_often_than_it_wins() -> None:
    won = lost = 0
    for seed in range(400):
        rng = Random(seed)
        one = scene("".join(rng.choices(SIZES, (5, 3, 2), k=8)), {"east": 1, "north": 2})
        asked = [Request(rng.choice(CARRIERS[:2]), parcel(rng.choice(SIZES))) for _ in range(11)]
        one = one.asking({f"r{n:02}": request for n, request in enumerate(asked)})
        larger = {
            name: Request("east", parcel({"S": "M"}.get(r.size, "L"))) if r.carrier == "east" else r
            for name, r in one.requests.items()
        }
        gain = given_to("east", one.asking(larger)) - given_to("east", one)
        won, lost = won + (gain > 0), lost + (gain < 0)
    assert won * 3 < lost, f"won {won}, lost {lost} of 400"


def test_a_lie_about_the_size_may_win_a_door_that_earlier_lending_left_to_two() -> None:
    """What the search found: two are entitled to the one door that is left.

    Who announces the class of that door is in its line before who needs it for a smaller parcel.
    """
    one = scene("SSLL", {"east": 1, "north": 1})
    quotas = {(who, size): 1 for who in ("east", "north") for size in ("S", "L")}
    east = Use("east", "S")
    one = replace(one, quotas=quotas, lying=((1, east), (2, east)), claims=((parcel("S"), east),))
    north = Request("north", parcel("S"))
    honest = one.asking({"r00": Request("east", parcel("M")), "r01": north})
    lie = one.asking({"r00": Request("east", parcel("L")), "r01": north})
    assert (given_to("east", honest), given_to("east", lie)) == (0, 1)


def test_a_lie_about_the_size_may_take_the_only_door_that_fits_a_rival() -> None:
    """The other thing that was found: the turn is spent on the scarcer door, luck would do it."""
    one = scene("SML", {"east": 1, "north": 1}, low=1)
    sizes = {
        "r00": ("north", "L"),
        "r01": ("east", "L"),
        "r02": ("east", "M"),
        "r03": ("east", "S"),
    }
    honest = one.asking({name: Request(who, parcel(size)) for name, (who, size) in sizes.items()})
    lie = one.asking(honest.requests | {"r02": Request("east", parcel("L"))})
    assert (given_to("east", honest), given_to("east", lie)) == (1, 2)


def test_who_does_not_come_is_lent_less_and_keeps_its_entitlement() -> None:
    one = scene("S" * 20, {"east": 1, "north": 1})
    one = one.asking(
        {f"{who}{n:02}": Request(who, parcel("S")) for who in ("east", "north") for n in range(20)}
    )
    absent = replace(one, standings={"east": Standing(1, holds=100, no_shows=60)})
    assert (given_to("east", one), given_to("north", one)) == (11, 9), "6 and 5 by quota"
    assert given_to("east", absent) < 11
    assert given_to("east", absent) >= one.quotas["east", "S"]
    excused = replace(one, standings={"east": Standing(1, holds=100, no_shows=60, excused=60)})
    assert given_to("east", excused) == 11


def test_who_used_much_lately_waits_for_who_used_little() -> None:
    one = scene("S" * 20, {"east": 1, "north": 1})
    one = one.asking(
        {f"{who}{n:02}": Request(who, parcel("S")) for who in ("east", "north") for n in range(20)}
    )
    remembered = replace(one, standings={"east": Standing(1, memory_permille=500)})
    assert given_to("north", remembered) > given_to("east", remembered)
