"""I10 under `fair-share`: what a rival does shows in nothing but room and the own answers.

Two worlds in which rivals differ in all that is theirs: weights, no-shows, who of them has the
room, what they were refused. A carrier does the same in both and reads everything it may read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.neutrality.month import WAIT, month_of, name_at
from fellesskap_backend.policies.tables import StandingRow
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, Json, request, reserve
from tests.backend.receipts import after, close
from tests.backend.ruled import fair, put_in_force
from tests.backend.test_neutrality import close as close_month

pytestmark = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
_HASH = re.compile(r"[A-Za-z0-9_-]{43}")
KEPT = ("date", "etag", "ratelimit", "content-length", "location")
"""Headers that tell of the asking, or are made from what is masked here."""


class Mask:
    """Takes out of an answer what differs between any two worlds: ids, times, hashes, places."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, said: Any, name: str = "") -> Any:
        if isinstance(said, dict):
            return {key: self.of(value, key) for key, value in said.items()}
        if isinstance(said, list):
            return [self.of(one, name) for one in said]
        if name == "place":
            return "a place"
        if isinstance(said, str):
            text = _ID.sub(lambda hit: self._ids.setdefault(hit[0], f"id {len(self._ids)}"), said)
            return _HASH.sub("a hash of 43", _AT.sub("an instant", text))
        return said


def of_own(client: httpx.Client, api: Api) -> Iterator[tuple[int, Any, Any]]:
    """Do what a carrier does, and yield all that it is answered."""
    mask = Mask()

    def told(answer: httpx.Response) -> tuple[int, Any, Any]:
        headers = {one: text for one, text in answer.headers.items() if one not in KEPT}
        return answer.status_code, mask.of(answer.json()), headers

    yield told(client.get("/v1/policy"))
    quote = {"parcels": [{"locker_id": "fair-1", "size_class": "S"}]}
    yield told(client.post("/v1/quotes", json=quote))
    decisions = []
    for number in range(6):
        answer = reserve(client, request(number, locker_id="fair-1"), f"own{number}")
        decisions.append(answer.json().get("decision_id", answer.json().get("id")))
        yield told(answer)
    parcels = [request(number, locker_id="fair-1") for number in (7, 8)]
    yield told(client.post("/v1/manifests", json={"parcels": parcels}))
    yield told(client.post("/v1/quotes", json=quote))
    close(api, after(api))
    for one in decisions:
        yield told(client.get(f"/v1/decisions/{one}"))
    yield told(client.get("/v1/reservations"))
    yield told(client.get("/v1/lockers/fair-1"))
    month = month_of(name_at(datetime.now(UTC)))
    report = f"/v1/metrics/neutrality?month={month.name}"
    yield told(client.get(report))
    while close_month(api, month.ends + WAIT):
        pass
    yield told(client.get(report))


def world(settings: Settings, policy: FairShare, name: str) -> list[tuple[int, Any, Any]]:
    """Make one of the two worlds; return what the carrier sees in it."""
    state = settings.state / name
    state.mkdir()
    api = Api(Settings(state=state, rate_per_s=0))
    try:
        api.locker("fair-1", doors=10, floor_mm=1300)
        own, *rivals = (api.carrier(one) for one in ("Nordpost", "Sydpost", "Vestpost"))
        heavy, light = (0, 1) if name == "one" else (1, 0)
        put_in_force(api.engine, {1: 3, 2 + heavy: 2, 2 + light: 1}, policy)
        counted: Json = {"holds": 100, "no_shows": 60, "memory_permille": 400}
        of_it = update(StandingRow).where(StandingRow.carrier_number == 2 + light)
        api.change(lambda session: session.execute(of_it.values(counted)))
        # Its two, and the four that belong to nobody; in one world it asks for much more.
        asks = 6 if name == "one" else 25
        answers = [
            reserve(rivals[heavy], request(900 + n, locker_id="fair-1"), f"k{n}").status_code
            for n in range(asks)
        ]
        assert answers.count(201) == 6
        return list(of_own(own, api))
    finally:
        api.stop()


def test_worlds_that_differ_in_rivals_alone_show_a_carrier_the_same(settings: Settings) -> None:
    policy = fair()
    one, other = (world(settings, policy, name) for name in ("one", "other"))
    for seen in zip(one, other, strict=True):
        assert seen[0] == seen[1]
    reasons = [said.get("reason") for _, said, _ in one if isinstance(said, dict)]
    assert "quota_exceeded" in reasons
    month, over = one[-2][1], one[-1][1]
    assert (month["complete"], over["complete"]) == (False, True)
    assert over["yours"]["denied"]["quota_exceeded"] == 5
