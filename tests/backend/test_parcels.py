"""`/v1/parcels`."""

import pytest

from fellesskap_backend.events.tables import Notice
from tests.backend.api import Api, request, reserve


def test_parcel_is_expected_once_reserved(api: Api) -> None:
    carrier = api.carrier()
    reservation = reserve(carrier, request(), "k").json()
    parcel = carrier.get(f"/v1/parcels/{reservation['parcel_id']}").json()
    assert (parcel["state"], parcel["locker_id"]) == ("expected", "oslo-1")
    assert parcel["reservation_id"] == reservation["id"]
    assert parcel["label"] == reservation["label"] == request()["label"]
    (listed,) = carrier.get("/v1/parcels").json()["parcels"]
    assert listed["label"] == parcel["label"]
    assert parcel["compartment"] is parcel["deposited_at"] is parcel["collect_by"] is None
    (entry,) = parcel["history"]
    assert (entry["what"], entry["clock"], entry["compartment"]) == ("expected", "trusted", None)
    assert entry["at"] == entry["recorded_at"] == reservation["created_at"]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("sscc", "(00)370712345678901238", ("sscc", "370712345678901238")),
        ("reference", "370712345678901238", ("sscc", "370712345678901238")),
        ("s10", "rb 123456785 gb", ("s10", "RB123456785GB")),
        ("reference", "RB123456785GB", ("s10", "RB123456785GB")),
        ("reference", "1ZXX3150YW44070023", ("reference", "1ZXX3150YW44070023")),
        ("reference", "ORDER-1", ("reference", "ORDER-1")),
    ],
)
def test_a_label_is_named_alike_in_reservation_parcel_and_event(
    api: Api, kind: str, value: str, shown: tuple[str, str]
) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(label={"kind": kind, "value": value}), "k").json()
    parcel = carrier.get(f"/v1/parcels/{made['parcel_id']}").json()
    (notice,) = api.rows(Notice)
    assert made["label"] == parcel["label"] == notice.data["label"]
    assert made["label"] == dict(zip(("kind", "value"), shown, strict=True))


def test_foreign_parcel_answers_like_an_unknown_one(api: Api) -> None:
    own = reserve(api.carrier(), request(), "k").json()["parcel_id"]
    other = api.carrier("Sydpost")
    foreign = other.get(f"/v1/parcels/{own}")
    unknown = other.get("/v1/parcels/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
