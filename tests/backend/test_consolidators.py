"""A consolidator hears how what it reserved for a carrier fares: no code, and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.webhooks import numbering, rendering
from tests.backend.api import Api, Json, request
from tests.backend.delegating import Party
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit
from tests.backend.test_busy_days import Busy


class Pair:
    """A carrier that lets a consolidator reserve, and the consolidator."""

    def __init__(self, api: Api, carrier: httpx.Client) -> None:
        self.api, self.carrier = api, carrier
        self.receiver = Party(api, "Samlast")
        self.delegation = self.let("reserve")
        self.giver_id = self.delegation["giver"]["carrier_id"]

    def let(self, *may: str, to: Party | None = None) -> Json:
        """Let the carrier give a delegation."""
        ends_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        body = {"code": (to or self.receiver).code(), "may": may, "ends_at": ends_at}
        given: Json = self.carrier.post("/v1/delegations", json=body).json()
        return given

    def reserve(self, number: int, **fields: Any) -> Json:
        """Let the consolidator reserve for the carrier."""
        body, headers = request(number, **fields), self.receiver.acts_for(self.giver_id)
        answer = self.receiver.client.post("/v1/reservations", json=body, headers=headers)
        assert answer.status_code in (201, 202), answer.text
        made: Json = answer.json()
        return made

    def cancel(self, made: Json) -> None:
        """Let the carrier end it."""
        assert self.carrier.delete(f"/v1/reservations/{made['id']}").status_code == 200

    def heard(self, client: httpx.Client) -> list[Json]:
        """Return what somebody's feed says, but for delegations."""
        moment = Moment(datetime.now(UTC))
        self.api.change(partial(numbering.give_positions, moment=moment))
        events = client.get("/v1/events").json()["events"]
        return [one for one in events if not one["type"].startswith("delegation.")]

    def hears(self) -> list[tuple[str, str]]:
        """Return which types the consolidator hears, and of which reservation."""
        heard = self.heard(self.receiver.client)
        return [(one["type"], one["data"]["reservation_id"]) for one in heard]


def test_what_waits_is_told_to_whoever_reserved_it_and_the_code_to_its_carrier(api: Api) -> None:
    busy = Busy(api)
    pair = Pair(api, busy.one)
    wish = {"locker_id": "busy-1", "deposit_by": busy.late, "code_at": "reservation"}
    made = pair.reserve(1, **wish)
    assert made["state"] == "requested"
    busy.decide()
    theirs, ours = pair.heard(pair.carrier), pair.heard(pair.receiver.client)
    kinds = ["reservation.requested", "reservation.confirmed"]
    assert [one["type"] for one in ours] == [one["type"] for one in theirs] == kinds
    for mine, its in zip(ours, theirs, strict=True):
        assert mine["data"] == its["data"] | {"on_behalf_of": pair.giver_id}
        for name in ("version", "occurred_at", "clock", "recorded_at"):
            assert mine[name] == its[name]
        assert mine["id"] != its["id"]
    rows = [one for one in api.rows(Notice) if one.type == "reservation.confirmed"]
    bodies = {
        str(row.carrier_id): api.change(
            partial(rendering.body_of, notice=row, k_codes=api.secrets.k_codes)
        ).decode()
        for row in rows
    }
    code = json.loads(bodies.pop(pair.giver_id))["data"]
    (told,) = bodies.values()
    for name in ("pickup_code", "addition", "qr"):
        assert code[name]
        assert name not in told
    assert code["pickup_code"] not in told


def test_nothing_else_of_the_carrier_is_told_nor_anybody_else(house: Lives) -> None:
    pair, third = Pair(house.api, house.client), Party(house.api, "Tredjepost")
    pair.let("reserve", to=third)
    house.room(1)
    brought, ended = pair.reserve(2), pair.reserve(3)
    house.tell(*deposit(brought, 2), *collect(brought, 2))
    pair.cancel(ended)
    assert len(pair.heard(pair.carrier)) == 6
    assert pair.hears() == [
        ("reservation.confirmed", brought["id"]),
        ("reservation.confirmed", ended["id"]),
        ("reservation.cancelled", ended["id"]),
    ]
    assert pair.heard(third.client) == [], "it may act too, and made nothing"


@pytest.mark.parametrize("by", ["giver", "receiver", "another"])
def test_it_hears_until_it_may_reserve_no_more(house: Lives, by: str) -> None:
    pair = Pair(house.api, house.client)
    first, second = pair.reserve(1), pair.reserve(2)
    pair.cancel(first)
    if by == "another":
        pair.let("deposit")
    else:
        client = pair.carrier if by == "giver" else pair.receiver.client
        client.delete(f"/v1/delegations/{pair.delegation['id']}")
    pair.cancel(second)
    told = [("reservation.confirmed", one["id"]) for one in (first, second)]
    assert pair.hears() == [*told, ("reservation.cancelled", first["id"])]
    assert len(pair.heard(pair.carrier)) == 4
