"""A log that was torn by a power cut is sound; one in which a bit flipped later is not."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.journal import Journal, Stamp
from fellesskap_edge.journal_reader import read
from fellesskap_edge.wal import HEADER, damage
from fellesskap_protocol.events import Forced
from tests.durability.times import NOW

COMMITS = 12
SECTOR = 512


def written(path: Path) -> Iterator[bytes]:
    """Commit to a journal of its own; yield its log after each commit."""
    journal = Journal(path)
    for turn in range(COMMITS):
        events = [Forced(compartment=turn) for _ in range(1 + 20 * (turn % 3))]
        stamp = Stamp(NOW, "trusted", "boot", turn)
        journal.commit(events, [], stamp, new_epoch=None if turn else "epoch")
        yield path.with_name(f"{path.name}-wal").read_bytes()
    journal.close()


@cache
def logs() -> tuple[bytes, ...]:
    """Return a log as it was after each of its commits, the last one followed by none."""
    with TemporaryDirectory() as folder:
        return tuple(written(Path(folder) / "journal.sqlite"))


def test_a_sound_log_is_sound_and_an_empty_one_too() -> None:
    assert all(len(before) < len(after) for before, after in pairwise(logs()))
    assert [damage(one) for one in (b"", *logs())] == [None] * (COMMITS + 1)


@given(st.data())
def test_every_bit_that_flips_before_the_last_commit_is_damage(data: st.DataObject) -> None:
    log, last = logs()[-1], len(logs()[-2])
    at = data.draw(st.integers(0, HEADER - 1) | st.integers(0, last - 1))
    flipped = bytearray(log)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    assert damage(bytes(flipped)) is not None


def test_every_bit_of_the_header_that_flips_is_damage() -> None:
    log = logs()[-1]
    for place in range(8 * HEADER):
        flipped = bytearray(log)
        flipped[place // 8] ^= 1 << place % 8
        assert damage(bytes(flipped)) is not None, f"bit {place}"


@given(st.data())
def test_a_commit_that_is_torn_anyhow_is_no_damage(data: st.DataObject) -> None:
    turn = data.draw(st.integers(1, COMMITS - 1))
    before, log = logs()[turn - 1], logs()[turn]
    torn = bytearray(before)
    starts = [len(before), *range((len(before) // SECTOR + 1) * SECTOR, len(log), SECTOR)]
    for start, end in pairwise((*starts, len(log))):
        if data.draw(st.booleans()):
            torn.extend(bytes(max(0, start - len(torn))))
            torn[start:end] = log[start:end]
    assert damage(bytes(torn)) is None


@given(st.integers(0, 10_000))
def test_a_log_that_ends_anywhere_is_no_damage(size: int) -> None:
    assert damage(logs()[-1][:size]) is None


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A store whose machine lost its power, and in whose log a bit has flipped."""
    path, life = tmp_path / "journal.sqlite", tmp_path / "life.sqlite"
    for log in written(life):
        left = life.read_bytes(), log
    path.write_bytes(left[0])
    flipped = bytearray(left[1])
    flipped[len(logs()[COMMITS // 2])] ^= 1
    path.with_name(f"{path.name}-wal").write_bytes(flipped)
    return path


def test_sqlite_itself_passes_over_it_in_silence(damaged: Path) -> None:
    db = apsw.Connection(str(damaged))
    assert db.pragma("integrity_check") == "ok"
    events = db.execute("SELECT max(seq) FROM events").get
    assert 0 < events < sum(1 + 20 * (turn % 3) for turn in range(COMMITS))
    db.close()


def test_a_store_with_such_a_log_is_set_aside_with_it(damaged: Path) -> None:
    log = damaged.with_name(f"{damaged.name}-wal").read_bytes()
    journal = Journal(damaged)
    assert "log is damaged" in (journal.found.broken or "")
    assert journal.found.damaged == (("store", "all of it"),)
    assert (damaged.parent / "journal.damaged-wal").read_bytes() == log
    journal.close()


def test_what_was_set_aside_before_leaves_no_log_to_what_is_set_aside_now(damaged: Path) -> None:
    Journal(damaged).close()
    damaged.write_bytes(b"no database" * 100)
    journal = Journal(damaged)
    assert (damaged.parent / "journal.damaged").read_bytes().startswith(b"no database")
    assert not (damaged.parent / "journal.damaged-wal").exists()
    journal.close()


def test_whoever_looks_into_a_copy_is_told(damaged: Path) -> None:
    assert "log is damaged" in (read(damaged).broken or "")
