"""Drop-offs over HTTP: authorised once per key, read with their codes, cancelled."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.webhooks import numbering, rendering
from fellesskap_protocol import events
from tests.backend.api import request, reserve
from tests.backend.lives import Lives, soon

PATH = "/v1/drop-offs"


def wish(**fields: Any) -> dict[str, Any]:
    by = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    asked = {"locker_id": "oslo-1", "reference": "R-1", "size_class": "S", "drop_off_by": by}
    return asked | fields


def test_drop_off_is_authorised_once_and_its_code_is_stored_nowhere(house: Lives) -> None:
    asked = wish()
    first, again = (
        house.client.post(PATH, json=asked, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.status_code == again.status_code == 201, first.text
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    body = first.json()
    assert first.headers["Location"] == f"{PATH}/{body['id']}"
    shown = house.client.get(first.headers["Location"])
    assert shown.json() == body
    assert shown.headers["ETag"] == first.headers["ETag"] == again.headers["ETag"]
    (stored,) = house.api.rows(Answer)
    for code in ("code", "addition", "qr"):
        assert body[code] not in stored.body
    (right,) = house.rights("drop_off")
    assert right.parcel_id == body["parcel_id"]


def test_cancelled_drop_off_shows_no_code_and_twice_is_once(house: Lives) -> None:
    made = house.client.post(PATH, json=wish(), headers={"Idempotency-Key": "k"}).json()
    for _ in range(2):
        gone = house.client.delete(f"{PATH}/{made['id']}")
        assert (gone.status_code, gone.json()["state"]) == (200, "cancelled"), gone.text
        assert "code" not in gone.json()
    other = house.api.carrier("Sydpost")
    assert other.get(f"{PATH}/{made['id']}").status_code == 404
    assert other.delete(f"{PATH}/{made['id']}").status_code == 404


def authorised(client: httpx.Client, number: int, **fields: Any) -> dict[str, Any]:
    key = {"Idempotency-Key": f"k{number}"}
    made = client.post(PATH, json=wish(reference=f"R-{number}", **fields), headers=key)
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    return body


def listed(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Follow the links to the end."""
    found, asked = [], httpx.URL(PATH, params=query)
    while True:
        answer = client.get(asked)
        assert answer.status_code == 200, answer.text
        found += answer.json()["drop_offs"]
        if "next" not in answer.links:
            assert answer.json()["next"] is None
            return found
        asked = httpx.URL(answer.links["next"]["url"])


def test_drop_offs_are_found_again_by_their_reference_without_codes(house: Lives) -> None:
    house.api.locker("oslo-2", doors=3)
    other = house.api.carrier("Sydpost")
    made = [authorised(house.client, number) for number in range(4)]
    made.append(authorised(house.client, 4, locker_id="oslo-2"))
    theirs = authorised(other, 1)
    house.client.delete(f"{PATH}/{made[0]['id']}")
    shown = listed(house.client, limit=2)
    assert [one["id"] for one in shown] == [one["id"] for one in made[::-1]]
    assert all({"code", "addition", "qr"}.isdisjoint(one) for one in shown)
    assert all(one["qr"] not in str(shown) for one in made)
    single = house.client.get(f"{PATH}/{made[4]['id']}").json()
    assert shown[0].items() <= single.items()
    (found,) = listed(house.client, reference="R-1")
    assert found["id"] == made[1]["id"] != theirs["id"]
    assert [one["id"] for one in listed(house.client, state="cancelled")] == [made[0]["id"]]
    assert [one["id"] for one in listed(house.client, locker_id="oslo-2")] == [made[4]["id"]]
    assert listed(house.client, reference="R-1", locker_id="oslo-2") == []
    at = shown[2]["created_at"]
    assert listed(house.client, made_from=at) == shown[:3]
    assert listed(house.client, made_until=at) == shown[3:]
    assert [one["id"] for one in listed(other)] == [theirs["id"]]
    assert listed(house.api.carrier("Vestpost")) == []


def test_parcel_and_every_event_of_a_drop_off_say_its_reference(house: Lives) -> None:
    made = authorised(house.client, 7)
    named = {"drop_off_id": made["id"], "reference": "R-7"}
    right_id = house.rights("drop_off")[0].id
    house.tell(
        events.DroppedOff(
            parcel_id=made["parcel_id"],
            right_id=right_id,
            allowance_class="S",
            compartment=1,
            evidence="door",
        )
    )
    parcel = house.client.get(f"/v1/parcels/{made['parcel_id']}").json()
    (listed_parcel,) = house.client.get("/v1/parcels").json()["parcels"]
    for shown in (parcel, listed_parcel):
        assert named.items() <= shown.items()
        assert shown["label"] is None
    (removing,) = house.rights("remove")
    house.tell(
        events.Removed(
            parcel_id=made["parcel_id"], right_id=removing.id, compartment=1, evidence="door"
        )
    )
    reserved = house.room(1)
    house.do(numbering.give_positions)
    told = house.client.get("/v1/events").json()["events"]
    assert [one["type"] for one in told] == [
        *("drop_off.authorised", "parcel.dropped_off", "parcel.picked_up"),
        "reservation.confirmed",
    ]
    for one in told[:3]:
        assert named.items() <= one["data"].items()
    assert told[3]["data"]["reservation_id"] == reserved["id"]
    assert not named.keys() & told[3]["data"].keys()
    rows = sorted(house.api.rows(Notice), key=lambda row: row.number)
    bodies = house.api.change(
        lambda session: [
            json.loads(rendering.body_of(session, row, house.api.secrets.k_codes)) for row in rows
        ]
    )
    for event, body in zip(told, bodies, strict=True):
        assert event["data"].items() <= body["data"].items()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size_class": None}, 422),
        ({"pick_up_within": "PT5M"}, 422),
        ({"drop_off_by": "2020-01-01T00:00:00Z"}, 422),
        ({"locker_id": "nowhere-1"}, 404),
        ({"size_class": None, "dimensions": {"w_mm": 5000, "h_mm": 9, "d_mm": 9, "g": 1}}, 409),
    ],
)
def test_what_cannot_be_is_refused(house: Lives, fields: dict[str, Any], status: int) -> None:
    answer = house.client.post(PATH, json=wish(**fields), headers={"Idempotency-Key": "k"})
    assert answer.status_code == status, answer.text


TALL = {"w_mm": 300, "h_mm": 230, "d_mm": 200, "g": 900}


def refused(house: Lives, key: str, **fields: Any) -> dict[str, Any]:
    """Ask for what cannot be, twice under a key; return the problem."""
    asked = wish(size_class=None, dimensions=TALL) | fields
    first, again = (
        house.client.post(PATH, json=asked, headers={"Idempotency-Key": key}) for _ in range(2)
    )
    assert first.status_code == again.status_code == 409, first.text
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    body: dict[str, Any] = first.json()
    return body


def test_a_refused_drop_off_says_why_and_where_there_is_room(house: Lives) -> None:
    house.api.locker("full-1", doors=1, height_mm=240)
    house.api.locker("tall-1", doors=1, height_mm=240)
    house.api.locker("high-1", doors=1, height_mm=240, floor_mm=1400)
    reserved = request(1, locker_id="full-1", dimensions=TALL)
    assert reserve(house.client, reserved, "full").status_code == 201

    problem = refused(house, "k1")
    assert (problem["code"], problem["reason"]) == ("no_fitting_compartment",) * 2
    assert [one["locker_id"] for one in problem["alternatives"]] == ["high-1", "tall-1"]
    like_a_reservation = reserve(house.client, request(2, dimensions=TALL), "r").json()
    assert problem["alternatives"] == like_a_reservation["alternatives"]
    assert like_a_reservation.keys() - problem.keys() == {"decision_id"}
    assert problem.items() <= like_a_reservation.items()

    low = refused(house, "k2", locker_id="high-1", needs=["low"])
    assert (low["code"], low["reason"]) == ("no_accessible_compartment",) * 2
    assert [one["locker_id"] for one in low["alternatives"]] == ["tall-1"]
    house.set(lambda session: setattr(session.get_one(Locker, "tall-1"), "closed_at", soon()))
    away = refused(house, "k3", locker_id="tall-1")
    assert (away["code"], away["reason"]) == ("locker_unavailable",) * 2
    assert [one["locker_id"] for one in away["alternatives"]] == ["high-1"]
    nothing = refused(house, "k4", dimensions=TALL | {"w_mm": 5_000})
    assert (nothing["reason"], nothing["alternatives"]) == ("no_fitting_compartment", [])
    assert house.rights("drop_off") == []
