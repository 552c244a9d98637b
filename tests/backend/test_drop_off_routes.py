"""Drop-offs over HTTP: authorised once per key, read with their codes, cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fellesskap_backend.idempotency import Answer
from tests.backend.lives import Lives

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
    assert house.client.get(first.headers["Location"]).json() == body
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
