"""Two transactions held open across each other: feed and webhooks lose nothing."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fellesskap_backend import db
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.events import service as feed
from fellesskap_backend.lockers import restoring
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import numbering
from tests.backend.hooks import Office, office, write_event
from tests.backend.receivers import Receivers, takes
from tests.system.house import wait_for


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers([("takes", takes)])
    yield made
    made.close()


@pytest.fixture
def house(settings: Settings) -> Iterator[Office]:
    with office(settings) as made:
        yield made


class Reader:
    """A carrier that reads its feed after what it has."""

    def __init__(self, house: Office, name: str = "Nordpost") -> None:
        self.house, self.after = house, 0
        self.seen: list[tuple[int, str]] = []
        with db.writing(house.engine) as session:
            self.carrier_id, key = carriers.add_carrier(session, name, house.moment)
        self.credentials = carriers.credentials_of(key, "events:read", house.now)

    def read(self) -> None:
        with db.reader(self.house.engine) as session:
            page = feed.feed(session, self.credentials, after=self.after, limit=100)
        self.seen += [(event["position"], event["id"]) for event in page["events"]]
        self.after = page["next"]


def test_after_a_backup_was_put_back_readers_and_endpoints_hear_what_comes_then(
    house: Office, receivers: Receivers
) -> None:
    """What this database gave after the backup it does not know: readers stand beyond it."""
    reader, quiet = Reader(house), Reader(house, "Sydpost")
    endpoint, _ = house.subscribe(reader.carrier_id, receivers.url("takes"))
    before = [house.tell(reader.carrier_id, uuid4()) for _ in range(3)]
    house.settle()
    reader.read()
    reader.after += 1_000
    quiet.after = 5
    with db.writing(house.engine) as session:
        restoring.restored(session, house.moment)
    house.settle()
    with db.reader(house.engine) as session:
        assert not numbering.needed(session), "nobody is behind what no event leads to"
    after = [house.tell(one.carrier_id, uuid4()) for one in (reader, reader, quiet)]
    house.settle()
    reader.read()
    quiet.read()
    assert [one for _, one in reader.seen] == [str(one) for one in (*before, *after[:2])]
    assert [one for _, one in quiet.seen] == [str(after[2])]
    sent = [(one.event_id, one.state) for one in house.deliveries(endpoint)]
    assert sent == [(one, "delivered") for one in (*before, *after[:2])]


def test_two_transactions_open_across_each_other_lose_nothing(
    house: Office, receivers: Receivers
) -> None:
    reader = Reader(house)
    house.subscribe(reader.carrier_id, receivers.url("takes"))
    first_moment = Moment(house.now)
    second_moment = Moment(house.now + timedelta(seconds=1))
    told: list[UUID] = []
    through = threading.Event()

    def second() -> None:
        with db.writing(house.engine) as session:
            told.append(
                write_event(
                    session, reader.carrier_id, uuid4(), "parcel.lost", moment=second_moment
                )
            )
        through.set()

    other = threading.Thread(target=second)
    with db.writer(house.engine) as session, session.begin():
        # The first has written and holds its row back, until the second is through and told.
        told.append(
            write_event(session, reader.carrier_id, uuid4(), "parcel.lost", moment=first_moment)
        )
        session.flush()
        other.start()
        if house.engine.dialect.name == "postgresql":
            assert through.wait(10)
            house.settle()
            reader.read()
            assert [position for position, _ in reader.seen] == [1]
            assert reader.seen[0][1] == str(told[1])
        else:
            reader.read()  # SQLite lets nobody else write meanwhile
            assert reader.seen == []
            assert not through.is_set()
    other.join()
    house.settle()
    reader.read()
    assert [position for position, _ in reader.seen] == [1, 2]
    assert {event for _, event in reader.seen} == {str(one) for one in told}
    wait_for("both webhooks", lambda: len(receivers["takes"].came) == 2)
    sent = [(came.told["position"], came.headers["webhook-id"]) for came in receivers["takes"].came]
    assert sorted(sent) == sorted(reader.seen), "the webhooks carry the same in the same places"


@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_facts_of_one_moment_keep_the_order_in_which_they_were_written(house: Office) -> None:
    reader, parcel = Reader(house), uuid4()
    with db.writing(house.engine) as session:
        written = []
        for _ in range(30):
            written.append(
                write_event(session, reader.carrier_id, parcel, "parcel.lost", moment=house.moment)
            )
            session.flush()
    house.settle()
    reader.read()
    assert [event for _, event in reader.seen] == [str(one) for one in written]


def test_many_writers_at_once_lose_nothing_and_leave_no_hole(
    house: Office, receivers: Receivers
) -> None:
    reader = Reader(house)
    house.subscribe(reader.carrier_id, receivers.url("takes"))

    def write() -> None:
        for _ in range(10):
            house.tell(reader.carrier_id, uuid4())

    writers = [threading.Thread(target=write) for _ in range(4)]
    for one in writers:
        one.start()

    def all_read() -> bool:
        house.round()
        reader.read()
        return len(reader.seen) == 40

    wait_for("all events", all_read)
    for one in writers:
        one.join()
    assert [position for position, _ in reader.seen] == list(range(1, 41))

    def all_sent() -> bool:
        house.round()
        return len(receivers["takes"].came) == 40

    wait_for("all webhooks", all_sent)
