"""What a rival does changes nothing in public but a bucket (I10)."""

from typing import Any

import httpx
import pytest

from fellesskap_protocol import events
from tests.backend.api import Api, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit

DOORS = 12
READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/lockers", {"near": "59.9,10.6"}),
    ("/v1/lockers", {"near": "59.9,10.6", "open": True, "needs": "low"}),
    ("/v1/lockers", {"size_class": "S"}),
    ("/v1/lockers", {"w_mm": 600, "h_mm": 110, "d_mm": 440}),
    ("/v1/lockers/oslo-1", {}),
    ("/v1/lockers/oslo-1/availability", {}),
    ("/v1/sites", {"near": "59.9,10.6"}),
    ("/v1/sites", {}),
)
CHANGING = ("date", "ratelimit")
"""Headers that tell of the asking itself."""

SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


@pytest.fixture
def house(api: Api) -> Lives:
    made = Lives(api, doors=DOORS)
    api.site("oslo-1", 59.9, 10.6)
    return made


def seen(public: httpx.Client) -> list[tuple[int, list[tuple[str, str]], bytes]]:
    """Read everything that is public, as bytes."""
    answers = [public.get(path, params=asked) for path, asked in READS]
    return [
        (
            one.status_code,
            sorted((name, told) for name, told in one.headers.items() if name not in CHANGING),
            one.content,
        )
        for one in answers
    ]


def test_worlds_that_differ_in_a_rivals_parcels_within_a_bucket_are_the_same_bytes(
    house: Lives,
) -> None:
    public, rival = house.api.client(), house.client
    empty = seen(public)
    for number in range(1, 4):  # a whole life of each, up to `collected`
        answer = house.room(number)
        assert seen(public) == empty, "reserved"
        house.tell(*deposit(answer, number))
        assert seen(public) == empty, "deposited"
    house.tell(*collect(answer, 3))
    assert seen(public) == empty, "collected"
    house.tell(events.Reported(what="broken", compartment=9, parcel_id=None))
    for number in range(4, 7):
        assert reserve(rival, request(number), f"k{number}").status_code == 201
    # Two lie there, three are promised, one door is suspect: six are left.
    assert seen(public) == empty


def test_across_a_border_the_bucket_alone_differs(house: Lives) -> None:
    public, rival = house.api.client(), house.client
    before = {"6+": 0, "3-5": 0, "1-2": 0, "0": 0}
    worlds = []
    for number in range(DOORS + 1):
        if number:
            assert reserve(rival, request(number), f"k{number}").status_code == 201
        shown = public.get("/v1/lockers/oslo-1").json()
        buckets = shown.pop("free")
        before[buckets["S"]] += 1
        assert set(buckets) == {"S", "M", "L", "XL"}
        found = public.get("/v1/lockers", params={"near": "59.9,10.6"}).json()["lockers"]
        assert found[0].pop("free") == buckets
        worlds.append((shown, found))
    assert before == {"6+": 7, "3-5": 3, "1-2": 2, "0": 1}
    assert all(world == worlds[0] for world in worlds)


@SQLITE
def test_borders_of_two_answers_are_borders_of_one(house: Lives) -> None:
    """`availability` and `free` together tell no count that one of them alone does not."""
    public = house.api.client()
    told: dict[str, set[str]] = {}
    for number in range(DOORS + 1):
        if number:
            reserve(house.client, request(number), f"k{number}")
        free = public.get("/v1/lockers/oslo-1").json()["free"]["S"]
        room = public.get("/v1/lockers/oslo-1/availability").json()["size_classes"]["S"]
        told.setdefault(free, set()).add(room)
    assert told == {"6+": {"many"}, "3-5": {"many"}, "1-2": {"few"}, "0": {"none"}}
