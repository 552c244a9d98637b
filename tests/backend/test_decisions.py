"""Every answer is a chained decision: it suffices to decide again, and no row can be altered."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from fellesskap_backend.decisions import service
from fellesskap_backend.decisions.policy import FIRST_COME, Policy, Request, View, decide
from fellesskap_backend.decisions.record import (
    Head,
    Link,
    altered,
    canonical,
    digest,
    numbers,
    spans,
)
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_protocol import capacity
from fellesskap_protocol.capacity import Demand, served
from fellesskap_protocol.events import GENESIS
from tests.backend.api import Api, Json, request, reserve

NEEDS = st.sets(st.sampled_from(("low", "upright", "chilled")), max_size=2).map(
    lambda some: tuple(sorted(some))
)
SIDES = st.integers(1, 5).map(lambda decimetres: decimetres * 100)
DEMANDS = st.builds(Demand, SIDES, SIDES, SIDES, st.integers(0, 3000), NEEDS)


@st.composite
def compartments(draw: st.DrawFn) -> list[capacity.Compartment]:
    count = draw(st.integers(0, 5))
    return [
        capacity.Compartment(
            number=number,
            width_mm=draw(SIDES),
            height_mm=draw(SIDES),
            depth_mm=draw(SIDES),
            floor_mm=draw(st.sampled_from((100, 400, 1500))),
            top_mm=draw(st.sampled_from((1100, 2000))),
            max_g=2000,
            features=draw(st.sampled_from(((), ("chilled",)))),
        )
        for number in range(1, count + 1)
    ]


@given(compartments(), st.data(), st.lists(DEMANDS, max_size=6), DEMANDS)
def test_nothing_is_refused_while_one_more_is_served_and_nothing_else_confirmed(
    every: list[capacity.Compartment], data: st.DataObject, claims: list[Demand], demand: Demand
) -> None:
    usable = [one for one in every if data.draw(st.booleans())]
    view = View(every, usable, claims)
    decision = decide(FIRST_COME, view, Request(demand))
    fits_in = served([*claims, demand], usable) == served(claims, usable) + 1
    assert decision.confirmed == (bool(every) and fits_in)
    assert decide(FIRST_COME, view, Request(demand)) == decision
    soft = decide(FIRST_COME, view, Request(demand, "soft"))
    assert soft.confirmed == any(capacity.fits(demand, one) for one in every)
    if decision.reason == "no_accessible_compartment":
        assert "low" in demand.needs
    if decision.reason == "no_fitting_compartment":
        assert not soft.confirmed
    assert decide(FIRST_COME, view, Request(demand, is_duplicate=True)).reason == "duplicate_parcel"


@given(compartments(), st.lists(DEMANDS, max_size=8))
def test_a_view_that_grows_decides_like_one_made_anew(
    every: list[capacity.Compartment], demands: list[Demand]
) -> None:
    growing = View(every, every)
    confirmed: list[Demand] = []
    for demand in demands:
        decision = decide(FIRST_COME, growing, Request(demand))
        assert decision == decide(FIRST_COME, View(every, every, confirmed), Request(demand))
        if decision.confirmed:
            growing.promise(demand)
            confirmed.append(demand)


def test_an_unknown_policy_decides_nothing() -> None:
    with pytest.raises(ValueError, match="first-come v1"):
        decide(Policy("first-come", 1), View((), ()), Request(Demand(1, 1, 1, 1)))


@given(st.sets(st.integers(1, 60)))
def test_numbers_are_read_as_they_were_written(some: set[int]) -> None:
    assert numbers(spans(some)) == sorted(some)


# The chain ---------------------------------------------------------------------------------------


def chain(count: int) -> tuple[list[Link], Head]:
    """Return a chain, last one first, and its head."""
    links: list[Link] = []
    head = Head()
    for number in range(1, count + 1):
        body = canonical({"number": number, "prev": head.hash, "id": f"d{number}"})
        links.append(Link(number, body.decode(), {"id": f"d{number}", "number": number}))
        head = Head(number, digest(body))
    return links[::-1], head


@given(st.integers(0, 6))
def test_a_chain_as_it_was_made_holds(count: int) -> None:
    links, head = chain(count)
    assert list(altered(links, head)) == []


@given(st.integers(1, 6), st.data())
def test_one_altered_row_anywhere_is_found_and_named(count: int, data: st.DataObject) -> None:
    links, head = chain(count)
    at = data.draw(st.integers(0, count - 1))
    link = links[at]
    place = data.draw(st.integers(0, len(link.body) - 1))
    other = data.draw(st.sampled_from("x0{}"))
    body = link.body[:place] + other + link.body[place + 1 :]
    if body == link.body:
        return
    links[at] = link._replace(body=body)
    assert list(altered(links, head)) == [link.number]


@given(st.integers(1, 6), st.data())
def test_rows_that_are_gone_or_added_are_named(count: int, data: st.DataObject) -> None:
    links, head = chain(count)
    gone = data.draw(st.integers(1, count))
    assert list(altered([one for one in links if one.number != gone], head)) == [gone]
    more, _ = chain(count + 1)
    assert list(altered(more, head)) == [count + 1]
    assert list(altered(links, Head(count, "0" * 63 + "1"))) == [count]


# In the database ---------------------------------------------------------------------------------


def bodies(api: Api) -> list[Json]:
    rows = sorted(api.rows(Decision), key=lambda row: row.number)
    return [msgspec.json.decode(row.body) for row in rows]


SIZES = ("number", "width_mm", "height_mm", "depth_mm", "floor_mm", "top_mm", "max_g")


def demand_of(box: list[Any]) -> Demand:
    w_mm, h_mm, d_mm, g, needs = box
    return Demand(w_mm, h_mm, d_mm, g, tuple(needs))


def derive(said: Json, layouts: dict[str, list[Any]], earlier: dict[int, Demand]) -> str:
    """Decide again, from what was written down alone; keep what later ones refer to."""
    basis, request = said["basis"], said["request"]
    if "compartments" in basis:
        layouts[basis["layout"]] = basis["compartments"]
    every = {
        one[0]: capacity.Compartment(**dict(zip(SIZES, one, strict=False)), features=tuple(one[7]))
        for one in layouts[basis["layout"]]
    }
    promised = [earlier[number] for number in numbers(basis["claims"])]
    promised += [demand_of(box) for box in basis["older"]]
    for *box, units in basis["allowances"]:
        promised += [demand_of(box)] * units
    demand = earlier[said["number"]] = demand_of(request["box"])
    view = View(every.values(), [every[one] for one in numbers(basis["usable"])], promised)
    wanted = Request(demand, request["hold"], request["is_duplicate"])
    name, _, version = said["policy"].rpartition(" v")
    return decide(Policy(name, int(version)), view, wanted).outcome


def test_each_answer_is_a_decision_that_can_be_derived_again(api: Api) -> None:
    carrier, other = api.carrier(), api.carrier("Sydpost")
    api.locker("oslo-2", doors=4)

    def ask(number: int, client: Any = carrier, **fields: Any) -> Json:
        answer: Json = reserve(client, request(number, **fields), f"k{number}").json()
        return answer

    first, again = ask(1), ask(1, label=request(1)["label"], needs=["low"])
    assert again["code"] == "idempotency_key_reused", "which is no decision"
    duplicate = reserve(carrier, request(1), "new").json()
    ask(2, hold="soft")
    ask(3, client=other, needs=["upright"])
    ask(4, size_class="S", dimensions=None)
    full = ask(5)
    api.change(lambda session: session.execute(update(Claim).values(released=True)))
    api.change(
        lambda session: session.execute(
            update(Compartment).where(Compartment.number == 2).values(content="parcel")
        )
    )
    ask(6)
    api.change(
        lambda session: session.execute(
            update(Compartment).where(Compartment.number == 1).values(width_mm=500)
        )
    )
    ask(7)
    ask(8)
    said = bodies(api)
    outcomes = [one["outcome"] for one in said]
    assert outcomes == [
        *("confirmed", "duplicate_parcel", "confirmed", "confirmed", "confirmed"),
        *("locker_full", "confirmed", "confirmed", "locker_full"),
    ]
    assert [one["number"] for one in said] == list(range(1, 10))
    assert (said[0]["id"], said[1]["id"]) == (first["id"], duplicate["decision_id"])
    assert (full["reason"], full["decision_id"]) == ("locker_full", said[5]["id"])
    assert [one["prev"] == GENESIS for one in said] == [True] + [False] * 8
    assert ["compartments" in one["basis"] for one in said] == [True] + [False] * 6 + [True, False]
    layouts: dict[str, list[Any]] = {}
    earlier: dict[int, Demand] = {}
    assert [derive(one, layouts, earlier) for one in said] == outcomes
    assert "R-0000" not in str(said), "a label is nobody's but its carrier's"


def test_decision_says_where_the_journal_and_the_rights_stood(api: Api) -> None:
    carrier = api.carrier()
    for number in (1, 2):
        reserve(carrier, request(number), f"k{number}")
    said = bodies(api)
    assert [one["position"]["revision"] for one in said] == [0, 1]
    assert said[0]["position"] == {"epoch": None, "acked_seq": 0, "generation": 1, "revision": 0}
    assert [row.decision for row in api.rows(Claim)] == [1, 2]
    claims = [one["basis"]["claims"] for one in said]
    assert claims == ["", "1"]


def test_claims_of_before_are_written_out(api: Api) -> None:
    carrier = api.carrier()
    reserve(carrier, request(1), "k1")
    api.change(lambda session: session.execute(update(Claim).values(decision=None)))
    reserve(carrier, request(2), "k2")
    basis = bodies(api)[1]["basis"]
    assert (basis["claims"], basis["older"]) == ("", [[300, 100, 200, 900, []]])


WHICH = ("oslo-1", 2)


def _verified(api: Api) -> service.Walked:
    return api.change(service.verify)


def _altered(column: str, value: Any) -> Callable[[Session], object]:
    def work(session: Session) -> object:
        return session.execute(
            update(Decision)
            .where(Decision.locker_id == "oslo-1", Decision.number == 2)
            .values({column: value})
        )

    return work


def test_chains_of_all_lockers_are_walked(api: Api) -> None:
    api.locker("oslo-2", doors=1)
    carrier = api.carrier()
    for number in range(5):
        reserve(carrier, request(number), f"k{number}")
    reserve(carrier, request(9, locker_id="oslo-2"), "k9")
    assert _verified(api) == {"lockers": 2, "decisions": 6, "altered": []}


@pytest.mark.parametrize("what", ["body", "carrier", "gone", "head", "all after"])
def test_an_altered_decision_is_named(api: Api, what: str) -> None:
    api.locker("oslo-2", doors=1)
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    reserve(carrier, request(9, locker_id="oslo-2"), "k9")
    (body,) = [row.body for row in api.rows(Decision) if (row.locker_id, row.number) == WHICH]
    gone = delete(Decision).where(Decision.locker_id == "oslo-1", Decision.number >= 2)
    works: dict[str, Callable[[Session], object]] = {
        "body": _altered("body", body.replace('"confirmed"', '"locker_full"')),
        "carrier": _altered("carrier_id", api.rows(Reservation)[0].id),
        "gone": lambda session: session.execute(gone.where(Decision.number == 2)),
        "head": lambda session: session.execute(
            update(Locker).where(Locker.id == "oslo-1").values(decided=1)
        ),
        "all after": lambda session: session.execute(gone),
    }
    api.change(works[what])
    first = 1 if what == "head" else 2
    assert _verified(api)["altered"] == [f"oslo-1: decision {first}"]
    only = api.change(lambda session: service.verify(session, locker_id="oslo-2"))
    assert only == {"lockers": 1, "decisions": 1, "altered": []}
