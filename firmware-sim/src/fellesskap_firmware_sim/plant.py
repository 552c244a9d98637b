"""The doors' physics: coils, latches, springs, contacts, one power supply, and people.

A coil that is energised long enough at enough volts releases its latch; the spring pops the door
after a moment and its contact bounces. People open, fill, empty and shut doors. Keeps the record
of every pulse and movement. Used by boards (coils, contacts) and by `live` or a test (people).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fellesskap_firmware_sim.faults import LockFaults

RELEASE_S_MIN = 0.120
"""A shorter pulse does not release; not verified on hardware, so a parameter of the plant."""
POP_S = 0.030
BOUNCE_S = 0.012
COIL_A = 2.0
SUPPLY_V = 12.0
SUPPLY_OHM = 0.3
RELEASE_V_MIN = 9.6
"""Four coils at once (9.6 V) still release, five do not: that is why one at a time is the rule."""

Act = Literal["put_in", "take_out", "nothing"]
FactName = Literal[
    "pulse_started", "pulse_ended", "released", "door_opened", "door_shut", "put_in", "taken_out"
]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened at one door, at `at` seconds."""

    name: FactName
    compartment: int
    at: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """One time that a coil was on, in seconds."""

    compartment: int
    started: float
    ended: float


@dataclass
class Lock:
    """One door with its latch, spring, contact and what lies behind it."""

    faults: LockFaults = field(default_factory=LockFaults)
    latched: bool = True
    is_open: bool = False
    full: bool = False
    coil_on_since: float | None = None
    strong_since: float | None = None
    """Since when the coil has had enough volts."""
    pops_at: float | None = None
    moved_at: float = float("-inf")


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
        self, compartments: Iterable[int], supply_of: Mapping[int, str] | None = None
    ) -> None:
        self.locks = {number: Lock() for number in compartments}
        self._supply_of = supply_of or {}
        self.pulses: list[Pulse] = []
        self.facts: list[Fact] = []
        self._waiting: list[Person] = []
        self._busy: dict[int, Person] = {}

    @property
    def wake_at(self) -> float:
        """When the next thing happens by itself; infinity if nothing will."""
        times = [person.acts_at for person in self._busy.values()]
        times += [person.shuts_at for person in self._busy.values()]
        for lock in self.locks.values():
            if lock.pops_at is not None:
                times.append(lock.pops_at)
            if lock.strong_since is not None and lock.latched:
                times.append(lock.strong_since + RELEASE_S_MIN)
        return min(times, default=float("inf"))

    def advance(self, now: float) -> None:
        """Let everything happen that is due, in the order of its time."""
        while self.wake_at <= now:
            at = self.wake_at
            self._release_latches(at)
            for number, lock in self.locks.items():
                if lock.pops_at is not None and lock.pops_at <= at:
                    lock.pops_at = None
                    self._open(number, at)
            for number, person in list(self._busy.items()):
                self._act(number, person, at)

    def energise(self, number: int, now: float) -> None:
        """Switch a coil on."""
        self.advance(now)
        lock = self.locks[number]
        if lock.coil_on_since is None:
            lock.coil_on_since = lock.strong_since = now
            self._note("pulse_started", number, now)

    def release(self, number: int, now: float) -> None:
        """Switch a coil off."""
        self.advance(now)
        lock = self.locks[number]
        if lock.coil_on_since is not None:
            self.pulses.append(Pulse(number, lock.coil_on_since, now))
            lock.coil_on_since = lock.strong_since = None
            if not lock.is_open and lock.pops_at is None:
                lock.latched = True  # it stayed in (jammed): the latch falls back
            self._note("pulse_ended", number, now)

    def reads_shut(self, number: int, now: float) -> bool:
        """Return what the door's contact says; it bounces for a moment after a movement."""
        self.advance(now)
        lock = self.locks[number]
        if lock.faults.sensor_stuck is not None:
            return lock.faults.sensor_stuck == "shut"
        since_moved = now - lock.moved_at
        bounced = since_moved < BOUNCE_S and int(since_moved * 1000) % 4 >= 2
        return lock.is_open if bounced else not lock.is_open

    def person(self, person: Person, now: float) -> None:
        """Let somebody wait by a door; by an open one they act at once."""
        self.advance(now)
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
        self.advance(now)
        self._open(number, now)

    def shut(self, number: int, now: float) -> None:
        """Push a door shut; the latch falls in."""
        self.advance(now)
        self._shut(number, now)

    def _shut(self, number: int, now: float) -> None:
        lock = self.locks[number]
        if lock.is_open:
            lock.is_open, lock.latched, lock.moved_at = False, True, now
            self._note("door_shut", number, now)

    def _release_latches(self, at: float) -> None:
        coils_on = Counter(
            self._supply_of.get(number)
            for number, lock in self.locks.items()
            if lock.coil_on_since is not None
        )
        for number, lock in self.locks.items():
            since = lock.strong_since
            if since is None or not lock.latched or at < since + RELEASE_S_MIN:
                continue
            volts = SUPPLY_V - SUPPLY_OHM * COIL_A * coils_on[self._supply_of.get(number)]
            if volts < RELEASE_V_MIN:
                lock.strong_since = at  # too weak: the time at enough volts begins anew
                continue
            lock.latched = False
            self._note("released", number, at)
            if not lock.faults.jammed and not lock.is_open:
                lock.pops_at = at + POP_S

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
