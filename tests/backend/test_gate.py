"""The gate: as many requests inside as connections; the others wait, or are told to come back."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import httpx
import pytest

from fellesskap_backend import db
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, request, reserve

CONNECTIONS = 200


@pytest.fixture
def narrow(settings: Settings) -> Iterator[Api]:
    """A server with two places, at which one waits for half a second."""
    house = Api(settings.model_copy(update={"pool_size": 2, "gate_wait_s": 0.5}))
    try:
        house.locker("oslo-1", doors=9)
        yield house
    finally:
        house.stop()


def test_two_hundred_connections_are_all_answered(api: Api) -> None:
    api.locker("wide-1", doors=60)
    api.locker("wide-2", doors=60)
    key = api.key()
    clients = [api.client(key) for _ in range(CONNECTIONS)]
    start = threading.Barrier(CONNECTIONS)

    def send(number: int) -> httpx.Response:
        start.wait()
        body = request(number, locker_id=f"wide-{number % 2 + 1}")
        return reserve(clients[number], body, f"k{number}")

    with ThreadPoolExecutor(CONNECTIONS) as people:
        answers = list(people.map(send, range(CONNECTIONS)))
    statuses = sorted(one.status_code for one in answers)
    assert statuses == [201] * 120 + [409] * 80
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"locker_full"}
    assert (api.count(Reservation), api.count(Answer)) == (120, CONNECTIONS)


def test_who_finds_no_place_is_told_to_come_back(narrow: Api) -> None:
    key = narrow.key()
    with ThreadPoolExecutor(3) as people, db.writing(narrow.engine) as session:
        locked(session, "oslo-1")
        sent = [
            people.submit(reserve, narrow.client(key), request(number), f"k{number}")
            for number in range(3)
        ]
        turned_away = next(as_completed(sent)).result()
        session.rollback()  # the place that the others wait for
        session.close()
        answers = [one.result() for one in sent]
    assert turned_away.status_code == 503
    assert turned_away.headers["content-type"] == "application/problem+json"
    assert (turned_away.headers["retry-after"], turned_away.json()["code"]) == ("1", "busy")
    assert sorted(one.status_code for one in answers) == [201, 201, 503]


def test_slow_sender_takes_no_place(narrow: Api) -> None:
    host, port = narrow.url.removeprefix("http://").split(":")
    head = b"POST /v1/reservations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    slow = [socket.create_connection((host, int(port))) for _ in range(4)]
    try:
        for line in slow:
            line.sendall(head)
        assert reserve(narrow.carrier(), request(), "k1").status_code == 201
    finally:
        for line in slow:
            line.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_the_limit_is_refused(api: Api, chunked: bool) -> None:
    body = b"x" * (64 * 1024 + 1)
    content = iter([body]) if chunked else body
    answer = api.carrier().post("/v1/reservations", content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_manifest_may_be_larger(api: Api) -> None:
    carrier = api.carrier()
    for kilobytes in (65, 2_049):
        answer = carrier.post("/v1/manifests", content=b" " * kilobytes * 1024)
        assert (answer.status_code == 413) is (kilobytes == 2_049)
