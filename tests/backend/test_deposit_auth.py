"""A carrier wants to see a badge before a door opens for its label; every locker hears of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from fellesskap_backend import db, deadlines
from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.badges.revoking import right_id_of
from fellesskap_backend.badges.tables import DepositAuth
from fellesskap_backend.db import Moment
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.service import right_of
from tests.backend.api import Api
from tests.backend.delegating import Party
from tests.backend.lives import Lives

PATH = "/v1/deposit-auth"


def want(client: httpx.Client, wanted: str) -> httpx.Response:
    tag = client.get(PATH).headers["etag"]
    return client.put(PATH, json={"deposit_auth": wanted}, headers={"If-Match": tag})


def told(api: Api, carrier_id: str, locker_id: str) -> str | None:
    """Return what a locker is wished to ask for."""
    with db.reader(api.engine) as session:
        right = right_of(session, locker_id, right_id_of(UUID(carrier_id)))
    return None if right is None else right.deposit_auth


def rounds(api: Api) -> int:
    """Let the worker tell until nobody is left; return how often it had to."""
    turns = 0
    moment = Moment(datetime.now(UTC))
    while True:
        waiting = api.change(lambda session: deposit_auth.to_tell(session, moment.now))
        if not waiting:
            return turns
        turns += 1
        for one in waiting:
            api.change(partial(deposit_auth.tell, carrier_id=one, moment=moment))


def test_the_label_is_enough_until_a_carrier_wants_more(api: Api) -> None:
    carrier = Party(api, "Nordpost")
    api.locker("oslo-2", doors=1)
    begun = {"deposit_auth": "label", "changed_at": None, "not_heard_by": 0}
    assert carrier.client.get(PATH).json() == begun
    assert want(carrier.client, "label").json() == begun
    body = want(carrier.client, "badge").json()
    assert (body["deposit_auth"], body["not_heard_by"]) == ("badge", 2)
    assert body["changed_at"] is not None
    assert rounds(api) == 1
    assert [told(api, carrier.id, one) for one in ("oslo-1", "oslo-2")] == ["badge", "badge"]
    assert want(carrier.client, "badge").json() == body, "twice is once"
    assert rounds(api) == 0
    assert want(carrier.client, "label").json()["deposit_auth"] == "label"
    rounds(api)
    assert told(api, carrier.id, "oslo-1") == "label"


def test_whoever_did_not_read_it_changes_nothing(api: Api) -> None:
    carrier = api.carrier()
    blind = carrier.put(PATH, json={"deposit_auth": "badge"})
    assert blind.status_code == 428
    stale = carrier.put(PATH, json={"deposit_auth": "badge"}, headers={"If-Match": '"x"'})
    assert stale.status_code == 412
    assert carrier.get(PATH).json()["deposit_auth"] == "label"


@pytest.mark.parametrize("body", [{}, {"deposit_auth": "both"}, {"deposit_auth": None}])
def test_what_is_neither_is_refused(api: Api, body: dict[str, object]) -> None:
    carrier = api.carrier()
    answer = carrier.put(PATH, json=body, headers={"If-Match": carrier.get(PATH).headers["etag"]})
    assert answer.status_code == 422


def test_each_carrier_wants_what_it_wants(api: Api) -> None:
    one, other = Party(api, "Nordpost"), Party(api, "Sydpost")
    want(one.client, "badge")
    rounds(api)
    assert other.client.get(PATH).json()["deposit_auth"] == "label"
    assert told(api, other.id, "oslo-1") is None


def test_many_lockers_are_told_some_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Party(api, "Nordpost")
    for number in range(2, 6):
        api.locker(f"oslo-{number}", doors=1)
    monkeypatch.setattr(deposit_auth, "STEP", 2)
    want(carrier.client, "badge")
    (finding,) = [one for one in deadlines.all_of(api.secrets) if one.act is deposit_auth.tell]
    moment = Moment(datetime.now(UTC))
    for left in (["oslo-3", "oslo-4", "oslo-5"], ["oslo-5"], []):
        (due,) = api.change(lambda session: finding.find(session, moment.now))
        api.change(partial(_act, finding.act, due, moment))
        names = [f"oslo-{number}" for number in range(1, 6)]
        assert [one for one in names if told(api, carrier.id, one) != "badge"] == left
        assert carrier.client.get(PATH).json()["not_heard_by"] == 5
    (row,) = api.rows(DepositAuth)
    assert row.told_up_to is None


def _act(act: Callable[..., None], one: object, moment: Moment, session: object) -> None:
    act(session, one, moment)


def test_a_locker_that_is_taken_in_later_hears_it_too(api: Api) -> None:
    carrier, plain = Party(api, "Nordpost"), Party(api, "Sydpost")
    want(carrier.client, "badge")
    want(plain.client, "badge")
    want(plain.client, "label")
    rounds(api)
    api.locker("oslo-2", doors=1)
    for _ in range(2):
        api.change(lambda session: deposit_auth.begin(session, session.get_one(Locker, "oslo-2")))
    assert told(api, carrier.id, "oslo-2") == "badge"
    assert told(api, plain.id, "oslo-2") is None
    with db.reader(api.engine) as session:
        assert session.scalars(select(Locker.revision).where(Locker.id == "oslo-2")).one() == 1


def test_what_was_revoked_and_what_is_wanted_stand_in_one_right(house: Lives) -> None:
    tour = {"lockers": ["oslo-1"], "may": ["deposit"]}
    first, second = (
        house.client.post("/v1/courier-badges", json=tour, headers={"Idempotency-Key": key}).json()
        for key in ("a", "b")
    )
    house.client.delete(f"/v1/courier-badges/{first['id']}")
    want(house.client, "badge")
    rounds(house.api)
    house.client.delete(f"/v1/courier-badges/{second['id']}")
    (right,) = house.rights("carrier")
    assert right.deposit_auth == "badge"
    assert set(right.revoked_badges) == {first["id"], second["id"]}


def test_once_the_locker_says_so_nobody_is_waited_for(house: Lives) -> None:
    want(house.client, "badge")
    rounds(house.api)
    assert house.client.get(PATH).json()["not_heard_by"] == 1
    house.applied()
    assert house.client.get(PATH).json()["not_heard_by"] == 0
