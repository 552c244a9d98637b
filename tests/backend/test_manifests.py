"""`/v1/manifests`: each parcel is answered as a single call in its place would be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examine
from hypothesis import strategies as st
from sqlalchemy import delete, event, update

from fellesskap_backend.db import Moment
from fellesskap_backend.decisions import service as decisions
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import numbering
from fellesskap_backend.rights.numbering import NewRight
from fellesskap_backend.rights.service import CODE_REST, code_mac
from fellesskap_backend.rights.tables import Right, RightCode
from tests.backend.api import Api, Json, request, reserve

TABLES = (Reservation, Claim, Parcel, Right, RightCode, ParcelEntry, Notice, Decision)
STATEMENTS_MAX = 30
LOCKERS = ("oslo-1", "oslo-2", "oslo-3", "tall-1")
OF_ITS_OWN = {
    *("id", "parcel_id", "right_id", "decision_id", "created_at", "decided_at"),
    *("pickup_code", "addition", "errors"),
}
"""What no two answers have alike, and the places in a body."""


def send(client: httpx.Client, parcels: list[Any], key: str = "m1") -> httpx.Response:
    return client.post("/v1/manifests", json={"parcels": parcels}, headers={"Idempotency-Key": key})


def told(body: Json) -> Json:
    """Return what an answer says but for what is its own."""
    return {name: one for name, one in body.items() if name not in OF_ITS_OWN}


def line(answer: httpx.Response) -> Json:
    """Return a single call's answer as a manifest would give it."""
    name = "reservation" if answer.status_code == 201 else "problem"
    return {"status": answer.status_code, name: told(answer.json())}


def lines(answer: httpx.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    return [
        {name: told(one) if isinstance(one, dict) else one for name, one in each.items()}
        for each in answer.json()["parcels"]
    ]


def test_each_parcel_is_answered_for_itself(api: Api) -> None:
    carrier = api.carrier()
    answer = send(
        carrier,
        [
            request(1),
            request(2, locker_id="nowhere"),
            request(1),
            {"locker_id": "oslo-1", "label": {"kind": "sscc", "value": "1"}},
            request(3, deposit_by="2020-01-01T00:00:00Z"),
            request(4, code_at="reservation"),
        ],
    )
    body = answer.json()
    assert [one["status"] for one in body["parcels"]] == [201, 404, 409, 422, 422, 201]
    assert (body["confirmed"], body["refused"]) == (2, 4)
    first, unknown, twice, wrong, late, last = body["parcels"]
    assert (
        carrier.get(f"/v1/reservations/{first['reservation']['id']}").json()
        == (first["reservation"])
    )
    assert (
        carrier.get(f"/v1/reservations/{last['reservation']['id']}").json() == (last["reservation"])
    )
    assert len(last["reservation"]["pickup_code"]) == 8
    assert unknown["problem"]["code"] == "not_found"
    assert (twice["problem"]["code"], twice["problem"]["alternatives"]) == ("duplicate_parcel", [])
    places = {one["where"] for one in wrong["problem"]["errors"]}
    assert "body.parcels.3.deposit_by" in places
    assert any(place.startswith("body.parcels.3.label") for place in places)
    assert late["problem"]["code"] == "invalid_request"
    assert [api.count(one) for one in TABLES] == [2, 2, 2, 2, 2, 2, 2, 3]
    (row,) = api.rows(Answer)
    assert last["reservation"]["pickup_code"] not in row.body
    assert api.rows(Locker)[0].revision == 2


def test_same_manifest_again_has_the_same_answers_and_no_other_effect(api: Api) -> None:
    carrier = api.carrier()
    parcels = [request(1, code_at="reservation"), request(2), request(3), request(4)]
    first, again = send(carrier, parcels), send(carrier, parcels)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert api.count(Decision) == 4
    other = send(carrier, parcels[:2])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("parcels", "status"),
    [([], 422), ([7], 422), ([{}] * 2001, 422), ([{"note": "x" * 2_100_000}], 413)],
)
def test_what_is_no_manifest_is_refused_as_a_whole(api: Api, parcels: Any, status: int) -> None:
    assert send(api.carrier(), parcels).status_code == status
    assert api.count(Answer) == 0


def test_two_thousand_parcels_take_few_statements(api: Api) -> None:
    for number in range(10):
        api.locker(f"wide-{number}", doors=100)
    carrier = api.carrier()
    send(carrier, [request(9999)], "warm")
    count = 2000 if api.engine.dialect.name == "postgresql" else 400
    parcels = [request(one, locker_id=f"wide-{one % 10}") for one in range(count)]
    statements: list[str] = []

    @event.listens_for(api.engine, "before_cursor_execute")
    def _count(*arguments: Any) -> None:
        statements.append(arguments[2])

    answer = send(carrier, parcels)
    event.remove(api.engine, "before_cursor_execute", _count)
    body = answer.json()
    assert body["confirmed"] == min(count, 1000)
    assert len(statements) <= STATEMENTS_MAX, statements
    assert api.change(decisions.verify)["altered"] == []


WISHES = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.integers(1, 6),
            "locker_id": st.sampled_from((*LOCKERS, "nowhere")),
            "hold": st.sampled_from(("hard", "hard", "soft")),
            "h_mm": st.sampled_from((100, 200, 900)),
            "needs": st.sampled_from(([], ["low"])),
            "code_at": st.sampled_from(("deposit", "reservation")),
            "collect_within": st.sampled_from(("P3D", "P3D", "P3D", "PT1S")),
        }
    ),
    min_size=1,
    max_size=14,
)


def _put_up(api: Api) -> None:
    """Four lockers at one site, so that each is an alternative to the others."""
    api.locker("oslo-2", doors=1)
    api.locker("oslo-3", doors=2, floor_mm=1400)
    api.locker("tall-1", doors=1, height_mm=240)


def _forget(api: Api) -> None:
    def work(session: Any) -> None:
        for model in (*TABLES, Answer):
            session.execute(delete(model))
        session.execute(
            update(Locker).values(
                revision=0, decided=0, decision_hash="0" * 64, decision_layout=None
            )
        )

    api.change(work)


def test_a_manifest_is_answered_like_single_calls_in_its_order(api: Api) -> None:
    _put_up(api)
    carrier = api.carrier()
    deposit_by = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    @examine(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(WISHES)
    def compare(wishes: list[Json]) -> None:
        parcels = []
        for wish in wishes:
            box = {"w_mm": 300, "h_mm": wish["h_mm"], "d_mm": 200, "g": 900}
            fields = {name: wish[name] for name in wish if name not in ("number", "h_mm")}
            parcels.append(request(wish["number"], dimensions=box, deposit_by=deposit_by, **fields))
        _forget(api)
        at_once = lines(send(carrier, parcels))
        written = [api.count(model) for model in TABLES]
        outcomes = _outcomes(api)
        revisions = {row.id: row.revision for row in api.rows(Locker)}
        assert api.change(decisions.verify)["altered"] == []
        _forget(api)
        one_by_one = [
            line(reserve(carrier, body, f"k{number}")) for number, body in enumerate(parcels)
        ]
        for number, (together, alone) in enumerate(zip(at_once, one_by_one, strict=True)):
            assert together == alone, f"{number} of {wishes}"
        assert [api.count(model) for model in TABLES] == written
        assert _outcomes(api) == outcomes
        assert {row.id: row.revision for row in api.rows(Locker)} == revisions

    compare()


def _outcomes(api: Api) -> list[tuple[str, int, str]]:
    rows = sorted(api.rows(Decision), key=lambda row: (row.locker_id, row.number))
    return [(row.locker_id, row.number, row.body.split('"outcome":')[1][:12]) for row in rows]


def test_rows_are_those_of_a_single_call(api: Api) -> None:
    """Column by column, but for ids and what follows from them."""
    api.locker("oslo-2", doors=3)
    carrier = api.carrier()
    body = request(1, needs=["low"], code_at="reservation")
    body["deposit_by"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    send(carrier, [body | {"locker_id": "oslo-2", "label": request(2)["label"]}])
    reserve(carrier, body, "k")
    own = {"id", "at", "locker_id", "right_id", "parcel_id", "reservation_id", "body", "code_mac"}
    own |= {"data", "label_value", "label_key", "number"}
    for model in TABLES:
        first, second = (
            {
                column.key: getattr(row, column.key)
                for column in model.__table__.columns
                if column.key not in own and not column.key.endswith("_at")
            }
            for row in api.rows(model)
        )
        assert first == second, model
    notices = [row.data for row in api.rows(Notice)]
    assert set(notices[0]) == set(notices[1])


def test_a_code_in_use_at_the_locker_is_not_given_again(api: Api) -> None:
    api.locker("oslo-2", doors=1)
    moment = Moment(datetime.now(UTC))
    k_codes, k_locker = b"c" * 32, b"l" * 32
    new = [NewRight.of("oslo-1", k_locker, moment.new_id(), k_codes) for _ in range(3)]
    macs = [code_mac(k_locker, k_codes, one.right_id, n=0) for one in new]

    def in_use(at: int, locker_id: str, removed: timedelta | None) -> RightCode:
        ended = removed and moment.now - removed
        other = moment.new_id()
        return RightCode(
            right_id=other, locker_id=locker_id, n=0, code_mac=macs[at], removed_at=ended
        )

    def work(session: Any) -> dict[Any, int]:
        session.add_all(
            [
                in_use(0, "oslo-1", None),
                in_use(1, "oslo-2", None),
                in_use(2, "oslo-1", CODE_REST + timedelta(days=1)),
            ]
        )
        session.flush()
        return numbering.number(session, new, k_codes, moment.now)

    numbers = api.change(work)
    assert [numbers[one.right_id] for one in new] == [1, 0, 0], (
        "another locker's code, and one at rest, are in nobody's way"
    )


def test_lockers_of_two_manifests_at_once_are_locked_in_one_order(api: Api) -> None:
    api.locker("oslo-2", doors=60)
    api.locker("oslo-3", doors=60)
    key = api.key()
    clients = [api.client(key), api.client(key)]

    def fill(who: int) -> list[int]:
        found = []
        for turn in range(5):
            order = ("oslo-2", "oslo-3") if who else ("oslo-3", "oslo-2")
            parcels = [
                request(1000 * who + 10 * turn + one, locker_id=order[one % 2]) for one in range(6)
            ]
            found.append(send(clients[who], parcels, f"{who}-{turn}").json()["confirmed"])
        return found

    with ThreadPoolExecutor(2) as people:
        assert list(people.map(fill, (0, 1))) == [[6] * 5] * 2
    assert api.change(decisions.verify)["altered"] == []
    assert api.count(Claim) == 60
