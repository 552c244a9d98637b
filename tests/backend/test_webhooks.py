"""Webhooks over real HTTP: signed, retried, in order, and no code in any row."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.schema import metadata
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import service, signing
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_backend.worker import Worker
from fellesskap_protocol.codes import pickup_code
from tests.backend.api import Api, request, reserve
from tests.backend.event_models import is_alike
from tests.backend.lockers import HandLocker, collect, deposit
from tests.system.house import wait_for
from tests.system.receiver import Receiver

pytestmark = pytest.mark.slow


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
            wish = service.Wish(frozenset(), receiver.url)
            made = service.add(session, carrier_id, wish, moment=_moment())
            return key, signing.secret(api.secrets.k_codes, made.id, 1)

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
        return [row for row in rows if row.ended_at is None]

    def at_once(self) -> None:
        """Let what is due later be due now."""

        def hurry(session: Any) -> None:
            session.execute(
                update(Delivery)
                .where(Delivery.due_at.is_not(None))
                .values(due_at=datetime.now(UTC))
            )

        self.api.change(hurry)
        self.worker.wake()


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
    codes = f"/v1/parcels/{reservation['parcel_id']}/pickup-codes"
    (code,) = house.carrier.get(codes).json()["pickup_codes"]
    assert data["qr"] == house.carrier.get(f"{codes}/{code['id']}").json()["qr"]
    assert data["locker"]["address"] == "Jernbanetorget 1"
    assert data["compartment"] == 2
    assert told["timestamp"] == "2026-11-24T08:00:00Z"
    wait_for("all delivered", lambda: not house.pending())
    feed = house.carrier.get("/v1/events").json()["events"]
    assert [event["type"] for event in feed] == ["reservation.confirmed", "parcel.deposited"]
    _nowhere(house.api, digits[:8], digits)


def test_every_webhook_is_the_event_of_the_feed_but_for_the_code(house: House) -> None:
    first, second, third = (house.reserve(number) for number in (1, 2, 3))
    path = f"/v1/reservations/{third['id']}"
    tag = house.carrier.get(path).headers["ETag"]
    house.carrier.patch(path, json={"collect_within": "P9D"}, headers={"If-Match": tag})
    house.carrier.delete(path)
    parcels = [f"/v1/parcels/{one['parcel_id']}" for one in (first, second)]
    house.tell(*deposit(first, 1), *deposit(second, 2))
    house.worker.start()
    wait_for("the deposits", lambda: house.kinds().count("parcel.deposited") == 2)
    house.carrier.post(f"{parcels[0]}/extend", json={"collect_within": "P9D"})
    house.carrier.post(f"{parcels[0]}/pickup-codes", json={"reference": "neighbour"})
    house.carrier.post(f"{parcels[1]}/recall")
    house.carrier.post(f"{parcels[1]}/dispute", json={"reason": "It is wet."})
    house.tell(*collect(first, 1))
    house.worker.wake()
    wait_for("the end", lambda: house.receiver.of_type("parcel.collected"))
    wait_for("all delivered", lambda: not house.pending())
    feed = {one["id"]: one for one in house.carrier.get("/v1/events").json()["events"]}
    told = {one["headers"]["webhook-id"]: one for one in house.receiver.deliveries}
    assert told.keys() == feed.keys()
    assert len({one["type"] for one in feed.values()}) == 9
    for event_id, body in told.items():
        sent = {name: body[name] for name in body if name not in ("headers", "received_at")}
        assert is_alike(feed[event_id], sent), (feed[event_id], sent)
        assert feed[event_id]["version"] == 1


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
    wait_for("a row of the first", lambda: house.pending() and house.pending()[0].attempts == 1)
    assert house.pending()[0].last_status == 500
    house.at_once()
    wait_for("a row of the second", lambda: house.pending()[0].attempts == 2)
    assert house.pending()[0].last_status == 503
    house.at_once()
    wait_for("it", house.kinds)
    notice_id = house.api.rows(Notice)[0].id
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
        row = house.pending()[0]
        assert (row.last_status, row.last_error) == (None, "timeout")
        house.at_once()
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
    wait_for("the failure", lambda: not house.receiver.answers)
    wait_for("the others", lambda: len(house.kinds()) == 1)
    assert house.receiver.deliveries[0]["data"]["parcel_id"] in (
        first["parcel_id"],
        second["parcel_id"],
    )

    def everything() -> bool:
        house.at_once()
        return len(house.kinds()) == 4

    wait_for("everything", everything)

    def of(parcel: dict[str, Any]) -> list[tuple[str, int]]:
        return [
            (delivery["type"], delivery["position"])
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


def test_an_endpoint_that_is_gone_is_told_nothing_more_and_its_carrier_hears(
    house: House,
) -> None:
    house.receiver.answers = [410]
    house.worker.start()
    house.reserve(1)
    wait_for("it is gone", lambda: house.api.rows(Subscription)[0].state == "gone")
    house.reserve(2)

    def told() -> list[str]:
        return [event["type"] for event in house.carrier.get("/v1/events").json()["events"]]

    wait_for("the feed", lambda: len(told()) == 3)
    assert sorted(told()) == ["reservation.confirmed", "reservation.confirmed", "webhook.disabled"]
    assert house.api.count(Delivery) == 1
    assert house.kinds() == []
    path = f"/v1/webhook-subscriptions/{house.api.rows(Subscription)[0].id}"
    tag = house.carrier.get(path).headers["ETag"]
    again = house.carrier.patch(path, json={"state": "active"}, headers={"If-Match": tag})
    assert again.json()["state"] == "active"
    house.at_once()
    wait_for("all of it", lambda: len(house.kinds()) == 3)
    assert sorted(house.kinds()) == sorted(told()), "nothing was left out"


def test_a_code_that_opens_nothing_any_more_is_left_out(house: House) -> None:
    reservation = house.reserve()
    house.tell(*deposit(reservation, 2), *collect(reservation, 2))
    house.worker.start()
    wait_for("all", lambda: len(house.kinds()) == 3)
    deposited = house.receiver.of_type("parcel.deposited")[0]["data"]
    assert not {"pickup_code", "addition", "qr"} & set(deposited)


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
