"""The real drive on a disk that loses its power at any moment of deposits and collections.

The machine is down for a while each time; boards, doors and people go on without it.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fellesskap_edge.journal import Journal, JournalUnusable
from tests.durability.power_cut import Disk
from tests.durability.test_journal_power_cut import Synchronous, cuts_of_tier
from tests.durability.visits import Visits

CUTS_A_LOCKER = 20
ACTS_MAX = 60
DOWN_S_MAX = 40.0


class Outages:
    """One locker whose machine loses its power at random."""

    def __init__(self, seed: int, folder: Path, synchronous: Synchronous = "FULL") -> None:
        self.synchronous = synchronous
        self.rng = random.Random(seed)
        self.disk = Disk(self.rng)
        self.cuts = 0
        self.locker = Visits(seed, folder, self._open)
        self.locker.dead = lambda: self.disk.dead
        self.locker.power_up = self.power_up
        self.locker.wait(8)
        self.doom()

    def _open(self, path: Path) -> Journal:
        journal = Journal(path, vfs=self.disk.name, synchronous=self.synchronous)
        assert (journal.found.broken, journal.found.damaged) == (None, ()), "the store is sound"
        return journal

    def doom(self) -> None:
        self.disk.doom(self.rng.randrange(ACTS_MAX))
        self.locker.down_s = self.rng.uniform(0, DOWN_S_MAX)

    def power_up(self) -> None:
        self.cuts += 1
        self.disk.power_up()
        self.doom()

    def live(self, cuts: int) -> None:
        """Bring parcels and take them out until the power went so often; then judge in peace."""
        number = 0
        while self.cuts < cuts:
            number += 1
            self.locker.announce(number)
            self.locker.deposit_once(number)
            self.locker.shut_what_stands_open()
            if number > 2 and self.rng.random() < 0.7:
                self.locker.collect_once(self.rng.randrange(1, number + 1))
                self.locker.shut_what_stands_open()
            self.locker.wait(20)
            self.judge()
        self.disk.doom(10**9)
        self.locker.settle()
        for one in sorted(self.locker.checker.deposited - self.locker.checker.collected):
            self.locker.collect(int(one.removeprefix("parcel-")))
        self.judge()
        epoch = self.locker.backend.open_epoch
        self.locker.wait(100)
        assert epoch.acked == self.locker.drive.parts.journal.head_seq, "all of it is recorded"
        self.locker.drive.parts.journal.close()

    def judge(self) -> None:
        self.locker.verify()
        assert len(self.locker.backend.epochs) == 1, "no store went back in time"


@pytest.mark.slow
@cuts_of_tier
def test_nothing_fires_by_itself_and_no_door_opens_twice(
    cuts: int, in_memory: Path, record_property: Callable[[str, object], None]
) -> None:
    for seed in range(cuts // CUTS_A_LOCKER):
        folder = in_memory / str(seed)
        folder.mkdir()
        try:
            Outages(seed, folder).live(CUTS_A_LOCKER)
        except BaseException:
            print(f"SEED={seed}")
            raise
    record_property("drive_power_cuts", cuts)


@pytest.mark.slow
@cuts_of_tier
def test_with_less_than_full_it_is_seen_so_these_cuts_do_cut(
    cuts: int, in_memory: Path, record_property: Callable[[str, object], None]
) -> None:
    """The control: the same lockers with `synchronous=NORMAL`, each until its first breach."""
    broken = 0
    for seed in range(cuts // CUTS_A_LOCKER):
        folder = in_memory / str(seed)
        folder.mkdir()
        try:
            Outages(seed, folder, "NORMAL").live(CUTS_A_LOCKER)
        except (AssertionError, JournalUnusable):
            broken += 1
    record_property("drive_power_cuts_control_broken", broken)
    assert broken > cuts // CUTS_A_LOCKER // 2
