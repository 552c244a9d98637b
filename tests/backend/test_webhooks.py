"""Webhooks over real HTTP: signed, retried, in order, and no code in any row."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.schema import metadata
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks.sender import Sender
from fellesskap_backend.webhooks.service import RETRIES_S, Outgoing
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_backend.worker import Worker
from fellesskap_protocol.codes import pickup_code
from tests.backend.api import Api, request, reserve
from tests.backend.lockers import HandLocker, collect, deposit
from tests.system.house import wait_for
from tests.system.receiver import Receiver


class House:
    """An API with a carrier whose endpoint is `receiver`, a locker by hand and a worker."""

    def __init__(self, api: Api, receiver: Receiver, timeout_s: float = 0.5) -> None:
        self.api, self.receiver = api, receiver
        with_loopback = api.settings.model_copy(update={"allow_loopback_webhooks": True})
        self.worker = Worker(with_loopback, api.secrets, api.engine, timeout_s=timeout_s)
        self.locker = HandLocker(api.secrets.installation)
        self.locker.claim(api)
        self._tell()
        self.locker.commission(3)
        self._tell()

        def subscribe(session: Any) -> tuple[str, str]:
            carrier_id, key = carriers.add_carrier(session, "Nordpost", _moment())
            secret = carriers.add_webhook(session, carrier_id, receiver.url, moment=_moment())
            return key, secret

        key, receiver.secret = api.change(subscribe)
        self.carrier = api.client(key)

    def _tell(self) -> None:
        """Give birth and whole journal to the ledger."""
        birth, batch = self.locker.birth(), self.locker.batch()

        def work(session: Any) -> None:
            ledger.born(session, "oslo-1", birth, moment=_moment())
            ledger.ingest(session, "oslo-1", batch, moment=_moment())

        self.api.change(work)

    def tell(self, *said: Any) -> None:
        self.locker.add(*said)
        self._tell()

    def reserve(self, number: int = 1) -> dict[str, Any]:
        answer = reserve(self.carrier, request(number), f"key-{number}")
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def kinds(self) -> list[str]:
        return [delivery["type"] for delivery in self.receiver.deliveries]

    def pending(self) -> list[Delivery]:
        rows = self.api.rows(Delivery)
        return [row for row in rows if row.delivered_at is None and row.gave_up_at is None]


def _moment() -> Moment:
    return Moment(datetime.now(UTC))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def house(api: Api, receiver: Receiver) -> Iterator[House]:
    made = House(api, receiver)
    yield made
    made.worker.stop()


def test_a_deposit_is_told_signed_with_the_code_that_no_row_holds(house: House) -> None:
    house.worker.start()
    reservation = house.reserve()
    house.tell(*deposit(reservation, 2))
    wait_for("the webhook", lambda: house.receiver.of_type("parcel.deposited"))
    told = house.receiver.of_type("parcel.deposited")[0]
    assert house.receiver.refused == 0
    data = told["data"]
    digits = pickup_code(house.api.secrets.k_codes, UUID(reservation["right_id"]), 0)
    assert data["pickup_code"] == digits[:8]
    assert data["addition"] == digits[8:]
    assert data["locker"]["address"] == "Jernbanetorget 1"
    assert data["compartment"] == 2
    assert told["timestamp"] == "2026-11-24T08:00:00Z"
    wait_for("all delivered", lambda: not house.pending())
    feed = house.carrier.get("/v1/events").json()["events"]
    assert [event["type"] for event in feed] == ["reservation.confirmed", "parcel.deposited"]
    _nowhere(house.api, digits[:8], digits)


def _nowhere(api: Api, *secrets: str) -> None:
    """Look through every row of every table."""
    with api.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                text = repr(tuple(row))
                assert not any(secret in text for secret in secrets), table.name


def test_what_failed_is_sent_again_with_the_same_id(house: House) -> None:
    house.receiver.answers = [500, 503]
    house.worker.start()
    house.reserve()
    wait_for("the first failure", lambda: len(house.receiver.answers) < 2)
    wait_for("a row of it", lambda: house.pending() and house.pending()[0].attempts == 1)
    row = house.pending()[0]
    assert row.last_status == 500
    wait_for("the second attempt", lambda: not house.receiver.answers)
    wait_for("a row of that", lambda: house.pending()[0].attempts == 2)
    assert house.pending()[0].last_status == 503
    notice_id = house.api.rows(Notice)[0].id

    def at_once(session: Any) -> None:
        session.get(Delivery, row.id).due_at = datetime.now(UTC)

    house.api.change(at_once)
    wait_for("it", house.kinds)
    assert house.receiver.deliveries[0]["headers"]["webhook-id"] == str(notice_id)


class _Slow(Receiver):
    """Holds the first delivery longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Event()
        self.release = threading.Event()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        if not self.held.is_set():
            self.held.set()
            self.release.wait(20)
            return 500
        return super().take(body, headers)


def test_an_endpoint_that_does_not_answer_is_tried_again(api: Api) -> None:
    receiver = _Slow()
    house = House(api, receiver, timeout_s=0.3)
    try:
        house.worker.start()
        house.reserve()
        wait_for("the attempt", receiver.held.is_set)
        wait_for("its time-out", lambda: house.pending() and house.pending()[0].attempts == 1)
        assert house.pending()[0].last_status is None
        wait_for("the retry", house.kinds)
        assert house.kinds() == ["reservation.confirmed"]
    finally:
        receiver.release.set()
        house.worker.stop()
        receiver.close()


def test_of_one_parcel_the_order_is_kept_and_others_do_not_wait(house: House) -> None:
    first, second = house.reserve(1), house.reserve(2)
    house.tell(*deposit(first, 1), *collect(first, 1))
    house.receiver.answers = [500]
    house.worker.start()
    wait_for("everything", lambda: len(house.kinds()) == 4)

    def of(parcel: dict[str, Any]) -> list[tuple[str, int]]:
        return [
            (delivery["type"], delivery["data"]["position"])
            for delivery in house.receiver.deliveries
            if delivery["data"]["parcel_id"] == parcel["parcel_id"]
        ]

    assert [kind for kind, _ in of(first)] == [
        "reservation.confirmed",
        "parcel.deposited",
        "parcel.collected",
    ]
    positions = [position for _, position in of(first)]
    assert positions == sorted(positions)
    assert [kind for kind, _ in of(second)] == ["reservation.confirmed"]


def test_an_endpoint_that_is_gone_is_told_nothing_more(house: House) -> None:
    house.receiver.answers = [410]
    house.worker.start()
    house.reserve(1)
    wait_for("it is disabled", lambda: house.api.rows(Subscription)[0].disabled_at)
    house.reserve(2)

    def numbered() -> bool:
        return all(row.position for row in house.api.rows(Notice))

    wait_for("positions", lambda: house.api.count(Notice) == 2 and numbered())
    assert house.api.count(Delivery) == 1
    assert house.pending() == []
    assert house.kinds() == []


def test_positions_count_per_carrier_without_holes(house: House) -> None:
    other = house.api.carrier("Sydpost")
    house.worker.start()
    house.reserve(1)
    assert reserve(other, request(7), "other").status_code == 201
    house.reserve(2)
    wait_for(
        "positions",
        lambda: (
            house.api.count(Notice) == 3 and all(row.position for row in house.api.rows(Notice))
        ),
    )
    by_carrier: dict[UUID, list[int]] = {}
    for row in house.api.rows(Notice):
        by_carrier.setdefault(row.carrier_id, []).append(row.position or 0)
    assert sorted(sorted(positions) for positions in by_carrier.values()) == [[1], [1, 2]]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest",
        "https://[::1]/hook",
        "http://example.com/hook",
        "ftp://example.com/hook",
        "no url",
    ],
)
def test_private_addresses_and_plain_http_are_refused(url: str) -> None:
    sender = Sender(allow_loopback=False)
    notice = Notice(type="x")
    outgoing = Outgoing(
        delivery_id=UUID(int=1),
        subscription_id=UUID(int=2),
        url=url,
        secret="whsec_" + "A" * 44,
        notice_id=UUID(int=3),
        notice=notice,
    )
    try:
        assert sender.send(outgoing, b"{}", datetime.now(UTC)) is None
    finally:
        sender.close()


def test_retries_take_about_three_days() -> None:
    assert RETRIES_S[0] == 1
    assert list(RETRIES_S) == sorted(RETRIES_S)
    assert 2 * 86_400 <= sum(RETRIES_S) <= 4 * 86_400


def test_a_restarted_worker_goes_on_where_the_other_was(
    house: House, settings: Settings, receiver: Receiver
) -> None:
    house.reserve(1)
    house.worker.start()
    wait_for("the first", house.kinds)
    house.worker.stop()
    house.reserve(2)
    secrets: Secrets = house.api.secrets
    again = settings.model_copy(update={"allow_loopback_webhooks": True})
    worker = Worker(again, secrets, house.api.engine)
    worker.start()
    try:
        wait_for("the second", lambda: len(house.kinds()) == 2)
    finally:
        worker.stop()
    assert receiver.refused == 0
