"""What several lockers say at once is recorded as if each had been alone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.bridge import owed
from fellesskap_backend.bridge.exchange import Exchange, House
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.db import Moment, table_of
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.apply import MOVED
from fellesskap_backend.ledger.service import Standing, UnknownLocker
from fellesskap_backend.ledger.tables import Entry
from fellesskap_protocol import events
from fellesskap_protocol.buggify import installed
from fellesskap_protocol.messages import Batch
from fellesskap_protocol.signing import seal
from fellesskap_protocol.topics import topic
from tests.backend.api import Api, request, reserve
from tests.backend.lockers import AT, HandLocker, collect, deposit
from tests.backend.undone import COMPARING, Rows, undone

NAMES = ("oslo-1", "oslo-2", "oslo-3")
NOW = Moment(AT + timedelta(days=1))
STRANGE = ("no uuid", "nul \0 in it", str(UUID(int=7)))


@dataclass
class _Row:
    """Three lockers, two parcels expected at each."""

    api: Api
    lockers: dict[str, HandLocker]
    parcels: list[dict[str, Any]]


@pytest.fixture
def row(api: Api) -> _Row:
    """Put them up."""
    lockers = {name: HandLocker(api.secrets.installation, name) for name in NAMES}
    for one in lockers.values():
        one.claim(api)
        one.commission(4)
        _record(api, {one.locker_id: one.batch()})
    client = api.carrier()
    parcels = []
    for number, name in enumerate(NAMES * 2, start=1):
        said = reserve(client, request(number, locker_id=name), f"key-{number}")
        assert said.status_code == 201, said.text
        parcels.append(said.json())
    return _Row(api, lockers, parcels)


def _record(api: Api, batches: dict[str, Batch]) -> dict[str, Standing]:
    return api.change(
        lambda session: ledger.ingest_all(session, batches, moment=NOW, secrets=api.secrets)
    )


def _calm(row: _Row, name: str) -> st.SearchStrategy[list[events.Event]]:
    """Return visits that can be applied; a locker may speak of another's parcel at its door."""
    doors = st.integers(1, 4)
    mine = st.sampled_from([one for one in row.parcels if one["locker_id"] == name])
    return st.one_of(
        st.builds(lambda parcel, door: list(deposit(parcel, door)), mine, doors),
        st.builds(
            lambda parcel, door: list(collect(parcel, door)[:-1]),
            st.sampled_from(row.parcels),
            doors,
        ),
        st.just([events.RightsApplied(generation=1, revision=3, used={})]),
    )


def _wild(row: _Row) -> st.SearchStrategy[list[events.Event]]:
    """Return visits to whatever parcel, at doors that may not be there, by names that are none."""
    parcels, doors = st.sampled_from(row.parcels), st.integers(1, 5)
    odd = st.one_of(
        st.just(events.DoorOpened(compartment=2**40)),
        st.builds(events.DoorOpened, compartment=doors, authorisation_id=st.sampled_from(STRANGE)),
        st.builds(
            events.Collected,
            parcel_id=st.just("p"),
            right_id=st.sampled_from(STRANGE),
            compartment=doors,
            evidence=st.just("door"),
        ),
    )
    return st.one_of(
        st.builds(lambda parcel, door: list(deposit(parcel, door)), parcels, doors),
        st.builds(lambda parcel, door: list(collect(parcel, door)), parcels, doors),
        st.lists(odd, max_size=2),
    )


def _store(locker: HandLocker, visits: Iterable[Sequence[events.Event]]) -> None:
    """Store visits; at every third door events are of a type that nobody knows, nor a database."""
    for event in chain.from_iterable(visits):
        locker.add(event)
        if getattr(event, "compartment", 0) == 3:
            known = f'"{event.__struct_config__.tag}"'.encode()
            locker.stored[-1] = locker.stored[-1].replace(known, b'"of\\u0000tomorrow"')


def _world(row: _Row, *together: dict[str, Batch]) -> tuple[dict[str, Standing], Rows]:
    """Return where each locker stands, and all rows, once batches were recorded group by group."""

    def work(session: Session) -> dict[str, Standing]:
        stands: dict[str, Standing] = {}
        for batches in together:
            stands |= ledger.ingest_all(session, batches, moment=NOW, secrets=row.api.secrets)
        return stands

    stands, rows = undone(row.api.engine, work)
    return stands, {name: sorted(some, key=str) for name, some in rows.items()}


@pytest.mark.slow
@COMPARING
@given(data=st.data())
def test_lockers_that_speak_at_once_make_the_rows_that_each_makes_alone(
    row: _Row, data: st.DataObject
) -> None:
    first = {name: list(one.stored) for name, one in row.lockers.items()}
    try:
        wild = data.draw(st.sampled_from(["", "", *NAMES]))
        for name, one in row.lockers.items():
            visit = _wild(row) if name == wild else _calm(row, name)
            visits = data.draw(st.lists(visit, min_size=1, max_size=4))
            _store(one, visits)
        batches = {
            name: one.batch(data.draw(st.sampled_from([1, 2, 3, 3, 3, 4])))
            for name, one in row.lockers.items()
        }
        alone = [{name: batch} for name, batch in sorted(batches.items())]
        assert _world(row, batches) == _world(row, *alone)
    finally:
        for name, one in row.lockers.items():
            one.stored = first[name]


def test_rows_that_changed_alike_are_written_by_one_statement(row: _Row) -> None:
    for one, parcel in zip(row.lockers.values(), row.parcels, strict=False):
        one.add(*deposit(parcel))
    updates: list[tuple[str, bool]] = []

    @sa.event.listens_for(row.api.engine, "before_cursor_execute")
    def _note(*said: Any) -> None:
        statement, many = said[2], said[5]
        if statement.startswith("UPDATE"):
            updates.append((statement.split()[1].strip('"'), many))

    _record(row.api, {name: one.batch(3) for name, one in row.lockers.items()})
    sa.event.remove(row.api.engine, "before_cursor_execute", _note)
    by_rows = row.api.engine.dialect.name == "sqlite"
    moved = {table_of(model).name for model in MOVED}
    assert sorted(one for one in updates if one[0] in moved) == [
        (name, by_rows) for name in ("claims", "compartments", "parcels", "reservations", "rights")
    ]


def test_a_locker_that_nobody_knows_is_named_and_nothing_of_the_others_is_recorded(
    row: _Row,
) -> None:
    said = row.lockers["oslo-1"]
    said.add(*deposit(row.parcels[0]))
    before = row.api.count(Entry)
    with pytest.raises(UnknownLocker, match="oslo-8"):
        _record(row.api, {"oslo-1": said.batch(3), "oslo-8": said.batch(3)})
    assert row.api.count(Entry) == before


def test_the_bridge_records_the_others_when_one_cannot_be_recorded(row: _Row) -> None:
    said: list[tuple[str, bytes]] = []
    house = House(row.api.secrets, row.api.engine, lambda *one: said.append(one), lambda: NOW.now)
    for number, one in enumerate(row.lockers.values()):
        one.add(*deposit(row.parcels[number]))
    poison = HandLocker(row.api.secrets.installation, "oslo-4")
    poison.claim(row.api)
    poison.commission(1)
    poison.position = (2**40, 0)  # no column holds it: PostgreSQL says so
    senders = (poison, *row.lockers.values())
    came = [
        Came(topic(one.locker_id, "journal"), seal(one.batch(), one.key), False) for one in senders
    ]
    came.insert(2, Came("fellesskap/v1/00/none/journal", b"x", False))
    exchange = Exchange(house)
    with suppress(DBAPIError):
        exchange.take_all(came)
    assert {topic(name, "ack") for name in NAMES} <= {one for one, _ in said}
    assert exchange.refused["InvalidTopic"] == 1
    recorded = Counter(one.locker_id for one in row.api.rows(Entry))
    assert {name: recorded[name] for name in NAMES} == dict.fromkeys(NAMES, 7)


def test_a_batch_that_came_before_the_answer_to_its_first_sending_is_let_go(row: _Row) -> None:
    said: list[str] = []
    house = House(
        row.api.secrets,
        row.api.engine,
        lambda topic, _: said.append(topic),
        lambda: NOW.now,
        came=lambda: 3,  # all of the first three came before the first was answered
    )
    exchange = Exchange(house)
    one, other = row.lockers["oslo-1"], row.lockers["oslo-2"]
    one.add(*deposit(row.parcels[0]))

    def told(locker: HandLocker, number: int) -> Came:
        payload = seal(locker.batch(), locker.key)
        return Came(topic(locker.locker_id, "journal"), payload, False, number)

    def heard(*came: Came) -> Counter[str]:
        said.clear()
        exchange.take_all(came)
        return Counter(said)

    ack, keys = topic("oslo-1", "ack"), topic("oslo-1", "keys")
    assert heard(told(one, 1))[ack] == 1
    more = heard(told(one, 2), told(other, 2), told(one, 3))
    assert more[topic("oslo-2", "ack")] == 1, "another's was not answered yet"
    assert (more[ack], exchange.refused) == (0, {"answered": 2})
    lost = heard(told(one, 4))
    assert (lost[ack], lost[keys]) == (1, 1), "it did not hear the answer"


def test_an_alarm_of_a_transaction_that_is_done_again_is_heard_once(
    row: _Row, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(row.api.secrets, row.api.engine, lambda *_: None, lambda: NOW.now)
    one = row.lockers["oslo-1"]
    one.add(events.Forced(compartment=4))
    with installed(lambda point: point == "db.lost_race"):
        Exchange(house).take(Came(topic("oslo-1", "journal"), seal(one.batch(), one.key), False))
    assert len(row.api.rows(Entry)) > len(NAMES)
    assert [one for one in caplog.messages if "forced" in one] == [
        "locker oslo-1: door 4 was forced"
    ]


def test_however_many_lockers_there_are_a_bridge_that_starts_reads_them_together(api: Api) -> None:
    """One by one a country's took minutes, in which it heard nobody and could not be ended."""
    told = []
    for count in (2, 20):
        for number in range(count):
            api.locker(f"many-{count}-{number}", doors=1)
        read: list[str] = []
        house = House(api.secrets, api.engine, lambda *_: None, lambda: NOW.now)
        with db.reader(api.engine) as session:
            assert len(owed.wishes(session, ())) >= count
        sa.event.listen(api.engine, "before_cursor_execute", _noting(read))
        Exchange(house).poll()
        told.append(len(read))
    assert told[0] == told[1] > 0


def _noting(read: list[str]) -> Any:
    return lambda _connection, _cursor, statement, *_: read.append(statement)
