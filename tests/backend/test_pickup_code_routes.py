"""Pickup codes over HTTP: shown to who may, stored nowhere, named by their rights."""

from uuid import UUID

from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.pickup_codes.tables import DelegatedCode
from fellesskap_backend.rights.tables import RightCode
from fellesskap_protocol.codes import mac
from tests.backend.api import Json
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit
from tests.backend.test_api_keys import scoped
from tests.backend.test_drop_off_routes import wish as drop_off

CODES = ("code", "addition", "qr")


def path_of(parcel: Json) -> str:
    return f"/v1/parcels/{parcel['parcel_id']}/pickup-codes"


def test_a_second_code_is_made_once_per_key_and_stored_nowhere(house: Lives) -> None:
    parcel = house.room()
    path = path_of(parcel)
    first, again = (
        house.client.post(path, json={"reference": "C-2"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )
    assert first.status_code == 201, first.text
    body = first.json()
    assert again.json() == body
    assert house.client.get(first.headers["Location"]).json() == body
    assert (body["is_for"], body["reference"]) == ("somebody_else", "C-2")
    listed = house.client.get(path).json()["pickup_codes"]
    assert [one["id"] for one in listed] == [parcel["right_id"], body["id"]]
    assert not any(code in one for one in listed for code in CODES)
    for row in house.api.rows(Answer):
        assert not any(body[code] in row.body for code in CODES)
    (right,) = house.rights("collect")
    k_locker = house.api.secrets.k_locker("oslo-1", 1)
    assert right.code_mac == mac(k_locker, "code", body["code"])
    assert right.qr_mac == mac(k_locker, "qr", body["qr"])
    assert (right.parcel_id, right.compartment, right.label_macs) == (parcel["parcel_id"], None, ())


def test_a_rotated_code_is_that_of_the_reservation_and_of_its_right(house: Lives) -> None:
    parcel = house.room()
    path = f"{path_of(parcel)}/{parcel['right_id']}"
    old = house.client.get(path).json()
    first, again = (
        house.client.post(f"{path}/rotate", headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    new = first.json()
    assert (first.status_code, again.json()) == (200, new), first.text
    assert all(new[code] != old[code] for code in CODES)
    assert house.client.get(path).json() == new
    (right,) = house.rights("claim")
    k_locker = house.api.secrets.k_locker("oslo-1", 1)
    assert right.code_mac == mac(k_locker, "code", new["code"])
    assert (new["state"], new["effective"]) == ("live", "pending")
    house.applied()
    assert house.client.get(path).json()["effective"] == "in_force"
    resting = [row for row in house.api.rows(RightCode) if row.removed_at is not None]
    assert [row.code_mac for row in resting] == [mac(k_locker, "code", old["code"])]
    assert house.history(parcel["parcel_id"]) == ["expected", "code_rotated"]


def test_the_feed_tells_what_becomes_of_codes_and_no_code(house: Lives) -> None:
    parcel = house.room()
    second = house.client.post(path_of(parcel), json={}).json()
    path = f"{path_of(parcel)}/{second['id']}"
    house.client.post(f"{path}/rotate", json={})
    for _ in range(2):
        house.client.delete(path)
    told = [one for one in house.api.rows(Notice) if one.type.startswith("pickup_code.")]
    assert [one.type.split(".")[1] for one in told] == ["delegated", "rotated", "revoked"]
    for one in told:
        assert (str(one.parcel_id), one.data["code_id"]) == (parcel["parcel_id"], second["id"])
        assert not set(one.data) & {*CODES, "pickup_code"}


def test_a_collection_by_a_second_code_is_the_parcels(house: Lives) -> None:
    parcel = house.room()
    second = house.client.post(path_of(parcel), json={}).json()
    house.tell(*deposit(parcel))
    house.tell(*collect(parcel | {"right_id": second["id"]}))
    assert house.unapplied() == {}
    assert house.parcel(parcel["parcel_id"]).state == "collected"
    assert house.history(parcel["parcel_id"])[-5:] == [
        *("presented", "pulsed", "door_opened", "door_closed", "collected")
    ]
    assert house.rights("collect") == []
    states = [one["state"] for one in house.client.get(path_of(parcel)).json()["pickup_codes"]]
    assert states == ["over", "over"]
    assert house.client.post(path_of(parcel), json={}).json()["code"] == "wrong_state"
    too_late = house.client.delete(f"{path_of(parcel)}/{second['id']}")
    assert (too_late.status_code, too_late.json()["code"]) == (409, "wrong_state")


def test_a_reservation_that_ends_takes_second_codes_with_it_and_a_late_parcel_brings_them_back(
    house: Lives,
) -> None:
    parcel = house.room()
    kept, gone = (house.client.post(path_of(parcel), json={}).json() for _ in range(2))
    house.client.delete(f"{path_of(parcel)}/{gone['id']}")
    house.client.delete(f"/v1/reservations/{parcel['id']}")
    assert house.rights("collect") == []
    house.tell(*deposit(parcel))
    assert {right.id for right in house.rights("collect")} == {parcel["right_id"], kept["id"]}
    again = house.client.get(f"{path_of(parcel)}/{kept['id']}").json()
    assert [again[code] for code in CODES] == [kept[code] for code in CODES]
    digits = {str(row.right_id): row.removed_at for row in house.api.rows(RightCode)}
    assert digits[kept["id"]] is None
    assert digits[gone["id"]] is not None


def test_a_code_that_was_revoked_before_the_deposit_does_not_come_back_with_it(
    house: Lives,
) -> None:
    parcel = house.room()
    path = f"{path_of(parcel)}/{parcel['right_id']}"
    first, second = (house.client.delete(path).json() for _ in range(2))
    assert first == second
    assert first["state"] == "revoked"
    house.tell(*deposit(parcel))
    (right,) = house.rights("collect")
    assert (right.code_mac, right.long_code_mac, right.qr_mac) == (None, None, None)
    assert house.client.get(path).json() == first
    assert house.client.post(f"{path}/rotate").json()["state"] == "live"
    (right,) = house.rights("collect")
    assert right.code_mac is not None


def test_who_may_see_codes_and_who_may_not(house: Lives) -> None:
    parcel = house.room()
    path = f"{path_of(parcel)}/{parcel['right_id']}"
    reader = scoped(house.api, "codes:read", "parcels:read")
    assert reader.get(path).status_code == 403
    assert reader.post(f"{path}/rotate").status_code == 403
    for other in (reader, house.api.carrier("Sydpost")):
        assert other.get(path_of(parcel)).status_code == 404
    other = house.api.carrier("Terminalen")
    assert other.get(path).status_code == other.delete(path).status_code == 404
    assert other.post(f"{path}/rotate").status_code == 404
    assert other.post(path_of(parcel), json={}).status_code == 404
    another = house.room(2)
    crossed = f"{path_of(another)}/{parcel['right_id']}"
    assert house.client.get(crossed).status_code == 404, "a code of another parcel"


def test_what_is_dropped_off_has_no_pickup_code(house: Lives) -> None:
    back = house.client.post("/v1/drop-offs", json=drop_off()).json()
    assert house.client.get(path_of(back)).json() == {"pickup_codes": []}
    refused = house.client.post(path_of(back), json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    (right,) = house.rights("drop_off")
    assert house.client.post(f"{path_of(back)}/{UUID(right.id)}/rotate").status_code == 404
    assert house.api.count(DelegatedCode) == 0
