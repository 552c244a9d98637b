"""The journal into the ledger: in order, once, and what each event means for the rows."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.apply import HANDLERS
from fellesskap_backend.ledger.tables import Entry, Gap
from fellesskap_backend.lockers.tables import Epoch
from fellesskap_protocol import events, messages
from fellesskap_protocol.messages import event_hash
from tests.backend.api import Api
from tests.backend.lockers import HandLocker, House, deposit


def _moment() -> Moment:
    return Moment(datetime.now(UTC))


@pytest.fixture
def house(api: Api) -> House:
    return House(api)


# Order and repeats ---------------------------------------------------------------------------


def test_a_birth_opens_the_epoch_and_is_answered_where_we_stand(house: House) -> None:
    standing = house.born(house.locker.birth(head_seq=7, generation=1, revision=3))
    assert (standing.verdict, standing.acked_seq) == ("ok", 0)
    assert standing.challenge == "challenge-1"
    row = house.row()
    assert (row.epoch, row.reported_generation, row.reported_revision) == ("epoch-1", 1, 3)
    assert (row.applied_generation, row.applied_revision) == (0, 0)
    assert row.contact_at is not None


def test_a_journal_is_recorded_exactly_as_it_was_stored(house: House) -> None:
    house.born()
    house.locker.commission(3)
    standing = house.ingest()
    assert (standing.verdict, standing.acked_seq, standing.challenge) == ("ok", 2, None)
    rows = house.api.rows(Entry)
    assert [row.body for row in rows] == house.locker.stored
    assert [row.type for row in rows] == ["store_created", "hardware_described"]
    assert house.unapplied() == {}


def test_repeats_are_skipped_and_what_follows_is_recorded(house: House) -> None:
    house.born()
    house.locker.commission(3)
    house.ingest()
    house.locker.add(events.Booted(software="0.1.0"))
    assert house.ingest().acked_seq == 3
    assert house.ingest().acked_seq == 3
    assert house.api.count(Entry) == 3


def test_other_bytes_for_what_is_recorded_are_refused(house: House) -> None:
    house.born()
    house.locker.commission(3)
    house.ingest()
    house.locker.stored[1] = house.locker.stored[1].replace(b'"digest":"d"', b'"digest":"e"')
    house.locker.add(events.Booted(software="0.1.0"))
    standing = house.ingest()
    assert (standing.verdict, standing.acked_seq) == ("refused", 2)
    assert house.api.count(Entry) == 2


def test_a_hole_is_not_recorded_and_the_answer_says_what_is_wanted(house: House) -> None:
    house.born()
    house.locker.commission(3)
    house.locker.add(events.Booted(software="0.1.0"))
    standing = house.ingest(house.locker.batch(3))
    assert (standing.verdict, standing.acked_seq) == ("ok", 0)
    assert house.api.count(Entry) == 0


@pytest.mark.parametrize("field", ["prev", "seq"])
def test_an_event_that_does_not_chain_is_refused_with_its_batch(house: House, field: str) -> None:
    house.born()
    house.locker.commission(3)
    wrong = events.stamped(
        events.Booted(software="0.1.0"),
        seq=9 if field == "seq" else 3,
        prev="1" * 64 if field == "prev" else event_hash(house.locker.stored[-1]),
    )
    house.locker.store(messages.encode(wrong))
    standing = house.ingest()
    assert (standing.verdict, standing.acked_seq) == ("refused", 0)
    assert house.api.count(Entry) == 0


def test_a_gap_is_a_row_and_the_journal_goes_on_after_it(house: House) -> None:
    house.born()
    house.locker.commission(3)
    house.ingest()
    for _ in range(5):
        house.locker.add(events.Booted(software="0.1.0"))
    gap = messages.Gap(from_=3, to=5, hash=event_hash(house.locker.stored[4]))
    assert house.ingest(house.locker.batch(6, gap=gap)).acked_seq == 7
    assert house.ingest(house.locker.batch(6, gap=gap)).acked_seq == 7
    rows = house.api.rows(Gap)
    assert [(row.first_seq, row.last_seq, row.hash) for row in rows] == [(3, 5, gap.hash)]
    assert [row.seq for row in house.api.rows(Entry)] == [1, 2, 6, 7]


def test_a_gap_further_on_than_we_stand_is_a_hole(house: House) -> None:
    house.born()
    house.locker.commission(6)
    gap = messages.Gap(from_=5, to=6, hash="0" * 64)
    assert house.ingest(house.locker.batch(7, gap=gap)).acked_seq == 0
    assert house.api.count(Gap) == 0


def test_a_new_epoch_closes_the_one_before_for_good(house: House) -> None:
    house.born()
    house.locker.commission(3)
    old = house.locker.batch()
    house.ingest(old)
    old_birth = house.locker.birth()
    house.locker.begin("epoch-2")
    house.locker.session = 2
    assert house.born().verdict == "ok"
    standing = house.ingest(old)
    assert (standing.verdict, standing.acked_seq, standing.current) == ("closed", 2, False)
    assert house.born(old_birth).verdict == "closed"
    assert house.row().epoch == "epoch-2"
    closed = {row.epoch: row.closed_at is not None for row in house.api.rows(Epoch)}
    assert closed == {"epoch-1": True, "epoch-2": False}


def test_a_message_of_an_earlier_connection_is_answered_and_steers_nothing(house: House) -> None:
    early = house.locker.birth(generation=1, revision=1)
    house.locker.session = 2
    house.born(house.locker.birth(generation=1, revision=5))
    standing = house.born(early)
    assert (standing.verdict, standing.current) == ("ok", False)
    assert house.row().reported_revision == 5


def test_a_locker_that_was_never_provisioned_is_refused(house: House) -> None:
    with pytest.raises(ledger.UnknownLocker):
        house.api.change(
            lambda session: ledger.born(
                session, "elsewhere", house.locker.birth(), moment=_moment()
            )
        )


def test_a_revoked_device_has_no_key_any_more(house: House) -> None:
    def keys() -> set[str]:
        return house.api.change(lambda session: set(ledger.keys_of(session, ["oslo-1"])["oslo-1"]))

    assert keys() == {house.locker.key.kid}
    other = HandLocker(house.api.secrets.installation)
    other.claim(house.api)
    assert keys() == {other.key.kid}


# Poison --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"from_the_future","seq":3,"prev":"%s","at":"2026-11-24T08:00:00Z"}',
        b'{"type":"booted","seq":3,"prev":"%s","software":17}',
        b"\x01 not an event",
    ],
)
def test_what_cannot_be_read_is_kept_and_the_rest_applies(house: House, body: bytes) -> None:
    house.born()
    house.locker.commission(3)
    prev = event_hash(house.locker.stored[-1]).encode()
    house.locker.store(body.replace(b"%s", prev))
    house.locker.add(events.ServiceChanged(compartment=2, from_="in", to="out", cause="dirt"))
    assert house.ingest().acked_seq == 4
    assert set(house.unapplied()) == {3}
    assert house.compartment(2).service == "out"


def test_what_fails_leaves_nothing_behind_and_the_rest_applies(house: House) -> None:
    house.born()
    house.locker.commission(3)
    house.ingest()
    stranger = {"right_id": str(uuid4()), "parcel_id": str(uuid4())}
    house.tell(
        events.Pulsed(authorisation_id="nobody's", compartment=1, attempt=1),
        *deposit(stranger, 1)[-1:],
        events.DoorOpened(compartment=99),
        events.Collected(parcel_id="x", right_id="no uuid", compartment=1, evidence="door"),
        events.ServiceChanged(compartment=3, from_="in", to="suspect", cause="x"),
    )
    assert set(house.unapplied()) == {4, 5, 6}
    assert house.unapplied()[6] == "ValueError"
    assert house.compartment(3).service == "suspect"
    assert house.compartment(1).content == "empty"


def test_every_event_type_has_a_handler() -> None:
    assert set(HANDLERS) == set(events.AnyEvent.__args__)
