"""`/v1/api-keys`, scopes, and keys that make their successors."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from fellesskap_backend.carriers import keys
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.scopes import SCOPES, of_role, written
from fellesskap_backend.carriers.tables import ApiKey
from fellesskap_backend.db import Moment
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.reservations.tables import Reservation
from tests.backend.api import Api, request, reserve

PATH = "/v1/api-keys"
ROOT = Path(__file__).parents[2]


def prefix_of(client: httpx.Client) -> str:
    return client.headers["Authorization"].split("_")[1]


def make(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post(PATH, json={"name": "Booking", **fields})


def scoped(api: Api, *scopes: str) -> httpx.Client:
    """Return the client of a carrier whose key may do just this."""

    def add(session: Any) -> str:
        moment = Moment(datetime.now(UTC))
        return carriers.add_carrier(session, "Nordpost", moment, written(scopes))[1]

    return api.client(api.change(add))


def test_key_does_what_its_scopes_say_and_no_more(api: Api) -> None:
    reader = scoped(api, "reservations:read", "parcels:read")
    assert reader.get("/v1/reservations").status_code == 200
    assert reader.get("/v1/parcels").status_code == 200
    refused = [reserve(reader, request(), "k"), reader.get("/v1/events"), reader.get(PATH)]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "`reservations:write`" in refused[0].json()["detail"]
    assert api.count(Reservation) == api.count(Answer) == 0
    assert reserve(scoped(api, "reservations:write"), request(), "k").status_code == 201


def test_successor_comes_in_beside_its_predecessor_until_the_overlap_ends(api: Api) -> None:
    old = api.carrier()
    made = make(old, overlap="P7D")
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["replaces"], body["scopes"], body["role"]) == (prefix_of(old), None, "carrier")
    new = api.client(body["api_key"])
    assert reserve(new, request(), "k").status_code == 201
    assert old.get("/v1/reservations").json() == new.get("/v1/reservations").json()
    ends = datetime.fromisoformat(new.get(f"{PATH}/{prefix_of(old)}").json()["expires_at"])
    assert timedelta(days=6, hours=23) < ends - datetime.now(UTC) <= timedelta(days=7)
    past = datetime.now(UTC) - timedelta(seconds=1)
    ended = update(ApiKey).where(ApiKey.prefix == prefix_of(old)).values(expires_at=past)
    api.change(lambda session: session.execute(ended))
    assert old.get("/v1/reservations").status_code == 401
    assert reserve(old, request(2), "k2").status_code == 401
    assert new.get("/v1/reservations").status_code == 200


def test_answers_of_a_predecessor_are_repeated_to_its_successor(api: Api) -> None:
    old = api.carrier()
    first = reserve(old, request(), "k")
    again = reserve(api.client(make(old).json()["api_key"]), request(), "k")
    assert again.status_code == 422, "another `deposit_by`"
    body = request()
    first = reserve(old, body, "k2")
    again = reserve(api.client(make(old).json()["api_key"]), body, "k2")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")


def test_key_is_shown_again_to_who_repeats_and_stored_nowhere(api: Api) -> None:
    carrier, same = api.carrier(), {"Idempotency-Key": "k"}
    first, again = (carrier.post(PATH, json={"name": "B"}, headers=same) for _ in range(2))
    assert first.json() == again.json()
    secret = first.json()["api_key"].split("_", 2)[2]
    assert len(secret) == 43
    assert len(api.rows(ApiKey)) == 2
    for row in [*api.rows(ApiKey), *api.rows(Answer)]:
        assert secret not in str(vars(row))
    assert "api_key" not in carrier.get(first.headers["location"]).json()


def test_no_key_makes_one_that_may_more(api: Api) -> None:
    narrow = scoped(api, "keys:write", "parcels:read")
    assert make(narrow).json()["scopes"] == ["parcels:read", "keys:write"]
    assert make(narrow, scopes=["parcels:read"]).json()["scopes"] == ["parcels:read"]
    for scopes in (["parcels:write"], ["parcels:read", "lockers:operate"]):
        refused = make(narrow, scopes=scopes)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert make(api.carrier(), scopes=["lockers:operate"]).status_code == 403
    assert len([key for key in api.rows(ApiKey) if key.replaces is None]) == 4


def test_key_is_listed_named_anew_and_revoked_by_its_owner_alone(api: Api) -> None:
    carrier, other = api.carrier(), api.carrier("Sydpost")
    location = make(carrier, scopes=["parcels:read"]).headers["location"]
    listed = carrier.get(PATH).json()["api_keys"]
    assert {one["prefix"] for one in listed} == {prefix_of(carrier), location[-12:]}
    found = carrier.get(location)
    assert found.json() in listed
    unknown = f"{PATH}/0123456789ab"
    tag = {"If-Match": found.headers["etag"]}
    for path in (location, unknown):
        assert other.get(path).status_code == 404
        assert other.patch(path, json={"name": "X"}, headers=tag).status_code == 404
        assert other.delete(path).status_code == 404
    for _ in range(2):
        assert carrier.delete(location).status_code == 204
    assert carrier.get(location).json()["revoked_at"] is not None


def test_change_needs_to_know_what_it_changes(api: Api) -> None:
    carrier = api.carrier()
    location = make(carrier).headers["location"]
    tag = carrier.get(location).headers["etag"]
    blind = carrier.patch(location, json={"name": "New"})
    assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    changed = carrier.patch(location, json={"name": "New"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["name"]) == (200, "New")
    late = carrier.patch(location, json={"name": "Newer"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    now = carrier.get(location)
    assert now.json() == changed.json()
    end = {"expires_at": "2031-01-01T00:00:00Z"}
    ended = carrier.patch(location, json=end, headers={"If-Match": now.headers["etag"]})
    assert (ended.json()["expires_at"], ended.json()["name"]) == (end["expires_at"], "New")


def test_key_may_revoke_itself(api: Api) -> None:
    carrier = api.carrier()
    assert carrier.delete(f"{PATH}/{prefix_of(carrier)}").status_code == 204
    assert carrier.get(PATH).status_code == 401


def test_day_of_the_last_use_is_kept(api: Api) -> None:
    carrier = api.carrier()
    today = datetime.now(UTC).date()
    assert [key.last_used_on for key in api.rows(ApiKey)] == [None]
    carrier.get("/v1/events")
    assert api.rows(ApiKey)[0].last_used_on in (today, datetime.now(UTC).date())


def test_too_many_keys_are_refused(api: Api) -> None:
    carrier = api.carrier()
    made = [make(carrier) for _ in range(keys.LIVE_MAX)]
    assert [one.status_code for one in made] == [201] * (keys.LIVE_MAX - 1) + [409]
    assert made[-1].json()["code"] == "too_many"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\x00"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"overlap": "soon"},
        {"overlap": "P31D"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"surprise": 1},
    ],
)
def test_odd_wish_for_a_key_is_refused(api: Api, fields: dict[str, Any]) -> None:
    answer = make(api.carrier(), **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_operators_and_auditors_keep_their_own_keys(api: Api) -> None:
    def add(session: Any) -> str:
        return carriers.add_operator(session, "Revisor", Moment(datetime.now(UTC)), "auditor")

    operator, auditor = api.operator(), api.client(api.change(add))
    for client, role in ((operator, "operator"), (auditor, "auditor")):
        assert make(client, scopes=of_role(role)).json()["role"] == role
        assert len(client.get(PATH).json()["api_keys"]) == 2
        assert client.get("/v1/parcels").status_code == 403


def test_every_scope_stands_in_the_documents() -> None:
    page = (ROOT / "docs/api.md").read_text()
    for name, scope in SCOPES.items():
        assert f"| `{name}` | {', '.join(scope.roles)} | {scope.told} |" in page
