"""The same Idempotency-Key: one effect, one answer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx

from fellesskap_backend.idempotency import Answer
from fellesskap_backend.reservations.tables import Claim, Reservation
from tests.backend.api import Api, request, reserve


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
