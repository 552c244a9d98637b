"""A locker of the simulated world: a stand whose card may fail, told to the chronicle.

What is written here an outsider could have seen: coils, doors and things at the plant, the bytes
that the locker's own disk took.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from fellesskap_edge import inbox as rim
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.journal import Journal, JournalDiffers, JournalUnusable
from fellesskap_edge.uplink import Draw
from fellesskap_firmware_sim.plant import Fact, Person, Plant
from fellesskap_firmware_sim.world import SimulatedLocker
from tests.judge import history
from tests.simulation.chronicle import Chronicle
from tests.simulation.medium import CardJournal, Medium
from tests.simulation.one_locker import PowerCut
from tests.simulation.stand import Stand
from tests.simulation.stand_parts import START

UNUSABLE_S = 5.0
"""How soon systemd starts a daemon again that could not open its store."""
GATHERS_S = 0.02
"""A serial adapter hands over what it heard in this time."""
MOVES = {"pulse_started": True, "pulse_ended": False, "coil_burnt": False}
DOORS = {"door_opened": True, "door_shut": False}


@dataclass
class Visitor(Person):
    """Somebody at a door, who bears a name and puts in or takes out a thing with one."""

    who: str = ""
    item: str = ""
    done: bool = False

    @property
    def acts_now(self) -> bool:
        """Whether the thing has just moved and that was not told yet."""
        return not self.done and self.acts_at == inf and self.shuts_at < inf


class Cabinet(Stand):
    """One locker of a world; `chance` is its own."""

    def __init__(
        self, config: LockerConfig, chronicle: Chronicle, chance: random.Random, folder: Path
    ) -> None:
        super().__init__(config, folder)
        self.locker_id = config.locker.id
        self.chronicle = chronicle
        self.chance = chance
        self.medium = Medium(chance)
        self.lag_s = GATHERS_S
        self.due = 0.0
        """When it has to be turned next."""
        self._wakes_s: float | None = None
        self.touched = True
        """Whether that may have changed, and whether something may have moved."""
        self.draw = lambda: Draw(f"{chance.getrandbits(128):032x}", chance.random())
        self.new_id = self._new_id
        self.asleep = False
        """Its radio is off to save the battery."""
        self.lies: dict[int, list[str]] = {}
        """What really lies behind each door."""
        self.places: dict[str, str] = {}
        """Where each thing really is: a locker, or `out`."""
        self.visitors: list[Visitor] = []
        self.doom_chance = 0.0
        self.copies: list[tuple[float, Any]] = []
        self.dead_by = "kill"
        self.started: Callable[[Cabinet], None] = lambda _one: None
        """Told when a daemon runs: it will connect."""
        self._seen = 0
        self._paused_until = -inf
        self._kept: list[rim.Inward] = []
        self._told = ("", 0)
        """The epoch and how far the journal was told."""
        self._path = folder / f"{self.locker_id}.sqlite"

    @property
    def hardware(self) -> SimulatedLocker:
        """Its boards and scanner, for whoever lays a hand on them."""
        self.touched = True
        return self._hardware

    @hardware.setter
    def hardware(self, hardware: SimulatedLocker) -> None:
        self._hardware = hardware

    @property
    def plant(self) -> Plant:
        """Its doors and locks, likewise."""
        self.touched = True
        return self._plant

    @plant.setter
    def plant(self, plant: Plant) -> None:
        self._plant = plant

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something later."""
        self.touched = True
        super().after(delay_s, act)

    def _new_id(self) -> str:
        milliseconds = int((self.wall - START).total_seconds() * 1000) + 1_764_000_000_000
        bits = f"{milliseconds:012x}7{self.chance.getrandbits(12):03x}"
        rest = f"{8 + self.chance.getrandbits(2):x}{self.chance.getrandbits(60):015x}"
        whole = bits + rest
        return "-".join(
            (whole[:8], whole[8:12], whole[12:16], whole[16:20], whole[20:]),
        )

    # The store -----------------------------------------------------------------------------------

    def _open_journal(self) -> CardJournal:
        return ToldJournal(self._path, self)

    def boot(self) -> "Cabinet":
        """Start the daemon; try again later while its store cannot be opened."""
        if self.drive is not None:
            return self
        self.touched, self._wakes_s = True, None
        try:
            super().boot()
        except JournalUnusable:
            self.drive = None
            self.after(UNUSABLE_S, self._restart)
            return self
        self.chronicle.note(history.Part, part=f"edge:{self.locker_id}", state="up")
        self.head()
        self.started(self)
        return self

    def tell_journal(self, journal: Journal) -> None:
        """Tell the entries that the disk took since they were told last."""
        self.look()  # what moved before they were written stands before them
        epoch, told = self._told
        told = told if epoch == journal.epoch else 0
        for body in journal.read(told + 1, journal.head_seq - told):
            self.chronicle.note(
                history.Journalled,
                locker=self.locker_id,
                epoch=journal.epoch,
                event=body,
            )
        self._told = (journal.epoch, journal.head_seq)

    def went_back(self) -> None:
        """Another past is on its card now: what follows is told anew."""
        if not self.medium.files:
            self._told = ("", 0)

    def head(self) -> None:
        """Tell how far the store reaches."""
        if self.drive is not None:
            journal = self.journal
            self.tell_journal(journal)
            self.chronicle.note(
                history.Head,
                of="store",
                locker=self.locker_id,
                epoch=journal.epoch,
                seq=journal.head_seq,
                hash=journal.head_hash,
            )

    def _died(self) -> None:
        self.touched = True
        self._kept, self._paused_until = [], -inf
        was_dead = self.medium.dead
        self.medium.dead = True
        super()._died()
        if was_dead or self.dead_by == "power":
            self.medium.power_up()
        else:
            self.medium.revive()
        self.dead_by = "kill"
        self.chronicle.note(history.Part, part=f"edge:{self.locker_id}", state="down")

    def give(self, event: rim.Inward) -> None:
        """Drive one event; a machine that lost its power on the way did nothing more."""
        if self.drive is None:
            return
        if self.now_s < self._paused_until:
            self._kept.append(event)
            return
        self.touched, self._wakes_s = True, None
        try:
            self.drive.drive(event, self.instant)
            self._live_on()
        except (PowerCut, JournalDiffers):  # the second ends a daemon too: it begins anew
            self._died()
            self.after(self.chance.uniform(1, 40), self._restart)

    def pause(self, seconds: float) -> None:
        """Give the daemon no time for a while; what comes meanwhile waits in its inbox."""
        if self.drive is not None and self.now_s >= self._paused_until:
            self._paused_until = self.now_s + seconds
            self.after(seconds, self._go_on)

    def _go_on(self) -> None:
        kept, self._kept = self._kept, []
        for event in kept:
            self.give(event)

    def _wakes_at(self) -> float:
        """Only an event changes when a daemon wants a tick."""
        if self._wakes_s is None:
            self._wakes_s = super()._wakes_at()
        return self._wakes_s

    def _due(self) -> float:
        """A daemon that gets no time is due for no tick."""
        if self.drive is None or self.now_s >= self._paused_until:
            return super()._due()
        drive, self.drive = self.drive, None
        due = super()._due()
        self.drive = drive
        return due

    def _live_on(self) -> None:
        """Die, if the machine lost its power on the way."""
        if self.medium.dead:
            raise PowerCut

    def _perform(self, effect: rim.Outward) -> None:
        self._live_on()
        super()._perform(effect)

    def _passing(self, point: str) -> None:
        before = self.doom
        try:
            super()._passing(point)
        except PowerCut:
            self.chronicle.passed.add(point)
            self.chronicle.fault("process", f"killed {point}", f"edge:{self.locker_id}")
            raise
        if before is None:
            self._live_on()

    # What an outsider sees -----------------------------------------------------------------------

    def look(self) -> None:
        """Tell what moved at the plant since the last look."""
        facts = self.plant.facts
        for fact in facts[self._seen :]:
            self._moved(fact)
        if self._seen < len(facts):
            del facts[:]
            self._seen = 0

    def _moved(self, fact: Fact) -> None:
        where: dict[str, Any] = {"locker": self.locker_id, "compartment": fact.compartment}
        note = self.chronicle.note
        if fact.name in MOVES:
            note(history.Coil, fact.at, on=MOVES[fact.name], **where)
        elif fact.name in DOORS:
            note(history.Door, fact.at, open=DOORS[fact.name], **where)
            if fact.name == "door_opened":
                self.chronicle.counts["doors opened"] += 1
        elif fact.name in ("put_in", "taken_out"):
            self._handled(fact, where)

    def _handled(self, fact: Fact, where: dict[str, Any]) -> None:
        here = [one for one in self.visitors if one.compartment == fact.compartment]
        somebody = next((one for one in here if one.acts_now), None)
        lying = self.lies.setdefault(fact.compartment, [])
        if somebody is None:
            return
        somebody.done = True
        if fact.name == "put_in":
            lying.append(somebody.item)
            self.places[somebody.item] = self.locker_id
            self.chronicle.note(history.Laid, fact.at, item=somebody.item, **where)
            return
        for item in lying:
            self.places[item] = "out"
            self.chronicle.note(history.Taken, fact.at, item=item, by=somebody.who, **where)
        lying.clear()


class ToldJournal(CardJournal):
    """The journal of a cabinet: what its disk took is told."""

    def __init__(self, path: Path, cabinet: Cabinet) -> None:
        self._cabinet = cabinet
        super().__init__(path, cabinet.medium)

    def commit(self, *args: Any, **kwargs: Any) -> None:
        super().commit(*args, **kwargs)
        self._cabinet._live_on()
        self._cabinet.tell_journal(self)
