"""`/v1/reservations`."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select, update

from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol.codes import mac
from tests.backend.api import Api, label, request, reserve
from tests.backend.ruled import put_in_force

KEPT_BY_PSYCOPG = (4_096, 50)
"""Characters and parameters above which a statement is read anew each time it is sent."""
ROUND_TRIPS_MAX = 4


def test_confirmed_reservation_is_a_claim_a_right_and_a_notice(api: Api) -> None:
    answer = reserve(api.carrier(), request(needs=["low"]), "k1")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/v1/reservations/{body['id']}"
    assert (body["state"], body["delivered_to_locker"], body["size_class"]) == (
        "confirmed",
        False,
        "S",
    )
    assert body["needs"] == ["low"]
    assert "pickup_code" not in body
    (claim,), (right,), (notice,) = api.rows(Claim), api.rows(Right), api.rows(Notice)
    assert (claim.locker_id, claim.w_mm, claim.released) == ("oslo-1", 300, False)
    assert (right.revision, str(right.id)) == (1, body["right_id"])
    assert (notice.type, notice.position) == ("reservation.confirmed", None)
    assert [entry.what for entry in api.rows(ParcelEntry)] == ["expected"]
    assert api.rows(Locker)[0].revision == 1
    assert api.wakes >= 1


def test_right_carries_label_and_code_from_the_start(api: Api) -> None:
    body = reserve(api.carrier(), request(code_at="reservation"), "k1").json()
    change = api.change(lambda session: rights.changes(session, {"oslo-1": 0})["oslo-1"])
    (right,) = change.puts
    k_locker = api.secrets.k_locker("oslo-1", 1)
    assert right.label_macs == (mac(k_locker, "label", "opaque:R-000001"),)
    assert right.code_mac == mac(k_locker, "code", body["pickup_code"])
    assert right.long_code_mac == mac(k_locker, "long_code", body["pickup_code"] + body["addition"])
    assert (change.to, change.removes) == (1, ())


def test_code_asked_for_at_reservation_is_shown_and_stored_nowhere(api: Api) -> None:
    carrier = api.carrier()
    first = reserve(carrier, request(code_at="reservation"), "k1")
    code = first.json()["pickup_code"]
    assert len(code) == 8
    assert carrier.get(first.headers["location"]).json()["pickup_code"] == code
    for table in (Answer, Notice, Right, RightCode, Reservation, Parcel):
        for row in api.rows(table):
            assert code not in str(vars(row))


def test_locker_full_says_so_as_a_problem(api: Api) -> None:
    carrier = api.carrier()
    for number in range(3):
        assert reserve(carrier, request(number), f"k{number}").status_code == 201
    refused = reserve(carrier, request(3), "k3")
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["type"]) == (
        "locker_full",
        "/problems/locker_full",
    )
    assert api.count(Reservation) == 3


def test_released_claim_gives_its_room_back(api: Api) -> None:
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    api.change(lambda session: session.execute(update(Claim).values(released=True)))
    assert reserve(carrier, request(3), "k3").status_code == 201


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"dimensions": {"w_mm": 900, "h_mm": 100, "d_mm": 200, "g": 1}}, "no_fitting_compartment"),
        ({"needs": ["chilled"]}, "no_fitting_compartment"),
        ({"locker_id": "high-1", "needs": ["low"]}, "no_accessible_compartment"),
        ({"locker_id": "silent-1"}, "locker_unavailable"),
    ],
)
def test_refusals_are_told_apart(api: Api, fields: dict[str, Any], code: str) -> None:
    api.locker("high-1", doors=1, floor_mm=1400)
    api.locker("silent-1", doors=0)
    refused = reserve(api.carrier(), request(**fields), "k")
    assert (refused.status_code, refused.json()["code"]) == (409, code)


def test_label_of_a_live_parcel_is_refused_at_every_locker(api: Api) -> None:
    api.locker("oslo-2", doors=1)
    carrier = api.carrier()
    assert reserve(carrier, request(1), "k1").status_code == 201
    refused = reserve(carrier, request(1, locker_id="oslo-2"), "k2")
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate_parcel")
    assert reserve(api.carrier("Sydpost"), request(1), "k1").status_code == 201


def test_compartment_out_of_service_or_occupied_is_not_promised(api: Api) -> None:
    def spoil(session: Any) -> None:
        session.execute(update(Compartment).where(Compartment.number == 1).values(service="out"))
        session.execute(update(Compartment).where(Compartment.number == 2).values(content="parcel"))

    api.change(spoil)
    carrier = api.carrier()
    assert reserve(carrier, request(1), "k1").status_code == 201
    assert reserve(carrier, request(2), "k2").json()["code"] == "locker_full"


def test_reservation_is_delivered_once_the_journal_says_applied(api: Api) -> None:
    carrier = api.carrier()
    path = reserve(carrier, request(), "k1").headers["location"]
    assert carrier.get(path).json()["delivered_to_locker"] is False
    applied = update(Locker).values(applied_generation=1, applied_revision=1)
    api.change(lambda session: session.execute(applied))
    assert carrier.get(path).json()["delivered_to_locker"] is True


def test_size_class_stands_for_its_box(api: Api) -> None:
    body = request(size_class="S")
    del body["dimensions"]
    answer = reserve(api.carrier(), body, "k1").json()
    assert answer["dimensions"] == {"w_mm": 350, "h_mm": 110, "d_mm": 250, "g": 0}
    assert answer["size_class"] == "S"


@pytest.mark.parametrize(
    "fields",
    [
        {"deposit_by": "2020-01-01T00:00:00Z"},
        {"deposit_by": (datetime.now(UTC) + timedelta(days=31)).isoformat()},
        {"deposit_by": "2027-01-01T00:00:00"},
        {"collect_within": "3 days"},
        {"collect_within": "PT59M"},
        {"collect_within": "P31D"},
        {"label": {"kind": "sscc", "value": "370712345678901239"}},
        {"label": {"kind": "ean", "value": "1"}},
        {"dimensions": None},
        {"size_class": "S"},
        {"needs": ["huge"]},
        {"surprise": 1},
    ],
)
def test_invalid_request_is_a_problem_that_names_the_place(
    api: Api, fields: dict[str, Any]
) -> None:
    answer = reserve(api.carrier(), request(**fields), "k")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_request"
    assert api.count(Answer) == 0


def test_unknown_locker_and_foreign_reservation_answer_alike(api: Api) -> None:
    carrier, other = api.carrier(), api.carrier("Sydpost")
    assert reserve(carrier, request(locker_id="nowhere"), "k").status_code == 404
    own = reserve(carrier, request(), "k1").headers["location"]
    foreign = other.get(own)
    unknown = other.get("/v1/reservations/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()


@pytest.mark.parametrize("policy", ["first-come v0", "fair-share v1"])
def test_reservation_takes_at_most_four_round_trips(api: Api, policy: str) -> None:
    carrier = api.carrier()
    if policy == "fair-share v1":
        put_in_force(api.engine, {1: 1})
    reserve(carrier, request(0), "warm")
    statements: list[str] = []

    @event.listens_for(api.engine, "before_cursor_execute")
    def _count(*arguments: Any) -> None:
        statements.append(arguments[2])
        if api.engine.dialect.name == "postgresql":
            sizes = zip((len(arguments[2]), len(arguments[3])), KEPT_BY_PSYCOPG, strict=True)
            assert all(size <= most for size, most in sizes), arguments[2]

    assert reserve(carrier, request(1, code_at="reservation"), "k1").status_code == 201
    event.remove(api.engine, "before_cursor_execute", _count)
    sent = [one for one in statements if not one.startswith("BEGIN")]
    if api.engine.dialect.name == "sqlite":
        # In one process a statement is no round trip; the rows are inserted table by table.
        sent = [one for one in sent if not one.startswith("INSERT")]
    assert len(sent) <= ROUND_TRIPS_MAX, sent


def _race(api: Api, rounds: int) -> None:
    """Let two carriers reach for the last compartment, again and again."""
    api.locker("last-1", doors=1)
    with ThreadPoolExecutor(2) as people:
        clients = [api.carrier("Nordpost"), api.carrier("Sydpost")]
        for number in range(rounds):
            start = Barrier(2)

            def reach(client: httpx.Client, number: int = number, start: Barrier = start) -> Any:
                start.wait()
                return reserve(client, request(number, locker_id="last-1"), f"k{number}")

            answers = list(people.map(reach, clients))
            assert sorted(one.status_code for one in answers) == [201, 409], number
            (lost,) = [one for one in answers if one.status_code == 409]
            assert lost.json()["code"] == "locker_full"
            api.change(lambda session: session.execute(update(Claim).values(released=True)))
    assert api.count(Reservation) == rounds


def test_race_for_the_last_compartment_has_one_winner(api: Api) -> None:
    _race(api, 20)


@pytest.mark.slow
def test_race_for_the_last_compartment_has_one_winner_a_thousand_times(api: Api) -> None:
    _race(api, 1000)


def test_same_label_raced_at_two_lockers_is_confirmed_once(api: Api) -> None:
    api.locker("oslo-2", doors=9)
    key = api.key()
    with ThreadPoolExecutor(2) as people:
        clients = [api.client(key), api.client(key)]
        for number in range(5):
            bodies = [request(number, locker_id=one) for one in ("oslo-1", "oslo-2")]
            keys = [f"a{number}", f"b{number}"]
            answers = list(people.map(reserve, clients, bodies, keys))
            assert sorted(one.status_code for one in answers) == [201, 409]
    with api.engine.connect() as connection:
        labels = connection.scalars(select(Reservation.label_value)).all()
    assert len(labels) == len(set(labels))


def test_label_is_kept_as_the_carrier_named_it(api: Api) -> None:
    sscc = {"kind": "sscc", "value": "(00)370712345678901238"}
    body = reserve(api.carrier(), request(label=sscc), "k").json()
    assert body["label"] == {"kind": "sscc", "value": "370712345678901238"}
    assert label(1) != label(2)
