"""What a carrier wishes for its parcels and reservations, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.backend.api import request as wish
from tests.backend.lives import Lives
from tests.backend.lockers import deposit


def post(client: httpx.Client, path: str, body: Any = None, key: str = "k") -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def lying(house: Lives) -> str:
    """Return the address of a parcel that lies in compartment 2."""
    answer = house.room()
    house.tell(*deposit(answer, 2))
    return f"/v1/parcels/{answer['parcel_id']}"


def test_parcel_is_extended_once_per_key(house: Lives) -> None:
    path = lying(house)
    before = house.client.get(path).json()["collect_by"]
    first = post(house.client, f"{path}/extend", {"collect_within": "P5D"})
    again = post(house.client, f"{path}/extend", {"collect_within": "P5D"})
    assert first.status_code == again.status_code == 200, first.text
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["collect_by"] > before
    assert first.json()["history"][-1]["what"] == "extended"
    assert house.client.get(path).json() == first.json()


def test_recall_and_dispute_move_a_parcel_and_a_wrong_state_is_a_stored_answer(
    house: Lives,
) -> None:
    path = lying(house)
    doubted = post(house.client, f"{path}/dispute", {"reason": "found empty"}, "d")
    assert (doubted.status_code, doubted.json()["state"]) == (200, "disputed")
    for replayed in (None, "true"):
        refused = post(house.client, f"{path}/recall", key="r")
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
        assert refused.json()["state"] == "disputed"
        assert refused.headers.get("Idempotent-Replayed") == replayed


def test_recalled_parcel_is_shown_so(house: Lives) -> None:
    path = lying(house)
    assert post(house.client, f"{path}/recall").json()["state"] == "recalled"


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("extend", {"collect_within": "P5D"}),
        ("recall", None),
        ("dispute", {"reason": "found empty"}),
    ],
)
def test_another_carriers_parcel_is_not_there(
    house: Lives, act: str, body: dict[str, str] | None
) -> None:
    path = lying(house)
    other = house.api.carrier("Sydpost")
    answer = post(other, f"{path}/{act}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_reservation_is_cancelled_and_twice_is_once(house: Lives) -> None:
    answer = house.room()
    path = f"/v1/reservations/{answer['id']}"
    for _ in range(2):
        gone = house.client.delete(path)
        assert (gone.status_code, gone.json()["state"]) == (200, "cancelled"), gone.text
    assert house.client.get(f"/v1/parcels/{answer['parcel_id']}").json()["state"] == "cancelled"
    assert house.api.carrier("Sydpost").delete(path).status_code == 404


def test_reservation_whose_parcel_came_is_not_cancelled(house: Lives) -> None:
    answer = house.room()
    house.tell(*deposit(answer, 2))
    refused = house.client.delete(f"/v1/reservations/{answer['id']}")
    assert (refused.status_code, refused.json()["state"]) == (409, "fulfilled")


def test_soft_reservation_and_one_that_turns_soft_say_so(house: Lives) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    hard = post(house.client, "/v1/reservations", wish(1, reserve_until=until), "h").json()
    assert hard["hold"] == "hard"
    assert hard["reserve_until"] is not None
    soft = post(house.client, "/v1/reservations", wish(2, hold="soft"), "s").json()
    assert (soft["hold"], soft["reserve_until"]) == ("soft", None)
    both = post(house.client, "/v1/reservations", wish(3, hold="soft", reserve_until=until), "b")
    assert both.status_code == 422
