"""The doors' physics: latches, springs, contacts, and people; `coils` has the electric half.

A coil that is energised long enough at enough volts releases its latch; the spring pops the door
after a moment and its contact bounces. People open, fill, empty and shut doors. Keeps the record
of every pulse and movement. Used by boards (coils, contacts) and by `live` or a test (people).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fellesskap_firmware_sim.coils import Coil, Coils, Electrics, Pulse, Supply
from fellesskap_firmware_sim.faults import LockFaults

ELECTRICS = Electrics()
RELEASE_S_MIN = ELECTRICS.release_s_min
POP_S = 0.030
BOUNCE_S = LockFaults().bounce_s

Act = Literal["put_in", "take_out", "nothing"]
FactName = Literal[
    "pulse_started",
    "pulse_ended",
    "released",
    "door_opened",
    "door_shut",
    "door_ajar",
    "put_in",
    "taken_out",
    "coil_burnt",
]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened at one door, at `at` seconds."""

    name: FactName
    compartment: int
    at: float


@dataclass
class Lock:
    """One door with its coil, latch, spring, contact and what lies behind it."""

    coil: Coil = field(default_factory=Coil)
    latched: bool = True
    is_open: bool = False
    hooked: bool = False
    """The hook fell in without the leaf: open, and the contact says shut."""
    full: bool = False
    pops_at: float | None = None
    moved_at: float = float("-inf")

    @property
    def faults(self) -> LockFaults:
        """The knobs of this door."""
        return self.coil.faults


@dataclass
class Person:
    """Somebody who waits by a door (any, if None): acts when it opens, shuts it after `open_s`."""

    act: Act
    compartment: int | None = None
    open_s: float = 2.2
    shuts: bool = True
    acts_at: float = float("inf")
    shuts_at: float = float("inf")


class Plant:
    """All doors of a locker; those not named in `supply_of` hang on one and the same supply."""

    def __init__(
        self,
        compartments: Iterable[int],
        supply_of: Mapping[int, str] | None = None,
        electrics: Electrics = ELECTRICS,
    ) -> None:
        self._coils = Coils(compartments, supply_of or {}, electrics)
        self.locks = {number: Lock(coil) for number, coil in self._coils.coils.items()}
        self.facts: list[Fact] = []
        self._waiting: list[Person] = []
        self._busy: dict[int, Person] = {}
        self._due: float | None = float("inf")
        """When the next thing happens; None when that must be found anew."""

    @property
    def pulses(self) -> list[Pulse]:
        """Every time that a coil was on, in the order of its end."""
        return self._coils.pulses

    @property
    def supplies(self) -> Mapping[str, Supply]:
        """The power supplies by name, with their knobs and the record of their resets."""
        return self._coils.supplies

    @property
    def wake_at(self) -> float:
        """When the next thing happens by itself; infinity if nothing will."""
        if self._due is None:
            times = [min(person.acts_at, person.shuts_at) for person in self._busy.values()]
            for number, lock in self.locks.items():
                if lock.pops_at is not None:
                    times.append(lock.pops_at)
                if lock.coil.on_since is not None:
                    times.append(self._coils.burns_at(number))
                    if lock.latched:
                        times.append(self._coils.releases_at(number))
            self._due = min(times, default=float("inf"))
        return self._due

    def advance(self, now: float) -> None:
        """Let everything happen that is due, in the order of its time."""
        if self._due is not None and self._due > now:
            return
        while self.wake_at <= now:
            at, self._due = self.wake_at, None
            for number, lock in self.locks.items():
                if self._coils.burns_at(number) <= at:
                    self._coils.burn(number, at)
                    self._note("coil_burnt", number, at)
                if lock.latched and self._coils.releases_at(number) <= at:
                    self._release(number, at)
                if lock.pops_at is not None and lock.pops_at <= at:
                    lock.pops_at = None
                    self._open(number, at)
            for number, person in list(self._busy.items()):
                self._act(number, person, at)

    def _change(self, now: float) -> None:
        """Let time pass up to a change from outside."""
        self.advance(now)
        self._due = None

    # Coils ---------------------------------------------------------------------------------------

    def energise(self, number: int, now: float) -> None:
        """Switch a coil on; without power nothing happens."""
        self._change(now)
        coil = self.locks[number].coil
        if coil.on_since is None and coil.enabled and self.supplies[coil.supply].powered:
            self._note("pulse_started", number, now)
            for dropped in self._coils.switch_on(number, now):
                self._went_off(dropped, now)

    def release(self, number: int, now: float) -> None:
        """Switch a coil off."""
        self._change(now)
        if self._coils.switch_off(number, now):
            self._went_off(number, now)

    def power_lost(self, now: float, supply: str | None = None) -> None:
        """Take the power from one supply, or all: every coil drops, doors stay as they are."""
        self._change(now)
        for number in self._coils.fed_by(supply):
            if self._coils.switch_off(number, now, power=True):
                self._went_off(number, now)
            self.supplies[self.locks[number].coil.supply].powered = False

    def power_back(self, now: float, supply: str | None = None) -> None:
        """Give the power back; a welded relay has its coil on at once."""
        self._change(now)
        for number in self._coils.fed_by(supply):
            self.supplies[self.locks[number].coil.supply].powered = True
        for number in self._coils.fed_by(supply):
            coil = self.locks[number].coil
            if coil.stuck_on and coil.faults.welded:
                self.energise(number, now)

    def enable(self, number: int, now: float, *, on: bool) -> None:
        """Let current into a coil, or not; without it the coil drops, whatever its relay does."""
        self._change(now)
        coil = self.locks[number].coil
        coil.enabled = on
        if not on and self._coils.switch_off(number, now, power=True):
            self._went_off(number, now)
        elif on and coil.stuck_on and coil.faults.welded:
            self.energise(number, now)

    def powered(self, number: int) -> bool:
        """Say whether a door's supply has power."""
        return self.supplies[self.locks[number].coil.supply].powered

    def longest_on_s(self, number: int, now: float) -> float:
        """Return the longest time that a coil was on."""
        self.advance(now)
        return self._coils.longest_on_s(number, now)

    def _went_off(self, number: int, at: float) -> None:
        lock = self.locks[number]
        if not lock.is_open and lock.pops_at is None:
            lock.latched = True  # it stayed in (jammed): the latch falls back
        self._note("pulse_ended", number, at)

    def _release(self, number: int, at: float) -> None:
        """The coil pulled for long enough: the latch lets go."""
        lock = self.locks[number]
        lock.latched = False
        self._note("released", number, at)
        if lock.hooked:
            lock.hooked, lock.moved_at = False, at
        if not lock.faults.jammed:
            if not lock.is_open:
                lock.pops_at = at + POP_S
        elif lock.faults.jam_frees_after is not None:
            lock.faults.jam_frees_after -= 1
            lock.faults.jammed = lock.faults.jam_frees_after > 0

    # Contacts and doors --------------------------------------------------------------------------

    def reads_shut(self, number: int, now: float) -> bool:
        """Return what the door's contact says; it bounces for a moment after a movement."""
        self.advance(now)
        lock = self.locks[number]
        faults = lock.faults
        if faults.sensor_stuck is not None:
            return faults.sensor_stuck == "shut"
        shut = lock.hooked or not lock.is_open
        since_moved = now - lock.moved_at
        bounced = since_moved < faults.bounce_s and int(since_moved * 1000) % 4 >= 2
        return shut != bounced

    def occupied(self, number: int, now: float) -> bool:
        """Return what the infrared sensor inside says."""
        self.advance(now)
        lock = self.locks[number]
        if lock.faults.occupancy_stuck is not None:
            return lock.faults.occupancy_stuck == "full"
        return lock.full

    def push(self, number: int, now: float) -> None:
        """Press against a shut door, as the screen asks when it does not open."""
        self._change(now)
        lock = self.locks[number]
        if lock.faults.jammed and lock.faults.jam_frees_on_push:
            lock.faults.jammed = False
            if not lock.latched and not lock.is_open:
                lock.pops_at = now + POP_S  # its coil pulls at this moment

    def person(self, person: Person, now: float) -> None:
        """Let somebody wait by a door; by an open one they act at once."""
        self._change(now)
        self._waiting.append(person)
        for number, lock in self.locks.items():
            if lock.is_open and number not in self._busy:
                self._meet(number, now)

    def leave(self, person: Person) -> None:
        """Let somebody who still waits give up."""
        if person in self._waiting:
            self._waiting.remove(person)

    @property
    def unattended(self) -> list[int]:
        """Doors that stand open with nobody there."""
        return [n for n, lock in self.locks.items() if lock.is_open and n not in self._busy]

    def force(self, number: int, now: float) -> None:
        """Break a door open: without a pulse."""
        self._change(now)
        self._open(number, now)

    def shut(self, number: int, now: float) -> None:
        """Push a door shut; the latch falls in."""
        self._change(now)
        self._shut(number, now)

    def _shut(self, number: int, now: float) -> None:
        lock = self.locks[number]
        if not lock.is_open or lock.hooked:
            return
        lock.latched, lock.moved_at = True, now
        if lock.coil.strong_since is not None:
            lock.coil.strong_since = now  # a coil that pulls lets it go again
        if lock.faults.ajar:
            lock.hooked = True
            self._note("door_ajar", number, now)
            return
        lock.is_open = False
        self._note("door_shut", number, now)

    def _open(self, number: int, at: float) -> None:
        lock = self.locks[number]
        if not lock.is_open:
            lock.is_open, lock.latched, lock.moved_at = True, False, at
            self._note("door_opened", number, at)
            self._meet(number, at)

    def _meet(self, number: int, at: float) -> None:
        for person in self._waiting:
            if person.compartment in (None, number):
                self._waiting.remove(person)
                person.acts_at = at + person.open_s / 2
                person.shuts_at = at + person.open_s if person.shuts else float("inf")
                self._busy[number] = person
                return

    def _act(self, number: int, person: Person, at: float) -> None:
        lock = self.locks[number]
        if person.acts_at <= at:
            person.acts_at = float("inf")
            if person.act == "put_in":
                lock.full = True
                self._note("put_in", number, at)
            elif person.act == "take_out":
                lock.full = False
                self._note("taken_out", number, at)
            if not person.shuts:
                del self._busy[number]
                return
        if person.shuts_at <= at:
            del self._busy[number]
            self._shut(number, at)

    def _note(self, name: FactName, number: int, at: float) -> None:
        self.facts.append(Fact(name, number, at))
