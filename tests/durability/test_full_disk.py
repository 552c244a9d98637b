"""A full disk: pickups use the room set aside, deposits wait, everybody is told."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fellesskap_edge.ballast import BALLAST_BYTES, Ballast
from fellesskap_edge.journal import Journal
from fellesskap_edge.keeping import FULL, HOUSE_S
from fellesskap_protocol.events import Fault
from tests.durability.bad_disk import BadDisk
from tests.durability.visits import Visits

SIZE_BYTES = 2 * 1024 * 1024
BALLAST = SIZE_BYTES // 4
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Room:
    """A disk of 2 MiB, simulated (`quota`) or real (`tmpfs`), and what else lies on it."""

    def __init__(self, folder: Path, disk: BadDisk | None) -> None:
        self.folder = folder
        self.disk = disk
        self._other = folder / "other-program.log"

    def open(self, path: Path) -> Journal:
        """Open a store with its ballast."""
        if self.disk is None:
            return Journal(path, Ballast(path.with_suffix(".ballast"), BALLAST))
        ballast = Ballast(path.with_suffix(".ballast"), BALLAST, self.disk.free)
        return Journal(path, ballast, vfs=self.disk.name)

    def fill(self) -> None:
        """Let another program take all that is left."""
        if self.disk is not None:
            self.disk.size_bytes = sum(one.stat().st_size for one in self.folder.iterdir())
            return
        with self._other.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def clear(self) -> None:
        """Let it give the room back."""
        self._other.unlink(missing_ok=True)
        if self.disk is not None:
            self.disk.size_bytes = SIZE_BYTES


def mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "fellesskap", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def kinds() -> list[str]:
    """A real full disk too, where we may mount one."""
    with TemporaryDirectory(prefix="fellesskap-mount-") as probe:
        if os.geteuid() or not mounted(Path(probe)):
            return ["quota"]
        subprocess.run(["umount", probe], check=True)
    return ["quota", "tmpfs"]


@pytest.fixture(params=kinds())
def room(request: pytest.FixtureRequest, in_memory: Path) -> Iterator[Room]:
    folder = in_memory / "disk"
    folder.mkdir()
    if request.param == "quota":
        disk = BadDisk()
        disk.size_bytes = SIZE_BYTES
        yield Room(folder, disk)
        return
    assert mounted(folder)
    yield Room(folder, None)
    subprocess.run(["umount", str(folder)], check=True)


def said(locker: Visits) -> list[str]:
    return [e.what for e in locker.checker.events if isinstance(e, Fault) and e.part == "disk"]


def test_on_a_full_disk_pickups_go_on_and_deposits_wait(room: Room) -> None:
    locker = Visits(1, room.folder, room.open)
    locker.wait(8)
    for number in (1, 2):
        locker.announce(number)
        locker.deposit(number)
    locker.announce(3)
    room.fill()
    locker.collect(1)
    assert not (room.folder / "journal.ballast").exists()
    assert said(locker) == [FULL]
    assert "disk: full, no deposits are taken" in locker.states[-1].faults
    pulses = locker.unlocks
    locker.deposit_once(3)
    told = locker.shown()
    assert told is not None
    assert (told.outcome, locker.unlocks) == ("no_deposits", pulses)
    locker.restart()
    locker.wait(30)
    locker.collect(2)
    assert locker.states[-1].faults == ("disk: full, no deposits are taken",)
    room.clear()
    locker.wait(2 * HOUSE_S)
    assert (room.folder / "journal.ballast").stat().st_size == BALLAST
    assert said(locker)[-1] == "ok"
    assert not locker.states[-1].faults
    locker.deposit(3)
    locker.collect(3)
    locker.verify()
    locker.drive.parts.journal.close()


def test_when_the_reserve_is_gone_too_nothing_opens_until_there_is_room(room: Room) -> None:
    locker = Visits(1, room.folder, room.open)
    locker.wait(8)
    locker.announce(1)
    locker.deposit(1)
    (room.folder / "journal.ballast").unlink()
    locker.restart()  # with room for no new one
    room.fill()
    locker.restart()
    answers = {locker.type_code(f"1111{turn:04d}") for turn in range(200)}
    outcomes = {answer.outcome for answer in answers if answer}
    assert "locker_out_of_order" in outcomes
    pulses = locker.unlocks
    locker.collect_once(1)
    assert locker.unlocks == pulses
    room.clear()
    locker.wait(2 * HOUSE_S)
    locker.collect(1)
    locker.verify()
    locker.drive.parts.journal.close()


def test_the_reserve_takes_its_room_and_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    ballast = Ballast(path)
    assert (ballast.held, ballast.release()) == (False, False)
    assert ballast.fill()
    assert path.stat().st_blocks * 512 >= BALLAST_BYTES, "the room is really taken"
    assert Ballast(path).held
    assert ballast.release()
    assert not path.exists()


def test_half_a_reserve_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    path.write_bytes(b"half")
    assert not Ballast(path, 4096).held
    assert not Ballast(path, 4096, lambda _: 8191).fill()
    assert Ballast(path, 4096, lambda _: 8192).fill()
