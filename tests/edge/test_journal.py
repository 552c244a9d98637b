"""The store: durable, chained, verified; damage is found and answered on the safe side."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.facts import Consumed, Place, Position
from fellesskap_edge.journal import Journal, JournalUnusable, Stamp
from fellesskap_edge.state import Forget, Keep
from fellesskap_protocol.events import GENESIS, Booted, Deposited, Forced
from fellesskap_protocol.messages import decode_event, event_hash

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMP = Stamp(NOW, "trusted", "boot", 1000)


def made(folder: Path, events: int = 3) -> Path:
    path = folder / "journal.sqlite"
    journal = Journal(path)
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="e1")
    for number in range(2, events + 1):
        keep = Keep("place", str(number), Place("parcel"))
        journal.commit([Forced(compartment=number)], [keep], STAMP)
    journal.close()
    return path


def test_events_are_numbered_chained_and_read_back(tmp_path: Path) -> None:
    journal = Journal(made(tmp_path))
    assert (journal.epoch, journal.head_seq, journal.oldest_seq) == ("e1", 3, 1)
    prev = GENESIS
    for seq, body in enumerate(journal.read(1, 10), start=1):
        event = decode_event(body)
        assert (event.seq, event.prev, event.at, event.boot_id) == (seq, prev, NOW, "boot")
        prev = event_hash(body)
    assert prev == journal.head_hash
    assert journal.found.last_trusted == NOW
    assert journal.found.facts["place", "2"] == Place("parcel")


def test_facts_are_replaced_and_forgotten(tmp_path: Path) -> None:
    path = made(tmp_path)
    journal = Journal(path)
    changes: list[Keep | Forget] = [Keep("place", "2", Place("empty")), Forget("place", "3")]
    journal.commit([], changes, STAMP)
    journal.close()
    assert Journal(path).found.facts == {("place", "2"): Place("empty")}


def test_a_new_epoch_begins_at_one_and_sets_the_old_events_aside(tmp_path: Path) -> None:
    path = made(tmp_path)
    journal = Journal(path)
    journal.commit([Booted(software="2")], [], STAMP, new_epoch="e2")
    assert (journal.epoch, journal.head_seq) == ("e2", 1)
    journal.close()
    aside = apsw.Connection(str(path)).execute("SELECT epoch, seq FROM closed_events").fetchall()
    assert aside == [("e1", 1), ("e1", 2), ("e1", 3)]


def test_a_new_epoch_remembers_the_newest_trusted_time(tmp_path: Path) -> None:
    path = made(tmp_path)
    unsure = replace(STAMP, clock="untrusted", at=NOW - timedelta(days=3653))
    for epoch in ("e2", "e3"):
        journal = Journal(path)
        journal.commit([Booted(software="2")], [], unsure, new_epoch=epoch)
        journal.close()
    journal = Journal(path)
    assert (journal.epoch, journal.found.last_trusted) == ("e3", NOW)
    journal.close()
    db = apsw.Connection(str(path))
    db.execute("UPDATE store SET value = replace(value, '20', '30') WHERE name = 'trusted'")
    db.close()
    assert Journal(path).found.last_trusted is None, "damage is not believed"


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    first = Journal(made(tmp_path))
    with pytest.raises(JournalUnusable, match="another daemon"):
        Journal(tmp_path / "journal.sqlite")
    first.close()


@given(data=st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = made(tmp_path_factory.mktemp("flip"), events=5)
    whole = Journal(path)
    before = (list(whole.read(1, 10)), whole.found.facts)
    whole.close()
    stored = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(stored)
    try:
        flipped = Journal(path)
    except JournalUnusable:
        return  # found: nothing opens on a store that the disk refuses
    found = flipped.found
    told = found.broken or found.damaged or flipped.epoch != "e1"
    # A broken history is never read again: a new epoch begins.
    same = bool(told) or (list(flipped.read(1, 10)), found.facts) == before
    flipped.close()
    assert same


def test_a_changed_event_breaks_the_chain(tmp_path: Path) -> None:
    path = made(tmp_path)
    db = apsw.Connection(str(path))
    body = db.execute("SELECT body FROM events WHERE seq = 2").get
    db.execute("UPDATE events SET body = ? WHERE seq = 2", (body.replace(b":2", b":3"),))
    db.close()
    assert Journal(path).found.broken == "event 2 does not follow the one before"


def test_a_missing_event_breaks_the_chain(tmp_path: Path) -> None:
    path = made(tmp_path)
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM events WHERE seq = 2")
    db.close()
    assert Journal(path).found.broken == "event 3 does not follow the one before"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET body = CAST(replace(body, 't\":3', 't\":4') AS BLOB) WHERE seq = 3",
        "DELETE FROM events WHERE seq = 3",
        "UPDATE store SET value = 'e1' WHERE name = 'head'",
    ],
)
def test_damage_to_the_last_event_is_found_though_none_follows_it(
    tmp_path: Path, damage: str
) -> None:
    path = made(tmp_path)
    db = apsw.Connection(str(path))
    db.execute(damage)
    assert db.changes() == 1
    db.close()
    assert "is not the one that was written last" in (Journal(path).found.broken or "")


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database at all" * 1000)
    journal = Journal(path)
    assert journal.found.broken is not None
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="e1")
    journal.close()
    assert path.with_suffix(".damaged").exists()
    assert Journal(path).found.broken is None


def test_a_damaged_fact_is_named_and_dropped(tmp_path: Path) -> None:
    path = made(tmp_path)
    db = apsw.Connection(str(path))
    db.execute("UPDATE facts SET key = '9' WHERE key = '2'")
    db.close()
    found = Journal(path).found
    assert found.damaged == (("place", "9"),)
    assert set(found.facts) == {("place", "3")}


def test_acknowledged_events_go_after_thirty_days_but_never_the_newest(tmp_path: Path) -> None:
    path = made(tmp_path)
    journal = Journal(path)
    journal.prune(3, NOW + timedelta(days=29))
    assert journal.oldest_seq == 1
    journal.prune(3, NOW + timedelta(days=31))
    assert (journal.oldest_seq, len(journal.read(1, 9))) == (3, 1)
    journal.close()
    again = Journal(path)
    assert (again.found.broken, again.head_seq, again.oldest_seq) == (None, 3, 3)


def test_for_want_of_room_acknowledged_events_go_sooner_and_custody_last(tmp_path: Path) -> None:
    """Neither what is not acknowledged, nor what a door's contents rest on while other can go."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, bytes_max=100_000)
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="e1")
    for number in range(40):
        laid = Deposited(parcel_id=f"p{number}", carrier_id="c", compartment=1, evidence="door")
        journal.commit([laid, Booted(software="x" * 5000)], [], STAMP)
    journal.prune(60, NOW)
    assert journal.oldest_seq == 61, "what is not acknowledged stays, too large or not"
    kept = "SELECT count(*) FROM closed_events"
    assert journal._db.execute(kept).get == 30
    journal.close()
    journal = Journal(path, bytes_max=10_000)
    journal.prune(60, NOW)
    assert journal._db.execute(kept).get == 0, "there is nothing else to drop"
    assert (journal.found.broken, journal.oldest_seq, journal.head_seq) == (None, 61, 81)
    assert journal.pruned_hash == decode_event(journal.read(61, 1)[0]).prev
    journal.close()


def test_custody_that_went_for_room_is_kept_its_thirty_days(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, bytes_max=1)
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="e1")
    laid = Deposited(parcel_id="p", carrier_id="c", compartment=1, evidence="door")
    journal.commit([laid, Booted(software="2")], [], STAMP)
    journal.prune(3, NOW)
    kept = "SELECT count(*) FROM closed_events"
    assert (journal.oldest_seq, journal._db.execute(kept).get) == (3, 1)
    journal.close()
    journal = Journal(path)
    journal.prune(3, NOW + timedelta(days=29))
    assert journal._db.execute(kept).get == 1
    journal.prune(3, NOW + timedelta(days=31))
    assert journal._db.execute(kept).get == 0
    journal.close()


def test_a_long_backlog_goes_in_pieces(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="e1")
    journal.commit([Booted(software="1")] * 700, [], STAMP)
    later = NOW + timedelta(days=31)
    assert journal.prune(701, later)
    assert journal.oldest_seq == 501
    assert not journal.prune(701, later)
    assert journal.oldest_seq == 701
    journal.close()


def test_a_commit_that_fails_stores_nothing(tmp_path: Path) -> None:
    path = made(tmp_path)
    journal = Journal(path)
    journal._db.execute("PRAGMA query_only = 1")
    with pytest.raises(JournalUnusable):
        journal.commit([Booted(software="3")], [Keep("position", "rights", Position(1, 1))], STAMP)
    assert journal.head_seq == 3
    journal.close()
    again = Journal(path)
    assert again.head_seq == 3
    assert ("position", "rights") not in again.found.facts


def test_every_kind_of_fact_survives(tmp_path: Path) -> None:
    journal = Journal(made(tmp_path))
    consumed = Consumed(NOW, "done")
    journal.commit([], [Keep("consumed", "jti", consumed)], STAMP)
    journal.close()
    assert Journal(tmp_path / "journal.sqlite").found.facts["consumed", "jti"] == consumed
