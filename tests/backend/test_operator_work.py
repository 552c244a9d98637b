"""What waits for operators is worked through, each act under its key and with a reason."""

import os
from typing import Any

import httpx
import pytest

from fellesskap_backend.idempotency import Answer
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Device
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_protocol import events
from fellesskap_protocol.signing import SigningKey, b64url
from tests.backend.api import request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import deposit

WHY = {"reason": "Looked into it."}
CLEAR = "/v1/operator/lockers/oslo-1/compartments/1/clear"

SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


@pytest.fixture
def operator(house: Lives) -> httpx.Client:
    return house.api.operator()


def post(client: httpx.Client, path: str, key: str | None = None, **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(path, json={**WHY, **body}, headers=headers)


def disputed(house: Lives, *, reported: bool = True) -> dict[str, Any]:
    """Let a recipient find the first door empty, or its carrier doubt without anybody looking."""
    answer = house.room()
    house.tell(*deposit(answer))
    if reported:
        house.tell(
            events.Reported(what="empty", compartment=1, parcel_id=answer["parcel_id"]),
            events.ServiceChanged(compartment=1, from_="in", to="suspect", cause="reported_empty"),
        )
    else:
        house.client.post(
            f"/v1/parcels/{answer['parcel_id']}/dispute", json={"reason": "not found"}
        )
    return answer


def test_a_dispute_is_found_resolved_and_its_door_cleared(
    house: Lives, operator: httpx.Client
) -> None:
    parcel_id = disputed(house)["parcel_id"]
    (waiting,) = operator.get("/v1/operator/disputes").json()["disputes"]
    assert (waiting["parcel_id"], waiting["compartment"]) == (parcel_id, 1)
    assert (waiting["why"], waiting["label"]) == ("reported_empty", "R-000001")
    (suspect,) = operator.get("/v1/operator/suspects").json()["suspects"]
    assert (suspect["compartment"], suspect["parcel_state"]) == (1, "disputed")
    early = post(operator, CLEAR)
    assert (early.status_code, early.json()["state"]) == (409, "disputed")

    resolve = f"/v1/operator/parcels/{parcel_id}/resolve"
    first = post(operator, resolve, "k1", outcome="lost")
    again = post(operator, resolve, "k1", outcome="lost")
    assert first.status_code == 200, first.text
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    shown = operator.get(f"/v1/operator/parcels/{parcel_id}").json()
    assert shown["state"] == "lost"
    assert [(one["act"], one["details"]) for one in shown["acts"]] == [
        ("resolve_parcel", {"outcome": "lost"})
    ]
    assert operator.get("/v1/operator/disputes").json()["disputes"] == []
    other = post(operator, resolve, outcome="collected")
    assert (other.status_code, other.json()["code"]) == (409, "wrong_state")

    cleared = post(operator, CLEAR, "k2")
    assert cleared.json() == {
        "locker_id": "oslo-1",
        "compartment": 1,
        "state": "in_service",
        "service": "suspect",
        "heard": False,
    }
    house.applied()
    house.tell(events.ServiceChanged(compartment=1, from_="suspect", to="in", cause="operator"))
    assert operator.get("/v1/operator/suspects").json()["suspects"] == []
    assert house.compartment(1).content == "unknown"
    for number in (2, 3, 4):
        assert reserve(house.client, request(number), f"r{number}").status_code == 201


@SQLITE
def test_the_carrier_reads_what_became_of_it_and_not_why_or_who(
    house: Lives, operator: httpx.Client
) -> None:
    parcel_id = disputed(house)["parcel_id"]
    post(operator, f"/v1/operator/parcels/{parcel_id}/resolve", outcome="lost")
    told = house.client.get(f"/v1/parcels/{parcel_id}").text
    assert '"resolved"' in told
    assert "Looked into it." not in told
    assert operator.headers["authorization"].split("_")[1] not in told


@SQLITE
def test_what_was_found_where_it_should_be_is_good_again(
    house: Lives, operator: httpx.Client
) -> None:
    parcel_id = disputed(house)["parcel_id"]
    body = post(operator, f"/v1/operator/parcels/{parcel_id}/resolve", outcome="deposited").json()
    assert body["state"] == "deposited"
    assert post(operator, CLEAR).status_code == 200
    house.tell(events.ServiceChanged(compartment=1, from_="suspect", to="in", cause="operator"))
    place = house.compartment(1)
    assert (place.service, str(place.parcel_id)) == ("in", parcel_id)


def test_a_door_is_believed_empty_only_where_the_locker_knew_of_the_revoke(
    house: Lives, operator: httpx.Client
) -> None:
    parcel_id = disputed(house, reported=False)["parcel_id"]
    post(operator, f"/v1/operator/parcels/{parcel_id}/resolve", outcome="removed")
    assert (house.compartment(1).content, house.compartment(1).service) == ("parcel", "suspect")
    post(operator, CLEAR)
    said = events.ServiceChanged(compartment=1, from_="in", to="in", cause="operator")
    house.tell(said)
    place = house.compartment(1)
    assert (place.content, place.wished_service, place.wish_heard) == ("parcel", "in", False)
    house.applied()
    house.tell(said)
    place = house.compartment(1)
    assert (place.content, place.service, place.wished_service) == ("unknown", "in", None)


@SQLITE
def test_where_a_parcel_lies_that_nobody_knows_of_clearing_gives_nothing_away(
    house: Lives, operator: httpx.Client
) -> None:
    def unknown(session: Any) -> None:
        place = session.merge(house.compartment(1))
        place.content, place.service = "parcel", "suspect"

    house.set(unknown)
    post(operator, CLEAR)
    house.tell(events.ServiceChanged(compartment=1, from_="in", to="in", cause="operator"))
    place = house.compartment(1)
    assert (place.content, place.service, place.wished_service) == ("parcel", "in", None)


@SQLITE
def test_clearing_what_is_not_suspect_changes_nothing_and_what_is_out_is_set(
    house: Lives, operator: httpx.Client
) -> None:
    assert post(operator, CLEAR).status_code == 200
    assert house.compartment(1).wished_service is None
    assert house.api.rows(OperatorAct) == []
    house.tell(events.ServiceChanged(compartment=1, from_="in", to="out", cause="jammed"))
    assert post(operator, CLEAR).json()["code"] == "wrong_state"
    assert post(operator, CLEAR.replace("/1/", "/9/")).status_code == 404
    assert post(operator, CLEAR.replace("oslo-1", "nowhere")).status_code == 404


def test_worklists_have_pages(house: Lives, operator: httpx.Client) -> None:
    for number in (1, 2, 3):
        answer = house.room(number)
        house.tell(
            *deposit(answer, number),
            events.Reported(what="empty", compartment=number, parcel_id=answer["parcel_id"]),
        )
    for noun, name in (("disputes", "compartment"), ("suspects", "compartment")):
        page = operator.get(f"/v1/operator/{noun}", params={"limit": 2})
        rest = operator.get(page.links["next"]["url"]).json()
        assert rest["next"] is None
        found = [one[name] for one in page.json()[noun] + rest[noun]]
        assert sorted(found) == [1, 2, 3], noun
        elsewhere = operator.get(f"/v1/operator/{noun}", params={"locker_id": "x"}).json()
        assert elsewhere[noun] == []


def test_a_locker_is_written_off_once_and_its_carriers_are_told_why(
    house: Lives, operator: httpx.Client
) -> None:
    lying, promised = house.room(1), house.room(2)
    house.tell(*deposit(lying))
    path = "/v1/operator/lockers/oslo-1/write-off"
    first = post(operator, path, reason="Burnt out.")
    second = post(operator, path, reason="Burnt out.")
    assert first.json() == second.json()
    assert house.parcel(lying["parcel_id"]).state == "lost"
    assert house.reservation(promised["id"]).state == "diverted"
    assert house.notices("parcel.lost")[0].data["note"] == "Burnt out."
    (act,) = house.api.rows(OperatorAct)
    assert (act.act, act.reason) == ("write_off_locker", "Burnt out.")
    public = house.api.client()
    assert public.get("/v1/lockers/oslo-1").status_code == 404
    assert public.get("/v1/lockers").json()["lockers"] == []
    shown = operator.get("/v1/operator/lockers/oslo-1").json()
    assert shown["written_off_at"] == first.json()["written_off_at"]
    assert operator.get("/v1/operator/lockers/oslo-1/service").status_code == 404


def test_a_device_is_replaced_and_its_provision_shown_and_stored_nowhere(
    house: Lives, operator: httpx.Client
) -> None:
    key = SigningKey(os.urandom(32))
    body = {"device_id": "dev-new", "public_key": b64url(key.public.raw)}
    path = "/v1/operator/lockers/oslo-1/replace"
    first = post(operator, path, "k1", **body)
    assert first.status_code == 200, first.text
    assert first.headers["Cache-Control"] == "no-store"
    told = first.json()
    assert told["revoked"] == [house.locker.device_id]
    k_locker = b64url(house.api.secrets.k_locker("oslo-1", 1))
    assert told["provision"]["k_locker"] == k_locker
    assert told["provision"]["broker"]["username"]
    assert post(operator, path, "k1", **body).json() == told, "the same is shown again"
    devices = {row.id: row.revoked_at is None for row in house.api.rows(Device)}
    assert devices == {"dev-new": True, house.locker.device_id: False}
    stored = " ".join(row.body for row in house.api.rows(Answer))
    assert "dev-new" in stored
    assert k_locker not in stored
    (act,) = house.api.rows(OperatorAct)
    assert act.details == {"device_id": "dev-new", "revoked": [house.locker.device_id]}
    assert post(operator, path, **body | {"public_key": "short"}).status_code == 422
    assert post(operator, path.replace("oslo-1", "nowhere"), **body).status_code == 404


@SQLITE
def test_a_device_is_revoked_once(house: Lives, operator: httpx.Client) -> None:
    path = f"/v1/operator/lockers/oslo-1/devices/{house.locker.device_id}/revoke"
    first, second = post(operator, path), post(operator, path)
    assert first.json() == second.json()
    assert len(house.api.rows(OperatorAct)) == 1
    assert post(operator, path.replace(house.locker.device_id, "x")).status_code == 404


def test_events_that_were_kept_are_listed_and_applied_again(
    house: Lives, operator: httpx.Client
) -> None:
    house.tell(events.ServiceChanged(compartment=9, from_="in", to="out", cause="x"))
    (kept,) = operator.get("/v1/operator/unapplied").json()["events"]
    assert (kept["type"], kept["unapplied"]) == (
        "service_changed",
        "the compartment was never described",
    )
    answer = post(operator, "/v1/operator/unapplied/apply", locker_id="oslo-1", seq=kept["seq"])
    assert answer.json()["events"] == [kept], "still not"
    none = post(operator, "/v1/operator/unapplied/apply", locker_id="oslo-1", seq=2**31 - 1)
    assert none.json()["events"] == []
    beyond = post(operator, "/v1/operator/unapplied/apply", locker_id="oslo-1", seq=2**31)
    assert beyond.status_code == 422

    def describe(session: Any) -> None:
        place = house.compartment(1)
        values = {column.name: getattr(place, column.name) for column in place.__table__.columns}
        session.add(type(place)(**values | {"number": 9}))

    house.set(describe)
    answer = post(operator, "/v1/operator/unapplied/apply")
    assert [one["unapplied"] for one in answer.json()["events"]] == [None]
    assert house.compartment(9).service == "out"
    assert [row for row in house.api.rows(Entry) if row.unapplied] == []
    acts = operator.get("/v1/operator/acts").json()["acts"]
    assert [one["details"] for one in acts] == [
        {"tried": 1, "left": 0},
        {"tried": 0, "left": 0},
        {"tried": 1, "left": 1},
    ]


@SQLITE
def test_a_reason_is_wanted(house: Lives, operator: httpx.Client) -> None:
    house.tell(events.ServiceChanged(compartment=1, from_="in", to="suspect", cause="sensor"))
    for path in (CLEAR, "/v1/operator/lockers/oslo-1/write-off"):
        for body in ({}, {"reason": "  a "}, {"reason": "a\u0000bc"}):
            assert operator.post(path, json=body).status_code == 422
    assert house.api.rows(OperatorAct) == []
    assert house.row().written_off_at is None
    assert house.compartment(1).wished_service is None
