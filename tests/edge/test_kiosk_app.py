"""The page's own server: what it hands over, when, and what it refuses."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fellesskap_edge.kiosk.picture import spots
from fellesskap_edge.standing import Standing
from fellesskap_edge.state import Answer, TellCourier
from tests.edge.kiosk_stage import DOORS, Stage


@dataclass(frozen=True)
class Ends:
    """Lowest and highest edge of a door in mm."""

    floor_mm: int
    top_mm: int


@pytest.fixture
def http(house: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.kiosk.url, timeout=10) as client:
        yield client


def test_a_key_is_answered_with_what_the_controller_says(house: Stage, http: httpx.Client) -> None:
    house.will_say("choose_size", options=("S", "M"))
    answer = http.post("/api/key", json={"key": "carrier", "value": "red"})
    assert answer.json() == {"outcome": "choose_size", "compartment": None, "options": ["S", "M"]}
    (pressed,) = house.given
    assert (house.keys(), getattr(pressed, "value", None)) == (["carrier"], "red")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"key": "open"}',
        b'{"key": "done", "other": 1}',
        b'{"key": "size", "value": "' + b"S" * 65 + b'"}',
        b'{"key": "size", "value": "' + b"S" * 5000 + b'"}',
    ],
)
def test_what_is_no_key_is_refused(house: Stage, http: httpx.Client, body: bytes) -> None:
    answer = http.post("/api/key", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, house.given) == (422, [])


def test_a_scan_is_shown_together_with_how_things_stand_after_it(
    house: Stage, http: httpx.Client
) -> None:
    house.kiosk.show(TellCourier("opens", 3))
    early = http.get("/api/status").json()
    assert (early["scan"], early["standing"]["act"]) == ({"turn": 0}, None)
    house.stand(Standing(act="deposit", compartment=3, door="open", courier=True))
    now = http.get("/api/status").json()
    assert now["scan"] == {"turn": 1, "outcome": "courier_opens", "compartment": 3, "options": []}
    assert (now["standing"]["act"], now["standing"]["door"]) == ("deposit", "open")


def test_a_code_at_the_scanner_is_told_in_the_residents_voice(
    house: Stage, http: httpx.Client
) -> None:
    house.scanned(Answer("scanner", "refused"))
    assert http.get("/api/status").json()["scan"]["outcome"] == "refused"


def test_an_answer_on_a_kept_connection_does_not_wait_for_an_acknowledgement(
    house: Stage, http: httpx.Client
) -> None:
    """Linux delays an ACK by 40 ms at least; the first answers come quickly in any case."""
    answers = [http.get("/api/status") for _ in range(25)]
    assert min(answer.elapsed.total_seconds() for answer in answers[-5:]) < 0.035


def test_an_answer_comes_no_sooner_than_its_status(house: Stage, http: httpx.Client) -> None:
    house.will_say("opens", 7, then=Standing(act="collect", compartment=7))
    http.post("/api/code", json={"code": "12345678"})
    assert http.get("/api/status").json()["standing"]["compartment"] == 7


def test_nothing_may_be_kept_or_loaded_from_elsewhere(http: httpx.Client) -> None:
    for path in ("/", "/api/status", "/api/locker", "/static/kiosk.js", "/static/kiosk.css"):
        headers = http.get(path).raise_for_status().headers
        assert headers["cache-control"] == "no-store", path
        policy = headers["content-security-policy"]
        assert policy == "default-src 'self'; base-uri 'none'; frame-ancestors 'none'", path


def test_the_locker_says_where_its_doors_are(http: httpx.Client) -> None:
    locker = http.get("/api/locker").json()
    assert (locker["id"], locker["name"]) == ("little-1", "Fornebu S")
    place = {
        door["number"]: (door["column"], door["row"], door["rows"]) for door in locker["doors"]
    }
    assert (place[1], place[8], place[9], place[24]) == ((1, 1, 8), (1, 8, 8), (2, 1, 8), (3, 8, 8))


def test_a_key_that_nobody_answers_is_told(
    house: Stage, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fellesskap_edge.kiosk.app.ANSWER_S_MAX", 0.05)
    house.silent = True
    answer = http.post("/api/key", json={"key": "done"})
    assert (answer.status_code, answer.json()["outcome"]) == (503, "no_answer")


ENDS = st.builds(
    lambda floor, height: Ends(floor, floor + height), st.integers(0, 1800), st.integers(50, 600)
)


@given(st.lists(ENDS, min_size=1, max_size=40))
def test_every_door_has_one_place_and_none_lies_on_another(ends: list[Ends]) -> None:
    doors = [
        structs.replace(DOORS[0], number=number, **asdict(one))
        for number, one in enumerate(ends, start=1)
    ]
    found = spots(doors)
    assert [spot.number for spot in found] == [door.number for door in doors]
    for column in {spot.column for spot in found}:
        inside = sorted((s for s in found if s.column == column), key=lambda s: s.row)
        assert [spot.row for spot in inside] == list(range(1, inside[0].rows + 1))
        for below, above in pairwise(inside):
            assert below.top_mm <= above.floor_mm
    assert [spot.column for spot in found] == sorted(spot.column for spot in found)
