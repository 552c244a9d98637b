"""`fair-share` in force: what carriers are answered over HTTP, written down and decided again."""

from collections import Counter
from typing import Any

import httpx
import msgspec
import pytest

from fellesskap_backend import db
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.receipts.replaying import Replay
from fellesskap_backend.reservations.tables import Claim, Reservation
from tests.backend.api import Api, Json, request, reserve
from tests.backend.ruled import put_in_force

DOORS = 10


def bodies(api: Api) -> list[Json]:
    rows = sorted(api.rows(Decision), key=lambda row: row.number)
    return [msgspec.json.decode(row.body) for row in rows]


def replayed(api: Api) -> list[str]:
    return db.read(api.engine, lambda session: Replay(session, api.secrets).run())["altered"]


@pytest.fixture
def three(api: Api) -> tuple[Api, list[httpx.Client]]:
    """A locker of ten doors, three carriers: of six that are guaranteed 3, 2 and 1."""
    api.locker("fair-1", doors=DOORS, floor_mm=1300)
    return api, [api.carrier(name) for name in ("Nordpost", "Sydpost", "Vestpost")]


def ask(client: httpx.Client, number: int, **fields: Any) -> httpx.Response:
    return reserve(client, request(number, locker_id="fair-1", **fields), f"k{number}")


def test_one_that_asks_ten_times_over_leaves_the_others_their_entitlement(
    three: tuple[Api, list[httpx.Client]],
) -> None:
    api, (greedy, *others) = three
    put_in_force(api.engine, {1: 3, 2: 2, 3: 1})
    answers = [ask(greedy, number) for number in range(30)]
    got = Counter(one.status_code for one in answers)
    assert got == {201: 3 + 4, 409: 23}, "its own three, and the four that belong to nobody"
    refused = answers[-1].json()
    assert refused["code"] == refused["reason"] == "quota_exceeded"
    own = {name: refused[name] for name in ("size_class", "quota", "used")}
    assert own == {"size_class": "S", "quota": 3, "used": 7}
    for number, (client, entitled) in enumerate(zip(others, (2, 1), strict=True), start=4):
        for one in range(entitled):
            assert ask(client, number * 10 + one).status_code == 201
        assert ask(client, number * 10 + 9).json()["reason"] == "quota_exceeded" or number == 5
    parts = [one["part"] for one in bodies(api)]
    assert Counter(parts) == {"guaranteed": 6, "commons": 4, None: 25}
    assert replayed(api) == []
    rows = {row.right_id: (row.use_size, row.part) for row in api.rows(Claim)}
    assert rows == {row.right_id: (row.use_size, row.part) for row in api.rows(Reservation)}
