"""`PATCH /v1/reservations/{id}`: the times of a reservation whose parcel has not come yet."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right
from tests.backend.api import Api, Json, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import deposit

NOW = datetime.now(UTC).replace(microsecond=0)


def at(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def made(client: httpx.Client, **fields: Any) -> str:
    answer = reserve(client, request(1, deposit_by=at(1), **fields), "k1")
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def change(client: httpx.Client, path: str, to: Json, tag: str | None = "") -> httpx.Response:
    """Change what is there, by its present tag, another one or none."""
    headers = {}
    if tag is not None:
        headers["If-Match"] = tag or client.get(path).headers["etag"]
    return client.patch(path, json=to, headers=headers)


def test_changed_times_are_shown_told_and_on_their_way_to_the_locker(api: Api) -> None:
    carrier = api.carrier()
    path = made(carrier, code_at="reservation")
    before = carrier.get(path).json()
    to = {"deposit_by": at(3), "reserve_until": at(2), "collect_within": "P5D"}
    answer = change(carrier, path, to)
    assert answer.status_code == 200, answer.text
    assert answer.json() == before | to
    assert carrier.get(path).json() == answer.json()
    (right,), (parcel,), (locker,) = api.rows(Right), api.rows(Parcel), api.rows(Locker)
    assert msgspec.json.decode(right.body)["deposit_by"] == at(3)
    assert (right.revision, locker.revision) == (2, 2)
    assert parcel.collect_within_s == 5 * 86_400
    notices = {row.type: row.data for row in api.rows(Notice)}
    told = notices["reservation.changed"]
    assert {name: told[name] for name in to} == to
    history = carrier.get(f"/v1/parcels/{parcel.id}").json()["history"]
    assert [one["what"] for one in history] == ["expected", "changed"]
    assert [row.released for row in api.rows(Claim)] == [False]


def test_what_the_locker_need_not_know_makes_no_revision(api: Api) -> None:
    carrier = api.carrier()
    path = made(carrier)
    assert change(carrier, path, {"reserve_until": at(0.5)}).status_code == 200
    assert change(carrier, path, {"reserve_until": None}).json()["reserve_until"] is None
    assert api.rows(Locker)[0].revision == 1
    same = change(carrier, path, {"deposit_by": at(1)})
    assert same.status_code == 200
    assert len([row for row in api.rows(Notice) if row.type == "reservation.changed"]) == 2


def test_a_change_wants_the_tag_of_what_was_read(api: Api) -> None:
    carrier = api.carrier()
    path = made(carrier)
    old = carrier.get(path).headers["etag"]
    assert change(carrier, path, {"deposit_by": at(2)}, None).status_code == 428
    assert change(carrier, path, {"deposit_by": at(2)}, old).status_code == 200
    late = change(carrier, path, {"deposit_by": at(3)}, old)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert carrier.get(path).json()["deposit_by"] == at(2)
    assert change(carrier, path, {"deposit_by": at(3)}, "*").status_code == 200


@pytest.mark.parametrize(
    "to",
    [
        {},
        {"deposit_by": None},
        {"collect_within": None},
        {"deposit_by": at(-1)},
        {"deposit_by": at(31)},
        {"reserve_until": at(-1)},
        {"reserve_until": at(1.5)},
        {"deposit_by": at(0.4)},
        {"collect_within": "P31D"},
        {"hold": "soft"},
        {"label": {"kind": "reference", "value": "OTHER-1"}},
    ],
)
def test_times_that_cannot_be_are_refused_and_change_nothing(api: Api, to: Json) -> None:
    carrier = api.carrier()
    path = made(carrier, reserve_until=at(0.5))
    before = carrier.get(path).json()
    answer = change(carrier, path, to)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert carrier.get(path).json() == before


def test_a_soft_one_holds_nothing_that_could_be_held_longer(api: Api) -> None:
    carrier = api.carrier()
    path = made(carrier, hold="soft")
    refused = change(carrier, path, {"reserve_until": at(0.5)})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert change(carrier, path, {"deposit_by": at(2)}).json()["hold"] == "soft"


def test_what_came_or_ended_is_changed_no_more(api: Api) -> None:
    carrier = api.carrier()
    path = made(carrier)
    carrier.delete(path)
    refused = change(carrier, path, {"deposit_by": at(2)})
    assert (refused.status_code, refused.json()["state"]) == (409, "cancelled")


@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_a_changed_time_is_the_one_that_counts(settings: Any) -> None:
    api = Api(settings)
    try:
        house = Lives(api)
        room = house.room()
        path = f"/v1/reservations/{room['id']}"
        to = {"deposit_by": at(5), "collect_within": "P1D"}
        assert change(house.client, path, to).status_code == 200
        house.pass_time(NOW + timedelta(days=3))
        assert api.rows(Reservation)[0].state == "confirmed"
        house.tell(*deposit(room))
        (parcel,) = api.rows(Parcel)
        assert (parcel.state, parcel.collect_within_s) == ("deposited", 86_400)
        gone = change(house.client, path, {"deposit_by": at(6)})
        assert (gone.status_code, gone.json()["state"]) == (409, "fulfilled")
    finally:
        api.stop()
