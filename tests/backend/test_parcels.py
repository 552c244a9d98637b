"""`/v1/parcels`."""

from tests.backend.api import Api, request, reserve


def test_parcel_is_expected_once_reserved(api: Api) -> None:
    carrier = api.carrier()
    reservation = reserve(carrier, request(), "k").json()
    parcel = carrier.get(f"/v1/parcels/{reservation['parcel_id']}").json()
    assert (parcel["state"], parcel["locker_id"]) == ("expected", "oslo-1")
    assert parcel["reservation_id"] == reservation["id"]
    assert parcel["compartment"] is parcel["deposited_at"] is parcel["collect_by"] is None
    (entry,) = parcel["history"]
    assert (entry["what"], entry["clock"], entry["compartment"]) == ("expected", "trusted", None)
    assert entry["at"] == entry["recorded_at"] == reservation["created_at"]


def test_foreign_parcel_answers_like_an_unknown_one(api: Api) -> None:
    own = reserve(api.carrier(), request(), "k").json()["parcel_id"]
    other = api.carrier("Sydpost")
    foreign = other.get(f"/v1/parcels/{own}")
    unknown = other.get("/v1/parcels/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
