"""Operators set what a locker is good for, and what everybody is told of it."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_protocol import events
from tests.backend.api import request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit

SERVICE = "/v1/operator/lockers/oslo-1/service"
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


@pytest.fixture
def operator(house: Lives) -> httpx.Client:
    return house.api.operator()


def put(operator: httpx.Client, path: str, **body: Any) -> httpx.Response:
    """Read, then change what was read."""
    tag = operator.get(path).headers["ETag"]
    asked = {"reason": "It is moved.", **body}
    return operator.put(path, json=asked, headers={"If-Match": tag})


def set_door(operator: httpx.Client, number: int, state: str) -> httpx.Response:
    return put(operator, f"/v1/operator/lockers/oslo-1/compartments/{number}/service", state=state)


def test_draining_takes_nothing_new_and_keeps_what_was_promised(
    house: Lives, operator: httpx.Client
) -> None:
    now = datetime.now(UTC)
    house.do(
        lambda session, moment: allowances.set_targets(session, "oslo-1", {"S": 1}, moment=moment)
    )
    house.applied()
    promised, lying = house.room(1), house.room(2)
    house.tell(*deposit(lying, 2))
    answer = put(operator, SERVICE, state="draining")
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "draining"
    assert datetime.fromisoformat(answer.json()["since"]) >= now
    assert reserve(house.client, request(3), "k3").json()["code"] == "locker_unavailable"
    drop_off = {
        "locker_id": "oslo-1",
        "reference": "R",
        "size_class": "S",
        "drop_off_by": request()["deposit_by"],
        "pick_up_within": "P1D",
    }
    assert house.client.post("/v1/drop-offs", json=drop_off).json()["code"] == "locker_unavailable"
    (allowance,) = house.rights("allowance")
    assert allowance.granted == 0
    public = house.api.client().get("/v1/lockers/oslo-1").json()
    assert (public["service"], set(public["free"].values())) == ("draining", {"0"})
    assert house.notices("reservation.diverted") == []
    house.tell(*deposit(promised, 1), *collect(lying, 2))
    assert house.parcel(promised["parcel_id"]).state == "deposited"
    assert house.parcel(lying["parcel_id"]).state == "collected"

    put(operator, SERVICE, state="in_service")
    assert reserve(house.client, request(4), "k4").status_code == 201
    assert [right.granted for right in house.rights("allowance")] == [1]


def test_out_of_service_diverts_what_did_not_come_and_locks_nobody_out(
    house: Lives, operator: httpx.Client
) -> None:
    promised, lying = house.room(1), house.room(2)
    house.tell(*deposit(lying, 2))
    assert put(operator, SERVICE, state="out_of_service").json()["state"] == "out_of_service"
    assert house.reservation(promised["id"]).state == "diverted"
    (notice,) = house.notices("reservation.diverted")
    assert notice.data["reason"] == "locker_out_of_service"
    assert "It is moved." not in str(notice.data), "a reason is among operators"
    assert [right.revoked for right in house.rights("collect")] == [False]
    house.tell(*collect(lying, 2))
    assert house.parcel(lying["parcel_id"]).state == "collected"
    house.tell(*deposit(promised, 1))
    assert house.parcel(promised["parcel_id"]).state == "deposited", "late truth"


@SQLITE
def test_whoever_did_not_see_the_others_change_is_told(operator: httpx.Client) -> None:
    tag = operator.get(SERVICE).headers["ETag"]
    body = {"state": "draining", "reason": "One."}
    assert operator.put(SERVICE, json=body).json()["code"] == "precondition_required"
    first = operator.put(SERVICE, json=body, headers={"If-Match": tag})
    assert first.status_code == 200
    second = operator.put(
        SERVICE, json={"state": "in_service", "reason": "Two."}, headers={"If-Match": tag}
    )
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert operator.get(SERVICE).json()["state"] == "draining"


@SQLITE
def test_a_change_is_a_row_once_and_shown_with_the_locker(
    house: Lives, operator: httpx.Client
) -> None:
    for _ in range(2):
        put(operator, SERVICE, state="draining", reason="The street is dug up.")
    (act,) = house.api.rows(OperatorAct)
    prefix = operator.headers["authorization"].split("_")[1]
    assert (act.act, act.by_prefix) == ("set_locker_service", prefix)
    assert act.details == {"before": "in_service", "after": "draining"}
    told = operator.get("/v1/operator/lockers/oslo-1").json()["acts"]
    assert [one["reason"] for one in told] == ["The street is dug up."]
    assert operator.get("/v1/operator/acts", params={"locker_id": "oslo-1"}).json()["acts"] == told
    assert operator.get("/v1/operator/acts", params={"locker_id": "x"}).json()["acts"] == []


def test_a_door_that_is_taken_out_drains_and_is_out_once_its_parcel_is_gone(
    house: Lives, operator: httpx.Client
) -> None:
    lying = house.room(1)
    house.tell(*deposit(lying, 1))
    set_door(operator, 1, "draining")
    shown = set_door(operator, 1, "out_of_service").json()
    assert len(house.api.rows(OperatorAct)) == 1, "to a door these are one wish"
    assert (shown["state"], shown["heard"]) == ("draining", False)
    assert house.compartment(1).service == "in", "the locker is the authority on its doors"
    house.tell(events.ServiceChanged(compartment=1, from_="in", to="out", cause="operator"))
    assert operator.get("/v1/operator/lockers/oslo-1/compartments/1/service").json() == {
        "locker_id": "oslo-1",
        "compartment": 1,
        "state": "draining",
        "service": "out",
        "heard": True,
    }
    house.tell(*collect(lying, 1))
    door = operator.get("/v1/operator/lockers/oslo-1").json()["compartments"][0]
    assert (door["service_state"], door["wish"]) == ("out_of_service", None)
    # Whatever puts it back, the wish stays, and is owed again.
    house.tell(events.ServiceChanged(compartment=1, from_="out", to="in", cause="temperature"))
    assert not house.compartment(1).wish_heard
    house.tell(events.ServiceChanged(compartment=1, from_="in", to="out", cause="operator"))
    set_door(operator, 1, "in_service")
    house.tell(events.ServiceChanged(compartment=1, from_="out", to="in", cause="operator"))
    place = house.compartment(1)
    assert (place.service, place.wished_service) == ("in", None)


@SQLITE
def test_a_new_store_is_told_again_what_is_out(house: Lives, operator: httpx.Client) -> None:
    set_door(operator, 2, "out_of_service")
    house.tell(
        events.ServiceChanged(compartment=2, from_="in", to="out", cause="operator"),
        events.Fault(part="bank a", what="silent", since=datetime.now(UTC)),
    )
    assert house.compartment(2).wish_heard
    house.locker.begin("epoch-2")
    house.locker.session += 1
    house.born()
    house.locker.commission(3)
    house.ingest()
    assert not house.compartment(2).wish_heard
    assert operator.get("/v1/operator/lockers/oslo-1").json()["faults"] == []


@SQLITE
def test_standing_faults_are_shown_until_they_are_over(
    house: Lives, operator: httpx.Client
) -> None:
    since = datetime(2026, 11, 24, 8, tzinfo=UTC)
    house.tell(
        events.Fault(part="bank a", what="silent", since=since),
        events.Fault(part="scanner", what="stuck", since=since),
        events.Fault(part="scanner", what="gone", since=since),
    )
    (listed,) = operator.get("/v1/operator/lockers").json()["lockers"]
    at = "2026-11-24T08:00:00Z"
    assert listed["faults"] == [
        {"part": "bank a", "what": "silent", "since": at},
        {"part": "scanner", "what": "gone", "since": at},
    ]
    house.tell(events.Fault(part="bank a", what="ok", since=since))
    shown = operator.get("/v1/operator/lockers/oslo-1").json()
    assert [one["part"] for one in shown["faults"]] == ["scanner"]


def test_the_fleet_is_listed_by_contact_and_service_in_pages(
    house: Lives, operator: httpx.Client
) -> None:
    for number in range(3):
        house.api.locker(f"more-{number}", doors=1)

    def forget(session: Any) -> None:
        session.get_one(Locker, "more-1").contact_at = None
        session.get_one(Compartment, ("more-2", 1)).service = "suspect"

    house.set(forget)
    put(operator, "/v1/operator/lockers/more-2/service", state="draining")
    first = operator.get("/v1/operator/lockers", params={"limit": 2})
    rest = operator.get(first.links["next"]["url"]).json()
    every = first.json()["lockers"] + rest["lockers"]
    assert [row["id"] for row in every] == ["more-0", "more-1", "more-2", "oslo-1"]
    assert [row["suspect_compartments"] for row in every] == [0, 0, 1, 0]

    def of(**asked: str) -> list[str]:
        rows = operator.get("/v1/operator/lockers", params=asked).json()["lockers"]
        return [row["id"] for row in rows]

    assert of(contact="offline") == ["more-1"]
    assert of(contact="late") == []
    assert of(contact="online", service="draining") == ["more-2"]


def test_what_everybody_is_told_is_set_and_moves_with_its_site(
    house: Lives, operator: httpx.Client
) -> None:
    site_id = house.api.site("oslo-1", 59.9, 10.6)
    described = {
        "site_id": site_id,
        "address": "Jernbanetorget 1",
        "position": {"latitude": 59.9, "longitude": 10.6},
        "features": ["scanner", "keypad"],
        "languages": ["nb", "se"],
    }
    path = "/v1/operator/lockers/oslo-1/description"
    assert put(operator, path, **described).status_code == 200
    site = {
        "name": "Oslo S",
        "address": "Jernbanetorget 1",
        "position": {"latitude": 59.91, "longitude": 10.75},
        "opening_hours": "Mo-Su 05:00-01:00",
    }
    assert put(operator, f"/v1/operator/sites/{site_id}/description", **site).json() == site
    shown = house.api.client().get("/v1/lockers/oslo-1").json()
    assert shown["position"] == site["position"]
    assert (shown["site_name"], shown["opening_hours"]) == ("Oslo S", "Mo-Su 05:00-01:00")
    assert (shown["features"], shown["languages"]) == (["keypad", "low", "scanner"], ["nb", "se"])
    assert house.row().lat_band == 1198
    acts = operator.get("/v1/operator/acts").json()["acts"]
    assert [one["act"] for one in acts] == ["describe_site", "describe_locker"]
    unknown = described | {"site_id": "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"}
    assert put(operator, path, **unknown).status_code == 422


@SQLITE
def test_allowances_are_set_as_a_whole(house: Lives, operator: httpx.Client) -> None:
    path = "/v1/operator/lockers/oslo-1/allowances"
    assert put(operator, path, targets={"S": 2, "M": 1}).json()["targets"] == {"S": 2, "M": 1}
    assert sum(right.granted for right in house.rights("allowance")) > 0
    assert put(operator, path, targets={"S": 1}).json()["targets"] == {"S": 1, "M": 0}
    assert put(operator, path, targets={"XXL": 1}).status_code == 422
    assert put(operator, path, targets={"S": -1}).status_code == 422


@SQLITE
def test_carriers_and_narrow_keys_are_kept_out(house: Lives, operator: httpx.Client) -> None:
    document = house.api.client().get("/v1/openapi/operator.json").json()
    asked = 0
    for path, item in document["paths"].items():
        if not path.startswith("/v1/operator"):
            continue
        for verb in item:
            whole = path.format(
                locker_id="oslo-1",
                number=1,
                device_id="d",
                parcel_id="01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f",
                site_id="01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f",
            )
            body = item[verb].get("requestBody")
            example = None
            if body is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                example = document["components"]["schemas"][name]["examples"][0]
            answer = house.client.request(verb, whole, json=example)
            assert answer.status_code == 403, (verb, path, answer.text)
            assert house.api.client().request(verb, whole, json=example).status_code == 401
            asked += 1
    assert asked >= 20
    made = operator.post("/v1/api-keys", json={"name": "Screen", "scopes": ["lockers:read"]})
    narrow = house.api.client(made.json()["api_key"])
    assert narrow.get("/v1/operator/lockers").status_code == 200
    tag = narrow.get(SERVICE).headers["ETag"]
    body = {"state": "draining", "reason": "May I?"}
    refused = narrow.put(SERVICE, json=body, headers={"If-Match": tag})
    assert refused.json()["code"] == "forbidden"
    why = {"reason": "May I?"}
    assert narrow.post("/v1/operator/lockers/oslo-1/write-off", json=why).status_code == 403
