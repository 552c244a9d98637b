"""What is sent when, at what pause, in which order: real sockets, the time of the test."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from fellesskap_backend import db
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import outbox
from fellesskap_backend.webhooks.machine import JITTER, PAUSES_S
from tests.backend.hooks import Office, office
from tests.backend.receivers import Receivers, answers, hangs, takes
from tests.system.house import wait_for

DAY = timedelta(days=1)
TOGETHER = 40
"""Events of as many parcels that fail at one moment."""


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers([("good", takes), ("ill", answers), ("stuck", hangs)])
    yield made
    made.close()


@pytest.fixture
def house(settings: Settings) -> Iterator[Office]:
    with office(settings) as made:
        yield made


def test_who_answers_500_for_a_day_gets_all_that_day_in_order(
    house: Office, receivers: Receivers
) -> None:
    carrier = house.carrier()
    ill, _ = house.subscribe(carrier, receivers.url("ill"))
    good, _ = house.subscribe(carrier, receivers.url("good"))
    parcels = [uuid4() for _ in range(3)]
    begun = house.now
    for hour in range(4):
        house.now = begun + timedelta(hours=hour)
        for parcel in parcels:
            house.tell(carrier, parcel)
        house.settle()
    house.pass_time(begun + DAY)
    of_the_day = len(receivers["ill"].came)
    heads = {came.headers["webhook-id"] for came in receivers["ill"].came}
    assert len(heads) == len(parcels), "only the first of each parcel was tried"
    assert [row.state for row in house.deliveries(good)] == ["delivered"] * 12

    receivers["ill"].status = 204
    house.pass_time(begun + 2 * DAY)
    assert [row.state for row in house.deliveries(ill)] == ["delivered"] * 12
    taken = receivers["ill"].told()[of_the_day:]
    assert len(taken) == 12
    for parcel in parcels:
        positions = [one["position"] for one in taken if one["data"]["parcel_id"] == str(parcel)]
        assert positions == sorted(positions)
        assert len(positions) == 4


def test_attempts_come_at_the_pauses_of_the_table_and_end_as_a_dead_letter(
    house: Office, receivers: Receivers
) -> None:
    carrier, parcel = house.carrier(), uuid4()
    ill, _ = house.subscribe(carrier, receivers.url("ill"))
    house.tell(carrier, parcel)
    house.tell(carrier, parcel)
    house.settle()
    times = [house.now]
    while house.deliveries(ill)[0].state == "due":
        due = house.next_due()
        assert due is not None
        house.now = due
        times.append(due)
        house.settle()
    pauses = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert len(pauses) == len(PAUSES_S)
    for pause, planned in zip(pauses, PAUSES_S, strict=True):
        assert planned <= pause <= planned * (1 + JITTER) + 0.001
    first, second = house.deliveries(ill)
    assert (first.state, first.attempts, first.last_status) == ("dead", len(PAUSES_S) + 1, 500)
    assert (second.state, second.attempts) == ("due", 1), "its turn has come"
    assert len({came.headers["webhook-id"] for came in receivers["ill"].came}) == 2


def test_what_failed_together_does_not_come_back_together(
    house: Office, receivers: Receivers
) -> None:
    carrier = house.carrier()
    ill, _ = house.subscribe(carrier, receivers.url("ill"))
    for _ in range(TOGETHER):
        house.tell(carrier, uuid4())
    house.settle()
    assert len(receivers["ill"].came) == TOGETHER
    due = [row.due_at for row in house.deliveries(ill) if row.due_at is not None]
    assert len(due) == TOGETHER
    pauses = [(at - house.now).total_seconds() for at in due]
    longest = PAUSES_S[0] * (1 + JITTER)
    assert all(PAUSES_S[0] <= pause <= longest + 0.001 for pause in pauses)
    # By chance alone: all in one half of what is allowed once in 2 ** 38.
    assert len(set(pauses)) > TOGETHER / 2
    middle = (PAUSES_S[0] + longest) / 2
    assert min(pauses) < middle < max(pauses)


def test_failed_delivery_holds_back_its_parcel_alone(house: Office, receivers: Receivers) -> None:
    carrier, poisoned, other = house.carrier(), uuid4(), uuid4()
    ill, _ = house.subscribe(carrier, receivers.url("ill"))
    house.tell(carrier, poisoned)
    house.settle()
    receivers["ill"].status = 204
    for parcel in (poisoned, other, other):
        house.tell(carrier, parcel)
    house.settle()
    assert [row.state for row in house.deliveries(ill)] == ["due", "waiting", *["delivered"] * 2]
    house.pass_time(house.now + timedelta(seconds=10))
    assert {row.state for row in house.deliveries(ill)} == {"delivered"}
    told = [one["position"] for one in receivers["ill"].told()]
    assert told == [1, 3, 4, 1, 2]


def test_one_that_hangs_never_slows_another(settings: Settings, receivers: Receivers) -> None:
    with office(settings, timeout_s=600) as house:
        carrier = house.carrier()
        house.subscribe(carrier, receivers.url("stuck"))
        good, _ = house.subscribe(carrier, receivers.url("good"))
        for _ in range(30):
            house.tell(carrier, uuid4())

        def through() -> bool:
            house.round()
            return len(receivers["good"].came) == 30

        wait_for("the other has all", through)
        assert len(receivers["stuck"].came) == 1, "a new endpoint has one place"
        assert house.delivering.under_way >= 1
        assert len(house.deliveries(good)) == 30


def test_what_was_under_way_at_a_crash_is_sent_again_with_its_id(
    house: Office, receivers: Receivers
) -> None:
    carrier = house.carrier()
    subscription, _ = house.subscribe(carrier, receivers.url("stuck"))
    event = house.tell(carrier, uuid4())
    house.round()
    wait_for("it is under way", lambda: receivers["stuck"].came)
    again = house.another()
    again.start()
    try:
        again.round(house.moment)
        wait_for("it is sent again", lambda: len(receivers["stuck"].came) == 2)
    finally:
        again.stop(house.moment)
    ids = {came.headers["webhook-id"] for came in receivers["stuck"].came}
    assert ids == {str(event)}
    assert house.deliveries(subscription)[0].state == "due"


def test_events_of_other_types_are_not_sent(house: Office, receivers: Receivers) -> None:
    carrier, parcel = house.carrier(), uuid4()
    some, _ = house.subscribe(carrier, receivers.url("good"), ["parcel.lost"])
    for kind in ("parcel.deposited", "parcel.lost", "parcel.collected"):
        house.tell(carrier, parcel, kind)
    house.settle()
    assert [row.type for row in house.deliveries(some)] == ["parcel.lost"]
    assert [one["type"] for one in receivers["good"].told()] == ["parcel.lost"]


def test_what_has_ended_is_forgotten_in_time(house: Office, receivers: Receivers) -> None:

    carrier = house.carrier()
    good, _ = house.subscribe(carrier, receivers.url("good"))
    ill, _ = house.subscribe(carrier, receivers.url("ill"))
    house.tell(carrier, uuid4())
    house.settle()
    house.pass_time(house.now + 4 * DAY)
    assert [row.state for row in house.deliveries(ill)] == ["dead"]

    def forget() -> int:
        return db.run(house.engine, lambda session: outbox.prune(session, house.now))

    assert forget() == 0
    house.now += 4 * DAY
    assert forget() == 1
    assert (len(house.deliveries(good)), len(house.deliveries(ill))) == (0, 1)
    house.now += 30 * DAY
    assert forget() == 1
    assert forget() == 0
