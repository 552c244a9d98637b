"""Looking into a store: beside the daemon, without a trace, and with an eye for damage."""

from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from fellesskap_edge.facts import KeysFact, Place
from fellesskap_edge.journal import Journal, JournalUnusable, Stamp
from fellesskap_edge.journal_reader import read
from fellesskap_edge.state import Keep
from fellesskap_protocol.events import Booted, Forced

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMP = Stamp(NOW, "trusted", "boot", 1000)


def written(path: Path) -> Journal:
    journal = Journal(path)
    keys = Keep("keys", "newest", KeysFact(b"SECRET-LOOKING"))
    journal.commit([Booted(software="1")], [keys], STAMP, new_epoch="e1")
    journal.commit([Forced(compartment=2)], [Keep("place", "2", Place("parcel"))], STAMP)
    return journal


def test_a_store_in_use_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = written(path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    report = read(path)
    rows = list(report.events)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before
    journal.commit([Forced(compartment=3)], [], STAMP)
    journal.close()
    assert (report.epoch, report.oldest_seq, report.head_seq) == ("e1", 1, 2)
    assert (report.broken, report.damaged) == (None, ())
    assert report.facts == {"keys": 1, "place": 1}
    assert [(row.seq, row.at, row.type) for row in rows] == [(1, NOW, "booted"), (2, NOW, "forced")]
    assert rows[1].said == {"compartment": 2, "since_last_pulse_ms": None}
    assert "SECRET" not in f"{report} {rows}"


def test_damage_is_told_and_the_rows_are_shown_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    written(path).close()
    db = apsw.Connection(str(path))
    db.execute("UPDATE events SET body = x'7b7d' WHERE seq = 1")
    db.execute("UPDATE facts SET key = '3' WHERE kind = 'place'")
    db.close()
    report = read(path)
    assert (report.broken or "").startswith("event 1: ")
    assert report.damaged == (("place", "3"),)
    assert [row.type for row in report.events] == ["unreadable", "forced"]


def test_a_file_that_is_no_store_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database at all" * 1000)
    report = read(path)
    assert report.broken == "file is not a database"
    assert list(report.events) == []


def test_no_store_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match=r"journal\.sqlite: No such file"):
        read(tmp_path / "journal.sqlite")
