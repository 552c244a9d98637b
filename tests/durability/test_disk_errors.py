"""A disk that refuses: nothing is done that is not written, people are told, it serves again."""

from pathlib import Path

import apsw
import pytest

from fellesskap_edge.inbox import CodeTyped, LinkUp, Outward, Publish
from fellesskap_edge.journal import Journal, JournalUnusable
from fellesskap_edge.letterbox import Letterbox
from fellesskap_edge.outage import RETRY_S
from fellesskap_edge.state import Answer
from fellesskap_edge.waiting import FAULT, until_it_opens
from fellesskap_protocol.events import Fault, Serving
from fellesskap_protocol.messages import State, decode
from tests.durability.bad_disk import BadDisk
from tests.durability.visits import Visits

# APSW cannot hand an error on when SQLite is in the middle of answering another one.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
REFUSALS = (apsw.IOError, apsw.ReadOnlyError)
OUT_OF_ORDER = "journal: cannot be written, nothing opens"


def on(disk: BadDisk, folder: Path) -> Visits:
    """A locker on this disk, in which parcel 1 lies and parcel 2 is expected."""
    locker = Visits(1, folder, lambda path: Journal(path, vfs=disk.name))
    locker.wait(8)
    locker.announce(1)
    locker.deposit(1)
    locker.announce(2)
    return locker


def faults(locker: Visits) -> list[str]:
    return [e.what for e in locker.checker.events if isinstance(e, Fault) and e.part == "journal"]


@pytest.mark.parametrize("error", REFUSALS)
def test_on_a_read_only_disk_nothing_opens_and_everybody_is_told(
    error: type[apsw.Error], in_memory: Path
) -> None:
    disk = BadDisk()
    disk.error = error
    locker = on(disk, in_memory)
    before, pulses = locker.drive.parts.journal.head_seq, locker.unlocks
    disk.fail()
    answer = locker.collect_once(1)
    assert answer is not None
    assert (answer.outcome, answer.compartment) == ("locker_out_of_order", None)
    locker.scan("PARCEL-000002")
    locker.wait(0.5)
    told = locker.shown()
    assert told is not None
    assert (told.outcome, told.compartment) == ("locker_out_of_order", None)
    locker.command("open_door", "j1", 5)
    assert OUT_OF_ORDER in locker.states[-1].faults
    assert (locker.unlocks, locker.drive.parts.journal.head_seq) == (pulses, before)
    disk.heal()
    locker.wait(2 * RETRY_S)
    assert locker.states[-1].faults == ()
    assert faults(locker)[0].startswith("could not be written; ")
    assert faults(locker)[1] == "ok"
    locker.collect(1)
    locker.deposit(2)
    locker.verify()


@pytest.mark.parametrize("error", REFUSALS)
def test_whichever_write_of_a_start_is_refused_nothing_opens_until_it_is_not(
    error: type[apsw.Error], in_memory: Path
) -> None:
    """`tests/system/test_store_refused.py` does it with a daemon on a real read-only disk."""
    turn = 0
    while start_refused(error, in_memory / str(turn), turn):
        turn += 1
    assert turn > 3, "a start writes and syncs more than that"


def start_refused(error: type[apsw.Error], folder: Path, after: int) -> bool:
    """Start on a disk that refuses from this act on, until somebody was told; say if it did."""
    folder.mkdir()
    disk = BadDisk()
    disk.error = error
    locker = on(disk, folder)
    locker.drive.parts.journal.close()
    epoch, pulses = locker.drive.parts.journal.epoch, locker.unlocks
    inbox, said = Letterbox(), list[Outward]()
    inbox.post(LinkUp())
    inbox.post(CodeTyped("10000077", "t1"))

    def perform(effect: Outward) -> None:
        said.append(effect)
        if isinstance(effect, Answer):
            disk.heal()

    def begin() -> None:
        journal = Journal(folder / "journal.sqlite", vfs=disk.name)
        try:
            locker._start(journal)
        except JournalUnusable:
            journal.close()
            raise

    disk.fail(after)
    until_it_opens(begin, inbox, perform, lambda: None, retry_s=0.01)
    if refused := bool(said):
        state, answer = said
        assert isinstance(state, Publish)
        assert decode(State, state.payload).faults == (FAULT,)
        assert answer == Answer("t1", "locker_out_of_order")
        assert locker.unlocks == pulses
    disk.heal()
    locker.wait(2 * RETRY_S)
    assert locker.drive.parts.journal.epoch == epoch, "what is refused is not damaged"
    locker.collect(1)
    locker.deposit(2)
    locker.verify()
    locker.drive.parts.journal.close()
    return refused


def test_the_time_of_an_outage_is_not_served(in_memory: Path) -> None:
    disk = BadDisk()
    locker = on(disk, in_memory)
    disk.fail()
    locker.type_code("11112222")
    began = locker.instant.wall
    locker.wait(600)
    disk.heal()
    locker.wait(1000)
    served = [event for event in locker.checker.events if isinstance(event, Serving)]
    assert [event.to for event in served if event.from_ < began] == [began]
    assert all((e.from_ - began).total_seconds() >= 600 for e in served if e.from_ >= began)


def test_a_door_that_was_seen_open_in_an_outage_is_not_pulsed_again(in_memory: Path) -> None:
    """The disk breaks between the pulse and the opening; the door is shut before it is back."""
    disk = BadDisk()
    locker = on(disk, in_memory)
    locker.type_code("10000077")
    locker.hardware.person("take_out", locker.now_s, compartment=1, open_s=3)
    disk.fail()
    locker.wait(12)  # the authorisation would still allow a pulse
    pulses = locker.unlocks
    disk.heal()
    locker.wait(60)
    assert locker.unlocks == pulses
    locker.collect(1)
    locker.verify()


def test_a_bank_that_fell_silent_in_an_outage_is_silent_after_it(in_memory: Path) -> None:
    disk = BadDisk()
    locker = on(disk, in_memory)
    disk.fail()
    locker.type_code("11112222")
    locker.unplug_boards()
    locker.wait(30)
    disk.heal()
    locker.wait(2 * RETRY_S)
    assert locker.drive.controller.answering == frozenset()
    answer = locker.type_code("10000077")
    assert answer is not None
    assert answer.outcome == "out_of_order"


ONCE, FROM_THEN_ON = 1.0, float("inf")
full = pytest.mark.full


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "times", "every"),
    [
        pytest.param("collect", ONCE, 1),
        pytest.param("collect", FROM_THEN_ON, 4),
        pytest.param("deposit", ONCE, 4),
        pytest.param("deposit", FROM_THEN_ON, 4),
        pytest.param("collect", FROM_THEN_ON, 1, marks=full),
        pytest.param("deposit", ONCE, 1, marks=full),
        pytest.param("deposit", FROM_THEN_ON, 1, marks=full),
    ],
)
def test_whichever_write_or_sync_fails_no_pulse_is_unrecorded(
    act: str, times: float, every: int, in_memory: Path
) -> None:
    """Let the n-th act of the disk fail in one visit, for each n until the visit has no more."""
    turn = 0
    while refuse_one(act, in_memory / str(turn), turn * every, times):
        turn += 1
    assert turn * every > 20, "there is no visit without so many writes and syncs"


def refuse_one(act: str, folder: Path, after: int, times: float) -> bool:
    """Live through one visit with a failing disk, and one without; say whether it failed."""
    folder.mkdir()
    disk = BadDisk()
    locker = on(disk, folder)
    disk.fail(after, times)
    locker.collect_once(1) if act == "collect" else locker.deposit_once(2)
    refused = disk.refusals > 0
    disk.heal()
    if refused and after % 2:
        locker.restart()  # what could not be written may have been, all the same
    locker.wait(2 * RETRY_S)
    locker.verify()
    locker.collect(1)
    locker.deposit(2)
    locker.verify()
    locker.restart()
    assert locker.drive.parts.journal.found.broken is None
    locker.drive.parts.journal.close()
    return refused
