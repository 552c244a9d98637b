"""A database like a country's: many lockers, claims at each, parcels; and what is asked of it."""

from collections.abc import Callable

import httpx
import psycopg

from fellesskap_backend.lockers.geo import BAND_DEGREES
from tests.backend.api import Api, request, reserve
from tests.bench.many import hold, multiply

DOORS, HELD, PARCELS = 24, 4, 1_000
FEW = range(PARCELS + 11, PARCELS + 16)
NEW, IN_VAIN = PARCELS, PARCELS + 1
AT, FULL = "bench-7", "bench-8"
PLACES = f"""
UPDATE lockers SET latitude = 58 + n * 0.004, longitude = 5 + n * 0.008,
  lat_band = floor((58 + n * 0.004) / {BAND_DEGREES})
FROM (SELECT id AS name, CAST(substr(id, 7) AS integer) % 3000 AS n
  FROM lockers WHERE id LIKE 'bench-%') AS each
WHERE id = name
"""
"""One every half kilometre from Lindesnes to the North Cape, and again."""
FILLED = f"UPDATE claims SET locker_id = '{FULL}' WHERE locker_id LIKE 'bench-29_'"


def fill(owner: psycopg.Connection, api: Api, lockers: int) -> httpx.Client:
    """Put them up, of which one is full; return the client of the carrier whose parcels lie there.

    `owner`: a connection of whoever may fill tables by the thousand.
    """
    api.locker("bench-0", doors=DOORS)
    multiply(owner, lockers)
    carrier = api.carrier()
    hold(owner, lockers, HELD)
    owner.execute(PLACES.encode())
    owner.execute(FILLED.encode())
    owner.commit()
    _announce(carrier, range(10, PARCELS))
    owner.autocommit = True
    owner.execute("VACUUM ANALYZE")
    return carrier


def _reserve(carrier: httpx.Client) -> None:
    assert reserve(carrier, request(NEW, locker_id=AT), "k1").status_code == 201


def _ask_in_vain(carrier: httpx.Client) -> None:
    answer = reserve(carrier, request(IN_VAIN, locker_id=FULL), "k2")
    assert answer.status_code == 409
    assert answer.json()["alternatives"], answer.text


def _announce(carrier: httpx.Client, numbers: range = FEW) -> None:
    parcels = [request(n, locker_id=f"bench-{n}") for n in numbers]
    answer = carrier.post("/v1/manifests", json={"parcels": parcels})
    assert {one["status"] for one in answer.json()["parcels"]} == {201}, answer.text


def _one_of(carrier: httpx.Client) -> dict[str, str]:
    (one,) = carrier.get("/v1/reservations", params={"limit": 1}).json()["reservations"]
    return dict(one)


def _change_and_cancel(carrier: httpx.Client) -> None:
    path = f"/v1/reservations/{_one_of(carrier)['id']}"
    held = {"If-Match": carrier.get(path).headers["etag"]}
    assert carrier.patch(path, json={"collect_within": "P2D"}, headers=held).status_code == 200
    assert carrier.delete(path).status_code == 200


def _look(carrier: httpx.Client) -> None:
    for path in (
        f"/v1/parcels/{_one_of(carrier)['parcel_id']}",
        f"/v1/lockers/{AT}",
        f"/v1/lockers/{AT}/availability",
        "/v1/events?after=0&limit=50",
    ):
        assert carrier.get(path).status_code == 200, path


ASKED: dict[str, Callable[[httpx.Client], None]] = {
    "a reservation": _reserve,
    "a refusal, with alternatives": _ask_in_vain,
    "a manifest of five": _announce,
    "a change and a cancellation": _change_and_cancel,
    "a parcel, a locker, the feed": _look,
}
"""What carriers ask, each once at a time and in this order."""
