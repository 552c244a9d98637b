"""`/v1/quotes`, and the alternatives that refusals and quotes carry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.reservations.tables import Claim
from fellesskap_backend.schema import metadata
from tests.backend.api import Api, Json, request, reserve
from tests.backend.ruled import put_in_force

BOX = {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900}
HERE = (59.9, 10.6)
REFUSAL_ROUND_TRIPS_MAX = 4


def place(api: Api, locker_id: str, north: float = 0.0, east: float = 0.0) -> None:
    """Say where a locker stands, in degrees from here."""
    where = Point(HERE[0] + north, HERE[1] + east)
    api.change(lambda session: lockers.put_at(session.get_one(Locker, locker_id), where))


def ask(api: Api, *parcels: Json) -> list[Json]:
    answer = api.carrier().post("/v1/quotes", json={"parcels": list(parcels)})
    assert answer.status_code == 200, answer.text
    quotes: list[Json] = answer.json()["quotes"]
    return quotes


def rows_of(session: Session) -> dict[str, list[str]]:
    """Return every row of every table, in an order that says nothing."""
    tables = metadata.sorted_tables
    return {
        table.name: sorted(repr(tuple(row)) for row in session.execute(table.select()))
        for table in tables
    }


def test_a_quote_says_what_a_reservation_would_be_answered(api: Api) -> None:
    api.locker("high-1", doors=1, floor_mm=1400)
    good, reach, large = ask(
        api,
        {"locker_id": "oslo-1", "dimensions": BOX},
        {"locker_id": "high-1", "size_class": "S", "needs": ["low"]},
        {"locker_id": "oslo-1", "size_class": "XL", "hold": "soft"},
    )
    assert good == {
        "locker_id": "oslo-1",
        "size_class": "S",
        "would_confirm": True,
        "reason": None,
        "alternatives": [],
        "cut_off": None,
    }
    assert (reach["would_confirm"], reach["reason"]) == (False, "no_accessible_compartment")
    assert [one["locker_id"] for one in reach["alternatives"]] == ["oslo-1"]
    assert (large["size_class"], large["reason"]) == ("XL", "no_fitting_compartment")


def test_each_is_quoted_as_if_alone_and_nothing_is_written(api: Api) -> None:
    carrier = api.carrier()
    reserve(carrier, request(1), "k1")
    path = "/v1/quotes"
    wish = {"locker_id": "oslo-1", "dimensions": BOX}
    before = api.change(rows_of)
    answer = carrier.post(
        path, json={"parcels": [wish] * 5 + [wish | {"label": request(1)["label"]}]}
    )
    quotes = answer.json()["quotes"]
    assert [one["would_confirm"] for one in quotes] == [True] * 5 + [False]
    assert (quotes[-1]["reason"], quotes[-1]["alternatives"]) == ("duplicate_parcel", [])
    after = api.change(rows_of)
    assert after == before


@pytest.mark.parametrize(
    "parcels",
    [
        [],
        [{"locker_id": "oslo-1", "dimensions": BOX}] * 101,
        [{"locker_id": "oslo-1"}],
        [{"locker_id": "oslo-1", "dimensions": BOX, "deposit_by": "2027-01-01T00:00:00Z"}],
    ],
)
def test_what_cannot_be_quoted_is_refused(api: Api, parcels: list[Json]) -> None:
    answer = api.carrier().post("/v1/quotes", json={"parcels": parcels})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_locker_that_is_not_there_takes_nothing_from_the_others(api: Api) -> None:
    nowhere = {"locker_id": "nowhere", "size_class": "S"}
    good, missing, again = ask(api, {**nowhere, "locker_id": "oslo-1"}, nowhere, nowhere)
    assert (good["would_confirm"], good["reason"]) == (True, None)
    assert (missing["would_confirm"], missing["reason"]) == (False, "not_found")
    assert (missing["size_class"], missing["alternatives"]) == ("S", [])
    assert again == missing


def test_a_refusal_names_the_nearest_lockers_with_room(api: Api) -> None:
    place(api, "oslo-1")
    for name, north, east, doors in (
        ("near-1", 0.001, 0.0, 1),
        ("near-2", 0.0, 0.003, 2),
        ("near-3", 0.004, 0.0, 1),
        ("near-4", 0.005, 0.0, 1),
        ("far-1", 0.3, 0.0, 9),
        ("full-1", 0.0001, 0.0, 1),
        ("silent-1", 0.0002, 0.0, 1),
        ("lost-1", 0.0003, 0.0, 1),
        ("nowhere-1", 0.0, 0.0, 9),
    ):
        api.locker(name, doors=doors)
        place(api, name, north, east)

    def spoil(session: Any) -> None:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        rows = update(Locker)
        session.execute(rows.where(Locker.id == "silent-1").values(contact_at=long_ago))
        session.execute(rows.where(Locker.id == "lost-1").values(written_off_at=long_ago))
        nowhere = rows.where(Locker.id == "nowhere-1")
        session.execute(nowhere.values(latitude=None, longitude=None))

    api.change(spoil)
    carrier = api.carrier()
    reserve(carrier, request(50, locker_id="full-1"), "full")
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    wish = request(3)
    refused = reserve(carrier, wish, "k3")
    body = refused.json()
    assert (refused.status_code, body["reason"]) == (409, "locker_full")
    assert [one["locker_id"] for one in body["alternatives"]] == ["near-1", "near-2", "near-3"]
    away = [one["distance_m"] for one in body["alternatives"]]
    assert away == pytest.approx([111, 167, 445], abs=2)
    assert reserve(carrier, wish, "k3").json() == body
    (quoted,) = ask(api, {"locker_id": "oslo-1", "dimensions": BOX})
    assert quoted["alternatives"] == body["alternatives"]


def test_alternatives_have_room_for_what_was_asked(api: Api) -> None:
    api.locker("tall-1", doors=1, height_mm=240)
    api.locker("high-1", doors=1, floor_mm=1400, height_mm=240)
    large = {"w_mm": 300, "h_mm": 230, "d_mm": 200, "g": 900}
    asked = request(1, dimensions=large, needs=["low"])
    refused = reserve(api.carrier(), asked, "k").json()
    assert refused["reason"] == "no_fitting_compartment"
    assert [one["locker_id"] for one in refused["alternatives"]] == ["tall-1"]
    reserve(api.carrier("Sydpost"), asked | {"locker_id": "tall-1"}, "k")
    again = reserve(api.carrier("Vestpost"), asked, "k").json()
    assert again["alternatives"] == []


@pytest.mark.parametrize("policy", ["first-come v0", "fair-share v1"])
def test_refusal_takes_at_most_four_round_trips(api: Api, policy: str) -> None:
    place(api, "oslo-1")
    for number in range(5):
        api.locker(f"near-{number}", doors=2)
        place(api, f"near-{number}", 0.001 * number)
    carrier = api.carrier()
    if policy == "fair-share v1":
        put_in_force(api.engine, {1: 1})
    for number in range(4):
        reserve(carrier, request(number), f"k{number}")
    statements: list[str] = []

    @event.listens_for(api.engine, "before_cursor_execute")
    def _count(*arguments: Any) -> None:
        statements.append(arguments[2])

    assert len(reserve(carrier, request(9), "k9").json()["alternatives"]) == 3
    event.remove(api.engine, "before_cursor_execute", _count)
    sent = [one for one in statements if not one.startswith("BEGIN")]
    if api.engine.dialect.name == "sqlite":
        sent = [one for one in sent if not one.startswith("INSERT")]
    assert len(sent) <= REFUSAL_ROUND_TRIPS_MAX, sent


def test_nothing_is_refused_while_an_unheld_compartment_fits(api: Api) -> None:
    """Through the whole API: fill a locker of different doors in any order; each refusal is due."""

    def shape(session: Any) -> None:
        for number, height in ((1, 110), (2, 200), (3, 300)):
            one = update(Compartment).where(Compartment.number == number)
            session.execute(one.values(height_mm=height))

    api.change(shape)
    carrier = api.carrier()
    heights = (100, 190, 100, 290, 100)
    outcomes = [
        reserve(
            carrier, request(number, dimensions=BOX | {"h_mm": height}), f"k{number}"
        ).status_code
        for number, height in enumerate(heights)
    ]
    assert outcomes == [201, 201, 201, 409, 409]
    assert api.count(Claim) == 3
