"""`/v1/lockers` and `/v1/sites`: what everybody finds, near by, without a key."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from fellesskap_backend.lockers import geo, searching
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.searching import Circle, LockersAsked
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, request, reserve

CENTRE = "59.9000,10.6000"
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def found(api: Api, path: str, **asked: Any) -> list[dict[str, Any]]:
    answer = api.client().get(path, params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()[path.rsplit("/", 1)[1]]
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def three_in_a_row(api: Api) -> None:
    """Put lockers 0, 1.1 and 11 km north of the centre; `oslo-1` is nowhere."""
    for number, latitude in enumerate((59.9, 59.91, 60.0)):
        api.locker(f"row-{number}", doors=2 + number, height_mm=240)
        api.site(f"row-{number}", latitude, 10.6)


def test_lockers_near_by_come_first_and_none_beyond_the_radius(api: Api) -> None:
    three_in_a_row(api)
    near = found(api, "/v1/lockers", near=CENTRE, radius_m=2_000)
    assert [(row["id"], row["distance_m"]) for row in near] == [("row-0", 0), ("row-1", 1112)]
    assert ids(found(api, "/v1/lockers", near=CENTRE, radius_m=1_100)) == ["row-0"]
    far = found(api, "/v1/lockers", near="60.0000,10.6", radius_m=50_000)
    assert ids(far) == ["row-2", "row-1", "row-0"]
    assert ids(found(api, "/v1/lockers")) == ["oslo-1", "row-0", "row-1", "row-2"]
    sites = found(api, "/v1/sites", near=CENTRE, radius_m=2_000)
    assert [(one["name"], one["distance_m"]) for one in sites] == [
        ("At row-0", 0),
        ("At row-1", 1112),
    ]
    here = found(api, "/v1/lockers", site_id=sites[1]["id"])
    assert ids(here) == ["row-1"] == sites[1]["lockers"]


def test_a_locker_tells_what_a_carrier_and_a_resident_want_to_know(api: Api) -> None:
    api.locker("row-0", doors=4, height_mm=240)
    site_id = api.site("row-0", 59.9, 10.6)
    api.change(
        lambda session: session.execute(
            update(Compartment)
            .where(Compartment.locker_id == "row-0", Compartment.number == 4)
            .values(features=["power"], floor_mm=1_300, top_mm=1_540)
        )
    )
    answer = api.client().get("/v1/lockers/row-0")
    assert answer.headers["Cache-Control"] == "public, max-age=15"
    box = {"w_mm": 440, "h_mm": 240, "d_mm": 600, "max_g": 20_000}
    shown = answer.json()
    date.fromisoformat(shown["allocation"].pop("date"))
    assert shown == {
        "id": "row-0",
        "site_id": site_id,
        "site_name": "At row-0",
        "address": "Somewhere 1",
        "position": {"latitude": 59.9, "longitude": 10.6},
        "distance_m": None,
        "opening_hours": None,
        "health": {"contact": "online", "since": None},
        "service": "in_service",
        "features": ["low", "power"],
        "languages": [],
        "compartments": [
            {**box, "low": False, "features": ["power"], "count": 1},
            {**box, "low": True, "features": [], "count": 3},
        ],
        "free": {"S": "3-5", "M": "3-5", "L": "3-5", "XL": "0"},
        "allocation": {
            "mode": "at_once",
            "cut_offs": [],
            "next_cut_off": None,
            "coming": None,
        },
    }
    again = api.client().get("/v1/lockers/row-0", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_only_lockers_with_room_for_it_are_found(api: Api) -> None:
    three_in_a_row(api)
    carrier = api.carrier()
    for number in range(2):
        asked = request(number, locker_id="row-0")
        assert reserve(carrier, asked, f"k{number}").status_code == 201
    asked_for: dict[str, Any] = {"near": CENTRE, "radius_m": 20_000}
    assert ids(found(api, "/v1/lockers", **asked_for)) == ["row-0", "row-1", "row-2"]
    assert ids(found(api, "/v1/lockers", **asked_for, size_class="L")) == ["row-1", "row-2"]
    assert found(api, "/v1/lockers", **asked_for, size_class="XL") == []
    assert ids(found(api, "/v1/lockers", **asked_for, needs="low")) == ["row-1", "row-2"]
    assert found(api, "/v1/lockers", **asked_for, needs="chilled") == []
    box = {"w_mm": 600, "h_mm": 240, "d_mm": 440}
    assert ids(found(api, "/v1/lockers", **asked_for, **box)) == ["row-1", "row-2"]
    assert found(api, "/v1/lockers", **asked_for, **box | {"h_mm": 241}) == []
    heavy = found(api, "/v1/lockers", **asked_for, **box, g=20_001)
    assert heavy == []


def test_late_offline_and_closed_lockers_say_so_and_are_left_out_on_demand(api: Api) -> None:
    three_in_a_row(api)
    now = datetime.now(UTC)

    def change(session: Session) -> None:
        for number, minutes in enumerate((21, 121, 0)):
            locker = session.get_one(Locker, f"row-{number}")
            locker.contact_at = now - timedelta(minutes=minutes)
        locker.quarantined_at = now

    api.change(change)
    rows = found(api, "/v1/lockers", near=CENTRE, radius_m=20_000)
    assert [row["health"]["contact"] for row in rows] == ["late", "offline", "online"]
    since = [row["health"]["since"] for row in rows]
    assert since[2] is None
    for told, late in ((since[0], 1), (since[1], 1)):
        at = datetime.fromisoformat(told)
        assert (at.minute % 10, at.second, at.microsecond) == (0, 0, 0)
        true = now - timedelta(minutes=late)
        assert timedelta(0) <= true - at < timedelta(minutes=10)
    assert [row["service"] for row in rows] == ["in_service", "in_service", "out_of_service"]
    assert set(rows[2]["free"].values()) == {"0"}
    assert found(api, "/v1/lockers", near=CENTRE, radius_m=20_000, open=True) == []
    assert ids(found(api, "/v1/lockers", open=True)) == ["oslo-1"]


def test_pages_lead_through_all_of_it_each_once(api: Api) -> None:
    three_in_a_row(api)
    public = api.client()
    near: dict[str, Any] = {"near": CENTRE, "radius_m": 20_000}
    everything: dict[str, Any] = {}
    for path, asked in (
        ("/v1/lockers", near),
        ("/v1/lockers", everything),
        ("/v1/sites", near),
        ("/v1/sites", everything),
    ):
        whole = ids(found(api, path, **asked))
        answer = public.get(path, params={**asked, "limit": 1})
        seen = []
        while True:
            seen += ids(answer.json()[path.rsplit("/", 1)[1]])
            if answer.json()["next"] is None:
                break
            answer = public.get(answer.links["next"]["url"])
        assert seen == whole, path
        assert len(whole) >= 3


@SQLITE
def test_a_page_ends_after_two_hundred_that_have_no_room_and_the_next_goes_on(api: Api) -> None:
    def crowd(session: Session) -> None:
        for number in range(201):
            session.add(_bare(f"crowd-{number:03d}"))

    api.change(crowd)
    api.locker("last", doors=1)
    api.site("last", 59.901, 10.6)
    asked = {"near": CENTRE, "size_class": "S"}
    first = api.client().get("/v1/lockers", params=asked).json()
    assert first == {"lockers": [], "next": "crowd-199"}
    assert ids(found(api, "/v1/lockers", **asked, cursor=first["next"])) == ["last"]


def _bare(locker_id: str) -> Locker:
    return Locker(
        id=locker_id,
        site_name="Crowd",
        address="A",
        latitude=59.9,
        longitude=10.6,
        lat_band=geo.band_of(59.9),
        created_at=datetime.now(UTC),
    )


@SQLITE
def test_what_cannot_be_searched_for_is_refused(api: Api) -> None:
    public = api.client()
    wrongs: tuple[dict[str, Any], ...] = (
        {"near": "somewhere"},
        {"near": "91,0"},
        {"near": "0,181"},
        {"near": CENTRE, "radius_m": 50_001},
        {"near": CENTRE, "cursor": "never-was"},
        {"w_mm": 100},
        {"w_mm": 1, "h_mm": 1, "d_mm": 1, "size_class": "S"},
        {"needs": "gold"},
        {"limit": 201},
        {"cursor": "NO"},
    )
    for wrong in wrongs:
        answer = public.get("/v1/lockers", params=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), wrong
    wrong_site = public.get("/v1/sites", params={"near": CENTRE, "cursor": "A" * 22})
    assert wrong_site.status_code == 422
    assert public.get("/v1/lockers/nowhere").status_code == 404
    unknown = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    assert public.get(f"/v1/sites/{unknown}").status_code == 404


@SQLITE
def test_public_reads_are_counted_by_address(settings: Settings) -> None:
    house = Api(settings.model_copy(update={"rate_per_s": 0.01, "rate_burst": 3}))
    try:
        answers = [house.client().get("/v1/lockers").status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]
    finally:
        house.stop()


# By the index ------------------------------------------------------------------------------------

COUNTRY = 100_000
_FILL = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series(0, :last)) ",
}
_INSERT = (
    "INSERT INTO lockers (id, site_name, address, k_version, generation, revision,"
    " applied_generation, applied_revision, reported_generation, reported_revision, online,"
    " allowances, custody_wanted, service_state, created_at, latitude, longitude, lat_band)"
)
_SELECT = (
    " SELECT 'many-' || i, 'S', 'A', 1, 1, 0, 0, 0, 0, 0, false, 'none', false, 'in_service',"
    " '2027-03-01 08:00:00', 58.0 + 0.00013 * i, 5.0 + (i * 37) % 20, 1160 + (i * 13) / 5000"
    " FROM n"
)


def test_a_search_reads_some_ranges_of_an_index_and_not_a_country(api: Api) -> None:
    name = api.engine.dialect.name
    parts = (_FILL[name], _INSERT) if name == "postgresql" else (_INSERT, _FILL[name])
    statement = f"{parts[0]}{parts[1]}{_SELECT}" if name == "postgresql" else ""
    statement = statement or f"{_INSERT} {_FILL[name]}{_SELECT}"
    api.change(lambda session: session.execute(text(statement), {"last": COUNTRY - 1}))
    api.change(lambda session: session.execute(text("ANALYZE lockers")))
    asked = LockersAsked(Circle(Point(62.0, 10.0), 50_000))
    sought = searching.candidates(asked, datetime.now(UTC))

    def plan(session: Session) -> str:
        words = "EXPLAIN QUERY PLAN" if name == "sqlite" else "EXPLAIN"
        made = sought.compile(api.engine, compile_kwargs={"literal_binds": True})
        rows = session.execute(text(f"{words} {str(made).replace(':', chr(92) + ':')}"))
        return "\n".join(" ".join(str(part) for part in row) for row in rows)

    told = api.change(plan)
    assert "ix_lockers_lat_band_longitude" in told, told
    assert "SCAN" not in told.upper().replace("INDEX SCAN", "").replace("HEAP SCAN", ""), told
    rows = api.change(lambda session: session.execute(sought).all())
    assert 0 < len(rows) < COUNTRY / 100, "what is looked at is near by"


LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)


@given(LATITUDES, LONGITUDES, st.floats(0, 2 * math.pi), st.floats(0, 1), st.integers(1, 50_000))
def test_whatever_is_within_the_radius_is_within_the_box(
    latitude: float, longitude: float, bearing: float, part: float, radius_m: int
) -> None:
    """Go out from the centre along a great circle, as far as the radius at most."""
    angle = part * radius_m / geo.EARTH_M
    phi, lam = math.radians(latitude), math.radians(longitude)
    sine = math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(phi),
        math.cos(angle) - math.sin(phi) * math.sin(there),
    )
    turned = (math.degrees(lam + east) + 540.0) % 360.0 - 180.0
    point, centre = Point(math.degrees(there), turned), Point(latitude, longitude)
    if geo.distance_m(centre, point) > radius_m:
        return
    box = geo.box_around(centre, radius_m)
    assert geo.band_of(point.latitude) in box.bands
    assert any(west <= point.longitude <= far for west, far in box.spans), (point, box)
    assert len(box.bands) <= 20


def test_the_distance_is_that_of_the_great_circle() -> None:
    oslo, trondheim = Point(59.9139, 10.7522), Point(63.4305, 10.3951)
    assert geo.distance_m(oslo, trondheim) == pytest.approx(391_500, rel=0.002)
    assert geo.distance_m(Point(0, 179.9), Point(0, -179.9)) == pytest.approx(22_239, rel=0.001)
