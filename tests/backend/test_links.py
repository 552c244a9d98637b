"""Every link of the documents leads from an answer that was given to a good one, as they say.

In a house in which parcels move: what a locker brought about is held to its schema as well.
"""

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
import schemathesis
from schemathesis.core.failures import Failure

from fellesskap_backend.settings import Settings
from tests.backend.api import Api, Json
from tests.backend.lived_in import Ids, live_in
from tests.backend.printed import LOCKER_ID, example_body, operations, printed, printed_for_carriers

pytestmark = pytest.mark.slow

BY_CUT_OFF = "reserve [202] find_reservation"
"""Only a locker that decides at cut-offs answers so (`test_busy_days`)."""
BY_CARRIERS = "make_api_key [201] find_api_key"
"""The example names scopes that carriers have."""


class Lived(NamedTuple):
    """A house, its carrier's key, and what there is."""

    api: Api
    key: str
    ids: Ids


@pytest.fixture
def lived(settings: Settings) -> Iterator[Lived]:
    house = Api(settings.model_copy(update={"rate_per_s": 0}))
    try:
        house.locker(LOCKER_ID, doors=60, height_mm=240)
        key = house.key()
        yield Lived(house, key, live_in(house, key))
    finally:
        house.stop()


class Reader:
    """Calls operations by what their document says, and holds the answers to it."""

    def __init__(self, client: httpx.Client, document: Json) -> None:
        self._client, self._document = client, document
        self._schema = schemathesis.openapi.from_dict(document)
        self._by_id = {one["operationId"]: (path, verb) for path, verb, one in operations(document)}
        self.followed: set[str] = set()

    @property
    def declared(self) -> set[str]:
        return {
            f"{one['operationId']} [{status}] {link['operationId']}"
            for _, _, one in operations(self._document)
            for status, answer in one["responses"].items()
            for link in answer.get("links", {}).values()
        }

    def operation(self, operation_id: str) -> Json:
        path, verb = self._by_id[operation_id]
        found: Json = self._document["paths"][path][verb]
        return found

    def call(self, operation_id: str, /, **ids: str) -> httpx.Response:
        """Send the example to what these ids name; hold the answer to its schema."""
        path, verb = self._by_id[operation_id]
        operation, path = self.operation(operation_id), path.format(**ids)
        wanted = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        headers = {}
        if "If-Match" in wanted:
            headers["If-Match"] = self._client.get(path).headers["etag"]
        body = example_body(self._document, operation)
        answer = self._client.request(verb, path, json=body, headers=headers)
        assert answer.is_success, f"{operation_id}: {answer.text}"
        self._schema.find_operation_by_id(operation_id).validate_response(answer)
        return answer

    def follow(self, operation_id: str, /, **ids: str) -> Json:
        """Call an operation, then whatever its answer leads to; return the answer."""
        answer = self.call(operation_id, **ids)
        responses = self.operation(operation_id)["responses"]
        body: Json = answer.json()
        for link in responses[str(answer.status_code)]["links"].values():
            named = {
                name: body[where.removeprefix("$response.body#/")]
                for name, where in link["parameters"].items()
            }
            self.call(link["operationId"], **named)
            self.followed.add(f"{operation_id} [{answer.status_code}] {link['operationId']}")
        return body


def test_a_carrier_gets_where_each_answer_leads(lived: Lived) -> None:
    api, key, ids = lived
    reader = Reader(api.client(key), printed_for_carriers(api))
    reserved = reader.follow("reserve")
    for name in ("find_reservation", "change_reservation", "cancel_reservation"):
        reader.follow(name, reservation_id=reserved["id"])
    _, lying, *_ = ids["parcel_id"]
    _, code, *_ = ids["code_id"]
    reader.follow("delegate_pickup_code", parcel_id=lying)
    reader.follow("rotate_pickup_code", parcel_id=lying, code_id=code)
    for act in ("extend_parcel", "recall_parcel", "dispute_parcel"):
        reader.follow(act, parcel_id=lying)
    for make in ("authorise_drop_off", "issue_courier_badge", "give_delegation", "make_api_key"):
        reader.follow(make)
    hook = reader.follow("subscribe_webhook")
    sent = reader.follow("test_webhook", subscription_id=hook["id"])
    event = {"subscription_id": sent["subscription_id"], "event_id": sent["event_id"]}
    reader.follow("redeliver_webhook", **event)
    assert reader.declared - reader.followed == {BY_CUT_OFF}


def test_an_operator_gets_where_each_answer_leads(lived: Lived) -> None:
    api, _, ids = lived
    reader = Reader(api.operator(), printed(api, "operator"))
    (locker,) = ids["locker_id"]
    disputed, door = ids["parcel_id"][2], ids["number"][2]
    reader.follow("open_door", locker_id=locker)
    reader.follow("resolve_parcel", parcel_id=disputed)
    reader.follow("clear_compartment", locker_id=locker, number=door)
    (device,) = ids["device_id"]
    reader.follow("revoke_device", locker_id=locker, device_id=device)
    reader.follow("replace_device", locker_id=locker)
    reader.follow("write_off_locker", locker_id=locker)
    assert reader.declared - reader.followed == {BY_CARRIERS}


def test_what_a_locker_brought_about_is_told_as_the_document_says(lived: Lived) -> None:
    api, key, ids = lived
    reader = Reader(api.client(key), printed_for_carriers(api))
    states = [reader.call("find_parcel", parcel_id=one).json()["state"] for one in ids["parcel_id"]]
    assert states == [
        *("overdue", "deposited", "disputed", "recalled", "collected", "expected"),
        *("deposited", "dropped_off"),
    ]
    for parcel_id, code_id in zip(ids["parcel_id"], ids["code_id"], strict=False):
        reader.call("find_pickup_code", parcel_id=parcel_id, code_id=code_id)
    for name, what in (("reservation", "reservation_id"), ("drop_off", "drop_off_id")):
        for one in ids[what]:
            reader.call(f"find_{name}", **{what: one})
    for every in ("list_parcels", "list_reservations", "list_drop_offs"):
        reader.call(every)
    (locker,), (done,) = ids["locker_id"], ids["operation_id"]
    operators = Reader(api.operator(), printed(api, "operator"))
    said = operators.call("find_door_operation", locker_id=locker, operation_id=done).json()
    assert said["state"] == "closed"


def test_an_answer_that_is_not_as_its_document_says_is_found(lived: Lived) -> None:
    document = printed_for_carriers(lived.api)
    document["components"]["schemas"]["Parcel"]["properties"]["state"] = {"type": "integer"}
    reader = Reader(lived.api.client(lived.key), document)
    with pytest.raises(Failure, match="integer"):
        reader.call("find_parcel", parcel_id=lived.ids["parcel_id"][0])
