"""A store that is lost, went back in time, was copied, or had its old rows dropped."""

import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path

from fellesskap_protocol.events import GENESIS, CustodyReported, StoreCreated
from tests.durability.ledger import Epoch
from tests.durability.visits import Visits


def living(folder: Path, parcels: int = 1) -> Visits:
    """A locker with so many parcels in it."""
    folder.mkdir(exist_ok=True)
    locker = Visits(1, folder)
    locker.wait(8)
    for number in range(1, parcels + 1):
        locker.announce(number)
        locker.deposit(number)
    return locker


def save(locker: Visits, folder: Path) -> Path:
    """Copy the store, as a technician copies a card."""
    locker.drive.parts.journal.close()
    copy = folder / "copy"
    copy.mkdir()
    shutil.copy(folder / "journal.sqlite", copy)
    locker._boot()
    locker.wait(20)
    return copy / "journal.sqlite"


def put_back(locker: Visits, folder: Path, copy: Path) -> None:
    """Start from an older copy."""
    locker.drive.parts.journal.close()
    shutil.copy(copy, folder / "journal.sqlite")
    locker._boot()


def reasons(locker: Visits) -> list[str]:
    """Why each epoch that the ledger knows began."""
    epochs = locker.backend.epochs.values()
    firsts = [epoch.events[0] for epoch in epochs if epoch.events]
    return [first.reason for first in firsts if isinstance(first, StoreCreated)]


def custody(epoch: Epoch) -> list[tuple[int, str, bool]]:
    reports = [event for event in epoch.events if isinstance(event, CustodyReported)]
    return [(one.compartment, one.parcel_id, one.complete) for one in reports]


def test_a_lost_store_begins_anew_and_serves_when_the_rights_are_back(in_memory: Path) -> None:
    locker = living(in_memory)
    locker.drive.parts.journal.close()
    for one in in_memory.glob("journal.sqlite*"):
        one.unlink()
    locker._boot()
    assert {place.content for place in locker.drive.controller.places.values()} == {"unknown"}
    answer = locker.type_code("10000077")
    assert answer is not None
    assert answer.outcome == "long_code_needed", "who takes the store away gains no tries"
    locker.wait(30)
    assert reasons(locker) == ["commissioned", "lost"]
    assert custody(locker.backend.open_epoch) == [(0, "", True)], "it knows of nothing, and says so"
    locker.collect(1)
    locker.verify()
    locker.drive.parts.journal.close()


def test_a_store_that_went_back_tells_what_it_believes_to_hold(in_memory: Path) -> None:
    locker = living(in_memory, parcels=2)
    copy = save(locker, in_memory)
    locker.collect(1)
    locker.wait(30)
    put_back(locker, in_memory, copy)
    locker.wait(60)
    assert reasons(locker) == ["commissioned", "went_back"]
    held = custody(locker.backend.open_epoch)
    assert held == [(1, "parcel-000001", False), (2, "parcel-000002", True)]
    locker.collect(2)
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def test_an_empty_store_that_went_back_says_that_it_holds_nothing(in_memory: Path) -> None:
    locker = living(in_memory, parcels=0)
    copy = save(locker, in_memory)
    locker.type_code("11112222")
    locker.wait(30)
    put_back(locker, in_memory, copy)
    locker.wait(60)
    assert reasons(locker) == ["commissioned", "went_back"]
    assert custody(locker.backend.open_epoch) == [(0, "", True)]
    locker.drive.parts.journal.close()


def test_a_store_that_went_back_and_wrote_on_offline_is_found_by_its_hashes(
    in_memory: Path,
) -> None:
    """Its head is above what the ledger knows: only the refusal tells."""
    locker = living(in_memory)
    copy = save(locker, in_memory)
    locker.type_code("11112222")
    locker.wait(30)
    put_back(locker, in_memory, copy)
    for turn in range(30):
        locker.type_code(f"1111{turn:04d}")
    assert locker.drive.parts.journal.head_seq > locker.backend.open_epoch.acked
    locker.wait(60)
    assert reasons(locker) == ["commissioned", "went_back"]
    assert custody(locker.backend.open_epoch) == [(1, "parcel-000001", True)]
    locker.collect(1)
    locker.verify()
    locker.drive.parts.journal.close()


def test_two_lockers_of_one_card_both_serve_what_they_hold(in_memory: Path) -> None:
    locker = living(in_memory)
    copy = save(locker, in_memory)
    (in_memory / "twin").mkdir()
    shutil.copy(copy, in_memory / "twin" / "journal.sqlite")
    twin = Visits(1, in_memory / "twin")
    twin.now_s, twin.backend, twin._ids = locker.now_s, locker.backend, count(10**6)
    twin.restart()
    twin.hardware.plant.locks[1].full = True
    for turn in range(3):
        for one in (locker, twin):
            one.wait(30)
            one.type_code(f"1111222{turn}")
            one.wait(30)
    assert reasons(locker)[:2] == ["commissioned", "went_back"]
    assert len(locker.backend.epochs) >= 3, "by this the backend knows a clone"
    for one in (locker, twin):
        one.collect_once(1)
        assert "parcel-000001" in one.checker.collected
        one.drive.parts.journal.close()


def test_rows_asked_for_and_gone_are_a_gap_and_the_rest_follows(in_memory: Path) -> None:
    """The backend was restored from an old copy; the locker has dropped rows meanwhile."""
    locker = living(in_memory)
    locker.wait(30)
    journal = locker.drive.parts.journal
    epoch = locker.backend.open_epoch
    month = locker.instant.wall + timedelta(days=31)
    locker.drive.parts.journal.prune(6, month)
    assert journal.oldest_seq == 7
    locker.restart()
    before = dict(epoch.hashes)
    epoch.acked, epoch.last_hash, epoch.hashes = 2, before[2], {1: before[1], 2: before[2]}
    locker.type_code("11112222")
    locker.wait(60)
    assert [(gap.from_, gap.to, gap.hash) for gap in epoch.gaps] == [(3, 6, before[6])]
    assert epoch.acked == locker.drive.parts.journal.head_seq
    assert len(locker.backend.epochs) == 1
    locker.drive.parts.journal.close()


def test_a_backend_that_lost_everything_gets_what_is_left(in_memory: Path) -> None:
    locker = living(in_memory)
    locker.wait(30)
    locker.drive.parts.journal.prune(4, locker.instant.wall + timedelta(days=31))
    epoch = locker.backend.open_epoch
    epoch.acked, epoch.last_hash, epoch.hashes = 0, GENESIS, {}
    locker.partition(1)
    locker.type_code("11112222")
    locker.wait(60)
    assert [(gap.from_, gap.to) for gap in epoch.gaps] == [(1, 4)]
    assert epoch.acked == locker.drive.parts.journal.head_seq
    locker.drive.parts.journal.close()
