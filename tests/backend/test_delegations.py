"""A consolidator acts for carriers: by a code, until an end, and for nobody else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from fellesskap_backend.delegations import code as codes
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.settings import Settings
from tests.backend import event_models
from tests.backend.api import Api, Json, request, reserve
from tests.backend.delegating import EVERYTHING, ON_BEHALF_OF, Party
from tests.backend.printed import LOCKER_ID, example_body, operations, printed_for_carriers
from tests.backend.test_two_tenants import PUBLIC, UNKNOWN, owned, parameters, send, told

TOMORROW = datetime.now(UTC) + timedelta(days=1)
KEY, NOW = bytes(range(32)), datetime(2027, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def house(settings: Settings) -> Iterator[Api]:
    """A server at whose lockers there is room."""
    made = Api(settings.model_copy(update={"rate_per_s": 0}))
    try:
        made.locker(LOCKER_ID, doors=20, height_mm=240)
        made.locker("oslo-1", doors=20)
        yield made
        event_models.hold_all(made.engine, made.secrets.k_codes)
    finally:
        made.stop()


@pytest.fixture
def two(house: Api) -> tuple[Party, Party]:
    """A carrier, and a consolidator that may do nothing for it yet."""
    return Party(house, "Nordpost"), Party(house, "Samlast")


# The code ----------------------------------------------------------------------------------------


@given(st.uuids(), st.integers(0, 51), st.characters(codec="ascii"))
def test_a_code_names_its_carrier_and_an_altered_one_nobody(who: UUID, at: int, what: str) -> None:
    code = codes.written(KEY, who, codes.end_of(NOW))
    assert codes.read(KEY, code, NOW) == who
    altered = code[:at] + what + code[at + 1 :]
    if altered.removeprefix("fsd_") != code.removeprefix("fsd_"):
        assert codes.read(KEY, altered, NOW) is None


def test_a_code_is_the_same_all_day_and_good_for_a_week() -> None:
    who = uuid4()
    late = NOW.replace(hour=23, minute=59)
    code = codes.written(KEY, who, codes.end_of(NOW))
    assert code == codes.written(KEY, who, codes.end_of(late))
    assert codes.read(KEY, code, late + timedelta(days=7)) == who
    assert codes.read(KEY, code, NOW + timedelta(days=8)) is None
    assert codes.read(bytes(32), code, NOW) is None


def test_who_has_no_good_code_lets_nobody_act(house: Api, two: tuple[Party, Party]) -> None:
    nord, samlast = two
    stale = codes.written(house.secrets.k_codes, UUID(samlast.id), datetime.now(UTC))
    nobody = codes.written(house.secrets.k_codes, uuid4(), codes.end_of(datetime.now(UTC)))
    answers = [nord.give(code) for code in (stale, nobody, "fsd_" + 48 * "A")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.text for answer in answers}) == 1
    assert nord.give(nord.code()).status_code == 422
    assert nord.give(samlast.code(), days=-1).status_code == 422
    assert nord.give(samlast.code(), days=400).status_code == 422
    assert house.count(Delegation) == 0


# Given, seen, ended ------------------------------------------------------------------------------


def test_both_parties_see_a_delegation_and_nobody_else_does(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    body = nord.let(samlast, "reserve", "deposit")
    assert (body["side"], body["may"], body["state"]) == ("given", ["deposit", "reserve"], "live")
    path = f"/v1/delegations/{body['id']}"
    received = samlast.client.get(path).json()
    assert received == body | {"side": "received"}
    assert received["giver"] == {"carrier_id": nord.id, "name": "Nordpost"}
    for party, side in ((nord, "given"), (samlast, "received")):
        listed = party.client.get("/v1/delegations").json()["delegations"]
        assert [one["id"] for one in listed] == [body["id"]]
        for asked in ("given", "received"):
            some = party.client.get("/v1/delegations", params={"side": asked}).json()
            assert len(some["delegations"]) == (1 if asked == side else 0)
    other = Party(house, "Sydpost")
    assert other.client.get("/v1/delegations").json()["delegations"] == []
    assert other.client.get(path).status_code == other.client.delete(path).status_code == 404


@pytest.mark.parametrize("who", [0, 1])
def test_either_party_ends_it_at_once_and_twice_is_once(two: tuple[Party, Party], who: int) -> None:
    nord, samlast = two
    given_one = nord.let(samlast)
    acts = partial(samlast.client.get, "/v1/reservations", headers=samlast.acts_for(nord))
    assert acts().status_code == 200
    path = f"/v1/delegations/{given_one['id']}"
    first, second = (two[who].client.delete(path) for _ in range(2))
    assert first.json()["state"] == "revoked"
    assert first.json() == second.json()
    assert acts().status_code == 404
    assert samlast.badge(nord).status_code == 404


def test_both_are_told_of_a_delegation_and_of_its_end_and_nobody_else_is(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    Party(house, "Tredjepost")
    given = nord.let(samlast, "reserve")
    nord.let(samlast, "deposit")
    path = f"/v1/delegations/{given['id']}"
    assert samlast.client.delete(path).json()["state"] == "revoked", (
        "by the next one: twice is once"
    )
    told = [(one.type, str(one.carrier_id), one.data["may"]) for one in house.rows(Notice)]
    assert sorted(told) == sorted(
        (kind, carrier_id, may)
        for carrier_id in (nord.id, samlast.id)
        for kind, may in (
            ("delegation.given", ["reserve"]),
            ("delegation.ended", ["reserve"]),
            ("delegation.given", ["deposit"]),
        )
    )


def test_a_new_delegation_takes_the_place_of_the_one_before(two: tuple[Party, Party]) -> None:
    nord, samlast = two
    wide, narrow = nord.let(samlast), nord.let(samlast, "deposit")
    assert nord.client.get(f"/v1/delegations/{wide['id']}").json()["state"] == "revoked"
    assert samlast.badge(nord).status_code == 404
    assert samlast.badge(nord, may=["deposit"]).status_code == 201
    states = [one["state"] for one in nord.client.get("/v1/delegations").json()["delegations"]]
    assert states == ["live", "revoked"]
    assert narrow["may"] == ["deposit"]


# On behalf of another ----------------------------------------------------------------------------


def _reserve(actor: Party, principal: Party, number: int, key: str) -> httpx.Response:
    body = request(number, code_at="reservation", deposit_by=TOMORROW.isoformat())
    headers = actor.acts_for(principal) | {"Idempotency-Key": key}
    return actor.client.post("/v1/reservations", json=body, headers=headers)


def test_a_reservation_on_behalf_is_the_carriers_and_says_who_made_it(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    nord.let(samlast, "reserve")
    made = _reserve(samlast, nord, 1, "k")
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["acted_by"] == samlast.id
    assert "pickup_code" not in body, "its carrier's recipient opens with it"
    again = _reserve(samlast, nord, 1, "k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == body
    (row,) = house.rows(Reservation)
    assert (str(row.carrier_id), str(row.acted_by)) == (nord.id, samlast.id)
    (notice,) = (one for one in house.rows(Notice) if one.parcel_id is not None)
    assert str(notice.carrier_id) == nord.id
    path = f"/v1/reservations/{body['id']}"
    seen = nord.client.get(path).json()
    assert seen == body | {name: seen[name] for name in ("pickup_code", "addition")}
    assert samlast.client.get(path).status_code == 404, "only on behalf of its carrier"
    assert samlast.client.get(path, headers=samlast.acts_for(nord)).json() == body
    gone = samlast.client.delete(path, headers=samlast.acts_for(nord))
    assert gone.json()["state"] == "cancelled"


def test_a_manifest_and_a_quote_on_behalf_are_the_carriers_and_tell_no_code(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    nord.let(samlast, "reserve")
    load = [
        request(number, code_at="reservation", deposit_by=TOMORROW.isoformat()) for number in (1, 2)
    ]
    headers = samlast.acts_for(nord)
    kept = headers | {"Idempotency-Key": "van"}
    made = samlast.client.post("/v1/manifests", json={"parcels": load}, headers=kept).json()
    told_again = samlast.client.post("/v1/manifests", json={"parcels": load}, headers=kept).json()
    assert made == told_again
    reservations = [line["reservation"] for line in made["parcels"]]
    assert [one["acted_by"] for one in reservations] == [samlast.id] * 2
    assert not any("pickup_code" in one for one in reservations)
    assert {str(row.carrier_id) for row in house.rows(Reservation)} == {nord.id}
    assert nord.client.get(f"/v1/reservations/{reservations[0]['id']}").json()["pickup_code"]
    sought = {name: load[0][name] for name in ("locker_id", "label", "dimensions")}
    asked = {"parcels": [sought]}
    (theirs,) = samlast.client.post("/v1/quotes", json=asked, headers=headers).json()["quotes"]
    (own,) = samlast.client.post("/v1/quotes", json=asked).json()["quotes"]
    assert (theirs["reason"], own["would_confirm"]) == ("duplicate_parcel", True)


def test_who_acts_sees_and_ends_only_what_it_made_itself(two: tuple[Party, Party]) -> None:
    nord, samlast = two
    nord.let(samlast, "reserve")
    own = reserve(nord.client, request(1), "k1").json()
    made = _reserve(samlast, nord, 2, "k2").json()
    headers = samlast.acts_for(nord)
    listed = samlast.client.get("/v1/reservations", headers=headers).json()["reservations"]
    assert [one["id"] for one in listed] == [made["id"]]
    path = f"/v1/reservations/{own['id']}"
    assert samlast.client.get(path, headers=headers).status_code == 404
    assert samlast.client.delete(path, headers=headers).status_code == 404
    assert nord.client.get(path).json()["state"] == "confirmed"
    assert len(nord.client.get("/v1/reservations").json()["reservations"]) == 2
    assert samlast.client.get("/v1/reservations").json()["reservations"] == []


def test_keys_of_the_one_the_other_and_the_one_for_the_other_do_not_meet(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    nord.let(samlast, "reserve")
    answers = [
        reserve(nord.client, request(1), "same"),
        reserve(samlast.client, request(2), "same"),
        _reserve(samlast, nord, 3, "same"),
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({row.tenant for row in house.rows(Answer)}) == 3


def test_what_is_not_delegated_is_refused_on_behalf_of_anybody(
    house: Api, two: tuple[Party, Party]
) -> None:
    nord, samlast = two
    nord.let(samlast)
    document = printed_for_carriers(house)
    mine = owned(nord.client, document)
    samlast.client.headers[ON_BEHALF_OF] = nord.id
    refused = 0
    for path, verb, operation in operations(document):
        if _takes(operation) or not operation.get("security"):
            continue
        whole = path.format(**PUBLIC, **mine)
        answer = send(samlast.client, verb, whole, operation, example_body(document, operation))
        assert answer.status_code == 403, f"{verb} {path}: {answer.text}"
        refused += 1
    assert refused > 20


def _takes(operation: Json) -> bool:
    return any(one["name"] == ON_BEHALF_OF for one in operation["parameters"])


# Without a live one ------------------------------------------------------------------------------

Prepare = Callable[[Api, Party, Party], None]


def _never(_api: Api, _nord: Party, _samlast: Party) -> None:
    """Nobody ever let anybody."""


def _expired(api: Api, nord: Party, samlast: Party) -> None:
    nord.let(samlast)
    past = update(Delegation).values(ends_at=datetime.now(UTC))
    api.change(lambda session: session.execute(past))


def _revoked(_api: Api, nord: Party, samlast: Party) -> None:
    nord.client.delete(f"/v1/delegations/{nord.let(samlast)['id']}")


def _the_other_way_round(_api: Api, nord: Party, samlast: Party) -> None:
    samlast.let(nord)


def _to_a_third(api: Api, nord: Party, _samlast: Party) -> None:
    nord.let(Party(api, "Terminalen"))


def _of_a_third(api: Api, _nord: Party, samlast: Party) -> None:
    Party(api, "Sydpost").let(samlast)


def _for_something_else(_api: Api, nord: Party, samlast: Party) -> None:
    nord.let(samlast, "remove")


@pytest.mark.slow
@pytest.mark.parametrize(
    "prepare",
    [
        *(_never, _expired, _revoked, _the_other_way_round),
        *(_to_a_third, _of_a_third, _for_something_else),
    ],
)
@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_without_a_live_delegation_a_carrier_answers_like_one_that_does_not_exist(
    house: Api, two: tuple[Party, Party], prepare: Prepare
) -> None:
    nord, samlast = two
    document = printed_for_carriers(house)
    mine = owned(nord.client, document)
    prepare(house, nord, samlast)
    readable = [
        path.format(**PUBLIC, **mine)
        for path, verb, _ in operations(document)
        if verb == "get" and set(parameters(path)) - PUBLIC.keys() and "prefix" not in path
    ]
    before = [nord.client.get(path).text for path in [*readable, "/v1/reservations"]]
    asked = 0
    for path, verb, operation in operations(document):
        if not _takes(operation):
            continue
        whole, body = path.format(**PUBLIC, **mine), example_body(document, operation)
        answers = []
        for who in (nord.id, UNKNOWN):
            samlast.client.headers[ON_BEHALF_OF] = who
            answers.append(told(send(samlast.client, verb, whole, operation, body), who))
        assert answers[0] == answers[1], f"{verb} {path}"
        assert answers[0][0] == 404, f"{verb} {path}"
        asked += 1
    assert asked >= 4
    del samlast.client.headers[ON_BEHALF_OF]
    for may in (EVERYTHING[:1], EVERYTHING[:2]):
        answers = [
            told(samlast.badge(who, lockers=["oslo-1"], may=[*may]), who)
            for who in (nord.id, UNKNOWN)
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    after = [nord.client.get(path).text for path in [*readable, "/v1/reservations"]]
    assert after == before
