"""What a commit returned from survives a power cut; that it does is `synchronous=FULL`'s doing."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from fellesskap_edge.facts import Position
from fellesskap_edge.journal import Journal, Stamp
from fellesskap_edge.state import Keep
from fellesskap_protocol.events import Booted, Forced
from fellesskap_protocol.messages import event_hash
from tests.durability.power_cut import Disk
from tests.durability.times import NOW

STAMP = Stamp(NOW, "trusted", "boot", 1000)
ACTS_MAX = 60
"""A commit is some five writes and a sync: a cut comes within the next dozen commits."""
CHECKPOINTED_BYTES = 16 * 1024
Synchronous = Literal["FULL", "NORMAL"]
NOTHING_SURVIVES = 2
"""The seed of a cut after which nothing is there that was not synced."""


class Machine:
    """One machine with a journal that loses its power again and again."""

    def __init__(self, seed: int, folder: Path, synchronous: Synchronous) -> None:
        self.rng = random.Random(seed)
        self.disk = Disk(self.rng)
        self.path = folder / f"{seed}.sqlite"
        self.synchronous = synchronous
        self.epoch = 0
        self.hashes: list[str] = []
        """Of the acknowledged events of the present epoch."""
        self.lost = 0

    def live_once(self) -> None:
        """Start, check what survived, commit until the power goes."""
        journal = Journal(self.path, vfs=self.disk.name, synchronous=self.synchronous)
        self.check(journal)
        self.disk.doom(self.rng.randrange(ACTS_MAX))
        while not self.disk.dead:
            self.commit(journal)
        journal.close()
        self.disk.power_up()

    def check(self, journal: Journal) -> None:
        found = journal.found
        if self.synchronous == "NORMAL" and found.broken:  # more is torn than a last commit
            self.lost += 1
            self.epoch, self.hashes = 0, []
            return
        assert (found.broken, found.damaged) == (None, ()), "the store is sound"
        epoch = int(journal.epoch or 0)
        kept = [event_hash(body) for body in journal.read(1, len(self.hashes) + 100)]
        same = epoch == self.epoch and self.hashes == kept[: len(self.hashes)]
        self.lost += not (same or epoch == self.epoch + 1)
        if epoch:
            position = found.facts["position", "rights"]
            assert position == Position(epoch, journal.head_seq), "facts and events are one"
        self.epoch, self.hashes = epoch, kept

    def commit(self, journal: Journal) -> None:
        """One commit, often of one event, seldom of many; acknowledged if the power held."""
        anew = not self.epoch or self.rng.random() < 0.05
        size = self.rng.choice((1, 1, 2, 40))
        events = [Forced(compartment=self.rng.randrange(99)) for _ in range(size)]
        if anew:
            head, epoch = 1, self.epoch + 1
            first = [Keep("position", "rights", Position(epoch, head))]
            journal.commit([Booted(software="1")], first, STAMP, new_epoch=str(epoch))
        else:
            head, epoch = journal.head_seq + size, self.epoch
            keep = Keep("position", "rights", Position(epoch, head))
            journal.commit(events, [keep], STAMP)
        if not self.disk.dead:
            self.epoch = epoch
            self.hashes = [event_hash(body) for body in journal.read(1, head)]


def cut(cuts: int, folder: Path, synchronous: Synchronous) -> int:
    """Live through so many cuts, 20 a store; return after how many something was lost."""
    lost = 0
    for seed in range(cuts // 20):
        machine = Machine(seed, folder, synchronous)
        try:
            for _ in range(20):
                machine.live_once()
        except BaseException:
            print(f"SEED={seed} synchronous={synchronous}")
            raise
        lost += machine.lost
    return lost


cuts_of_tier = pytest.mark.parametrize(
    "cuts", [pytest.param(200, id="200"), pytest.param(2000, id="2000", marks=pytest.mark.full)]
)


@cuts_of_tier
def test_no_acknowledged_entry_is_lost(
    cuts: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert cut(cuts, tmp_path, "FULL") == 0
    record_property("journal_power_cuts", cuts)


@cuts_of_tier
def test_with_less_than_full_entries_are_lost_so_the_cuts_do_cut(
    cuts: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The control: the same machines, seeds and number of cuts."""
    lost = cut(cuts, tmp_path, "NORMAL")
    record_property("journal_power_cuts_control_lost", lost)
    assert lost > cuts // 4


def test_a_checkpointed_store_is_not_undone_by_what_turned_it_to_wal(tmp_path: Path) -> None:
    disk = Disk(random.Random(NOTHING_SURVIVES))
    path = tmp_path / "one.sqlite"
    journal = Journal(path, vfs=disk.name)
    journal.commit([Booted(software="1")], [], STAMP, new_epoch="1")
    while len(disk.files[str(path)].safe) <= CHECKPOINTED_BYTES:
        journal.commit([Forced(compartment=1)] * 200, [], STAMP)
    journal.commit([Forced(compartment=1)], [], STAMP)  # over the WAL's beginning
    head_seq = journal.head_seq
    disk.dead = True
    journal.close()
    disk.power_up()
    again = Journal(path, vfs=disk.name)
    assert (again.found.broken, again.head_seq) == (None, head_seq)
