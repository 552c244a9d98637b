"""`/v1/lockers/{id}/door-operations`."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fellesskap_backend.carriers.tables import ApiKey
from fellesskap_backend.door_operations.tables import DoorOperation
from tests.backend.api import Api

PATH = "/v1/lockers/oslo-1/door-operations"
BODY = {"compartment": 2, "reason_code": "customer_service", "reason": "It did not spring open."}


def test_asked_for_door_is_issued_and_read_at_its_location(api: Api) -> None:
    operator = api.operator()
    answer = operator.post(PATH, json=BODY)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"{PATH}/{body['id']}"
    assert (body["state"], body["compartment"], body["reason"]) == ("issued", 2, BODY["reason"])
    issued, expires = (datetime.fromisoformat(body[name]) for name in ("issued_at", "expires_at"))
    assert expires - issued == timedelta(seconds=30)
    assert operator.get(answer.headers["location"]).json() == body
    assert api.wakes >= 1
    (row,) = api.rows(DoorOperation)
    assert row.requested_by == next(key.prefix for key in api.rows(ApiKey))


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": None},
        {"reason": "   "},
        {"reason_code": "No Code"},
        {"compartment": 0},
        {"compartment": 99},
        {"surprise": 1},
    ],
)
def test_door_without_a_good_reason_or_number_is_refused(api: Api, fields: dict[str, Any]) -> None:
    answer = api.operator().post(PATH, json={**BODY, **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert api.count(DoorOperation) == 0


def test_reason_is_mandatory(api: Api) -> None:
    body = {name: value for name, value in BODY.items() if name != "reason"}
    answer = api.operator().post(PATH, json=body)
    assert answer.json()["errors"] == [{"where": "body.reason", "what": "Field required"}]


def test_unknown_locker_and_operation_of_another_locker_are_not_found(api: Api) -> None:
    api.locker("oslo-2", doors=2)
    operator = api.operator()
    assert operator.post(PATH.replace("oslo-1", "nowhere"), json=BODY).status_code == 404
    location = operator.post(PATH, json=BODY).headers["location"]
    assert operator.get(location.replace("oslo-1", "oslo-2")).status_code == 404


def test_what_became_of_a_door_operation_is_told_to_operators_alone(api: Api) -> None:
    operator = api.operator()
    location = operator.post(PATH, json=BODY).headers["location"]
    for client, refused in (
        (api.carrier(), 403),
        (api.client(), 401),
        (api.client("fsk_a_b"), 401),
    ):
        for answer in (client.get(location), client.post(PATH, json=BODY)):
            assert answer.status_code == refused
    assert operator.get(location).status_code == 200
    assert api.count(DoorOperation) == 1
