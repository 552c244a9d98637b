"""Lists: own rows only, newest first, page by page, filtered."""

import httpx
import pytest

from tests.backend.api import Api, label, reserve
from tests.backend.api import request as wish

LISTS = {"/v1/reservations": "reservations", "/v1/parcels": "parcels"}
ALL = {**LISTS, "/v1/drop-offs": "drop_offs"}


def ids(carrier: httpx.Client, path: str, **query: str | int) -> list[str]:
    """Follow `Link` to the end; return the ids of all pages."""
    found, asked = [], httpx.URL(path, params=query)
    while True:
        answer = carrier.get(asked)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += [one["id"] for one in body[ALL[path]]]
        if "next" not in answer.links:
            assert body["next"] is None
            return found
        assert len(body[ALL[path]]) == query["limit"]
        asked = httpx.URL(answer.links["next"]["url"])
        assert asked.params["cursor"] == body["next"]


@pytest.mark.parametrize("path", LISTS)
def test_pages_hold_every_own_row_once_newest_first(api: Api, path: str) -> None:
    api.locker("wide-1", doors=20)
    carrier, other = api.carrier(), api.carrier("Sydpost")
    made = []
    for number in range(7):
        body = reserve(carrier, wish(number, locker_id="wide-1"), f"k{number}").json()
        made.append(body["id" if path == "/v1/reservations" else "parcel_id"])
        reserve(other, wish(number, locker_id="wide-1"), f"k{number}")
    for limit in (1, 3, 7, 200):
        assert ids(carrier, path, limit=limit) == made[::-1]
    assert ids(api.carrier("Vestpost"), path) == []


@pytest.mark.parametrize("path", LISTS)
def test_what_is_added_while_paging_shifts_nothing(api: Api, path: str) -> None:
    carrier = api.carrier()
    for number in range(2):
        reserve(carrier, wish(number), f"k{number}")
    before = ids(carrier, path)
    first = carrier.get(path, params={"limit": 1})
    reserve(carrier, wish(9), "k9")
    second = carrier.get(first.links["next"]["url"]).json()[LISTS[path]]
    assert [one["id"] for one in second] == before[1:]


@pytest.mark.parametrize("path", LISTS)
def test_filters_narrow_and_stay_in_the_link(api: Api, path: str) -> None:
    api.locker("oslo-2", doors=3)
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, wish(number), f"a{number}")
    for number in range(3, 6):
        reserve(carrier, wish(number, locker_id="oslo-2"), f"b{number}")
    state = {"/v1/reservations": "confirmed", "/v1/parcels": "expected"}[path]
    assert len(ids(carrier, path, state=state, limit=2)) == 6
    assert ids(carrier, path, state="expired") == []
    assert len(ids(carrier, path, locker_id="oslo-2", limit=2)) == 3
    assert len(ids(carrier, path, label=label(4)["value"])) == 1
    assert ids(carrier, path, label=label(4)["value"], locker_id="oslo-1") == []


def test_what_was_made_in_a_time_is_found_by_it(api: Api) -> None:
    api.locker("wide-1", doors=20)
    carrier = api.carrier()
    wishes = [wish(number, locker_id="wide-1") for number in range(4)]
    made = [reserve(carrier, one, f"k{number}").json() for number, one in enumerate(wishes)]
    at = [one["created_at"] for one in made]
    for asked, wanted in (
        ({"made_from": at[2]}, made[:1:-1]),
        ({"made_until": at[2]}, made[1::-1]),
        ({"made_from": at[1], "made_until": at[3]}, made[2:0:-1]),
        ({"made_from": at[1], "made_until": at[1]}, []),
        ({"made_from": "0001-01-01T00:00:00Z"}, made[::-1]),
    ):
        found = ids(carrier, "/v1/reservations", limit=1, **asked)
        assert found == [one["id"] for one in wanted], asked
        assert ids(carrier, "/v1/drop-offs", limit=1, **asked) == []


def test_list_shows_what_the_single_one_shows_without_its_code(api: Api) -> None:
    carrier = api.carrier()
    made = reserve(carrier, wish(code_at="reservation"), "k")
    (listed,) = carrier.get("/v1/reservations").json()["reservations"]
    single = carrier.get(made.headers["location"]).json()
    assert single.pop("pickup_code") == made.json()["pickup_code"]
    assert single.pop("addition") == made.json()["addition"]
    assert listed == single
    assert made.json()["pickup_code"] not in str(listed)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"cursor": "x"},
        {"cursor": "?" * 22},
        {"state": "lost in thought"},
        {"locker_id": "Oslo 1"},
        {"label": "a\x00b"},
        {"made_from": "yesterday"},
        {"made_until": "2027-03-01T08:00:00"},
    ],
)
def test_odd_questions_are_refused(api: Api, query: dict[str, str | int]) -> None:
    for path in ALL:
        name = "reference" if path == "/v1/drop-offs" else "label"
        asked = {name if key == "label" else key: one for key, one in query.items()}
        answer = api.carrier().get(path, params=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
