"""The same Idempotency-Key: one effect, one answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.errors import IdempotencyKeyReused, LockerFull
from fellesskap_backend.idempotency import KEPT, PRUNED_MAX, Answer, Answered, attempt
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.worker import Worker
from tests.backend.api import Api, request, reserve
from tests.system.house import wait_for

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
DOORS = "/v1/lockers/oslo-1/door-operations"
DOOR = {"compartment": 2, "reason_code": "inspection", "reason": "It did not spring open."}


def test_same_key_and_request_give_the_same_answer(api: Api) -> None:
    carrier, body = api.carrier(), request()
    first, second = reserve(carrier, body, "k1"), reserve(carrier, body, "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert api.count(Reservation) == 1


def test_code_is_rendered_anew_into_a_repeated_answer(api: Api) -> None:
    carrier, body = api.carrier(), request(code_at="reservation")
    first, second = reserve(carrier, body, "k1"), reserve(carrier, body, "k1")
    assert first.json() == second.json()
    code = first.json()["pickup_code"]
    assert all(code not in answer.body for answer in api.rows(Answer))


def test_refusal_is_an_answer_and_is_repeated(api: Api) -> None:
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    body = request(3)
    assert reserve(carrier, body, "full").json()["code"] == "locker_full"

    def release(session: Any) -> None:
        for claim in session.query(Claim):
            claim.released = True

    api.change(release)
    again = reserve(carrier, body, "full")
    assert (again.status_code, again.json()["code"]) == (409, "locker_full")
    assert again.headers["idempotent-replayed"] == "true"
    assert reserve(carrier, body, "new").status_code == 201


def test_same_key_with_another_request_is_refused(api: Api) -> None:
    carrier = api.carrier()
    reserve(carrier, request(1), "k1")
    reused = reserve(carrier, request(2), "k1")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert api.count(Reservation) == 1


def test_another_carrier_may_use_the_same_key(api: Api) -> None:
    assert reserve(api.carrier(), request(1), "k").status_code == 201
    assert reserve(api.carrier("Sydpost"), request(2), "k").status_code == 201


def test_key_is_mandatory_and_visible(api: Api) -> None:
    carrier = api.carrier()
    carrier.event_hooks = {}
    assert carrier.post("/v1/reservations", json=request()).status_code == 422
    for key in ("", "a b", "x" * 256):
        assert reserve(carrier, request(), key).status_code == 422, key


def test_same_key_at_the_same_time_has_one_effect_and_one_answer(api: Api) -> None:
    key = api.key()
    clients = [api.client(key) for _ in range(4)]
    api.locker("oslo-2", doors=40)
    with ThreadPoolExecutor(len(clients)) as people:
        for number in range(20):
            body, start = request(number, locker_id="oslo-2"), Barrier(len(clients))

            def send(
                client: httpx.Client,
                number: int = number,
                body: dict[str, Any] = body,
                start: Barrier = start,
            ) -> httpx.Response:
                start.wait()
                return reserve(client, body, f"same-{number}")

            answers = list(people.map(send, clients))
            assert [one.status_code for one in answers] == [201] * len(clients)
            assert len({one.text for one in answers}) == 1
    assert api.count(Reservation) == 20


def test_same_key_at_two_lockers_at_the_same_time_is_answered_once(api: Api) -> None:
    api.locker("oslo-2", doors=10)
    api.locker("oslo-3", doors=10)
    key = api.key()
    clients = [api.client(key), api.client(key)]
    with ThreadPoolExecutor(2) as people:
        for number in range(10):
            bodies = [request(number, locker_id=one) for one in ("oslo-2", "oslo-3")]
            answers = list(people.map(reserve, clients, bodies, [f"k{number}"] * 2))
            assert sorted(one.status_code for one in answers) == [201, 422]
    assert api.count(Reservation) == 10


def test_body_means_the_same_with_other_spaces_and_order(api: Api) -> None:
    carrier, body = api.carrier(), request()
    first = reserve(carrier, body, "k")
    turned = json.dumps(dict(reversed(body.items())), indent=2)
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    again = carrier.post("/v1/reservations", content=turned, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


def test_every_post_repeats_its_answer(api: Api) -> None:
    operator = api.operator()
    first, second = (
        operator.post(DOORS, json=DOOR, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotent-replayed"] == "true"
    assert api.count(DoorOperation) == 1


def test_key_is_good_for_one_resource(api: Api) -> None:
    api.locker("oslo-2", doors=3)
    operator, key = api.operator(), {"Idempotency-Key": "k"}
    assert operator.post(DOORS, json=DOOR, headers=key).status_code == 202
    reused = operator.post(DOORS.replace("-1", "-2"), json=DOOR, headers=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


def test_another_operator_may_use_the_same_key(api: Api) -> None:
    for _ in range(2):
        answer = api.operator().post(DOORS, json=DOOR, headers={"Idempotency-Key": "k"})
        assert "idempotent-replayed" not in answer.headers
    assert api.count(DoorOperation) == 2


def test_same_key_at_the_same_time_has_one_effect_at_every_post(api: Api) -> None:
    key = api.operator().headers["Authorization"].removeprefix("Bearer ")
    clients = [api.client(key) for _ in range(4)]
    with ThreadPoolExecutor(len(clients)) as people:
        for number in range(10):
            start = Barrier(len(clients))

            def send(
                client: httpx.Client, number: int = number, start: Barrier = start
            ) -> httpx.Response:
                start.wait()
                headers = {"Idempotency-Key": f"same-{number}"}
                return client.post(DOORS, json=DOOR, headers=headers)

            answers = list(people.map(send, clients))
            assert [one.status_code for one in answers] == [202] * len(clients)
            assert len({one.text for one in answers}) == 1
            assert sum("idempotent-replayed" not in one.headers for one in answers) == 1
    assert api.count(DoorOperation) == 10


def test_what_a_refused_act_wrote_is_undone_and_the_refusal_is_kept(api: Api) -> None:
    def refuse() -> Answered:
        session.execute(update(Answer).values(key="spoilt"))
        raise LockerFull("Everything is taken.")

    def confirm() -> Answered:
        raise AssertionError("it was answered already")

    tried = attempt("POST /v1/quilts", "k", "body")
    with Session(api.engine) as session:
        first = idempotency.once(session, "them", tried, refuse, now=NOW)
        again = idempotency.once(session, "them", tried, confirm, now=NOW)
        with pytest.raises(IdempotencyKeyReused):
            idempotency.once(
                session, "them", attempt("POST /v1/quilts", "k", "other"), confirm, now=NOW
            )
    assert (first.status, first.replayed) == (409, False)
    assert again == first._replace(replayed=True)


def test_answers_are_forgotten_after_their_time(api: Api) -> None:
    def keep(session: Session) -> None:
        for number in range(PRUNED_MAX + 5):
            age = KEPT + timedelta(seconds=1) if number else KEPT - timedelta(seconds=1)
            tried = attempt("POST /v1/quilts", f"k{number}", "")
            answer = idempotency.row("them", tried, Answered(201, {}), NOW - age)
            session.add(Answer(**answer))

    api.change(keep)
    assert api.change(lambda session: idempotency.prune(session, NOW)) == PRUNED_MAX
    assert api.change(lambda session: idempotency.prune(session, NOW)) == 4
    assert [row.key for row in api.rows(Answer)] == ["k0"]


def test_worker_forgets_by_itself(api: Api) -> None:
    reserve(api.carrier(), request(), "k")
    long_ago = datetime.now(UTC) - KEPT
    api.change(lambda session: session.execute(update(Answer).values(created_at=long_ago)))
    worker = Worker(api.settings, api.secrets, api.engine)
    worker.start()
    try:
        wait_for("the pruning", lambda: api.count(Answer) == 0)
    finally:
        worker.stop()
