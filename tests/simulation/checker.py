"""Judges a history by the journal's bytes and the plant's own record; it knows no controller."""

from collections import Counter

from fellesskap_edge.journal import Journal
from fellesskap_firmware_sim.plant import Fact, Plant
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DoorOpened,
    DroppedOff,
    Presented,
    Pulsed,
    Removed,
)
from fellesskap_protocol.messages import decode_event

PULSES_MAX = 3
COIL_S_MAX = 1.0
"""The cap of all pulses, whatever board times them."""


class Checker:
    """Holds the invariants of design 8 that one locker can break; `breaks` lists each breach."""

    def __init__(self, plant: Plant) -> None:
        self.breaks: list[str] = []
        self.events: list[AnyEvent] = []
        self._plant = plant
        self._authorised: dict[str, str] = {}
        """Which boot each authorisation is of."""
        self._pulses: Counter[str] = Counter()
        self._opened: set[str] = set()
        self._lies_in: dict[int, str] = {}
        self.coil_s_max = COIL_S_MAX
        """Longer where a test welds a relay: no order ends that pulse, only its power."""
        self.deposited: set[str] = set()
        self.collected: set[str] = set()
        self.removed: set[str] = set()
        self._coils: Counter[int] = Counter()
        """How often a coil was asked for, by compartment; `_pulsed`: how often that was written."""
        self._pulsed: Counter[int] = Counter()
        self._started: Counter[int] = Counter()
        self._on: dict[int, float] = {}
        self._facts = 0
        self._epoch, self._seq = "", 0

    def look(self, journal: Journal) -> None:
        """Read what was committed since the last look, and what the plant did."""
        if journal.epoch != self._epoch:
            self._epoch, self._seq = journal.epoch, 0
        grown = journal.head_seq - self._seq
        for stored in journal.read(self._seq + 1, grown) if grown else ():
            event = decode_event(stored)
            self._seq = event.seq
            self.events.append(event)
            self.judge(event)
        while self._facts < len(self._plant.facts):
            fact = self._plant.facts[self._facts]
            self._facts += 1
            self._moved(fact)

    def _moved(self, fact: Fact) -> None:
        """Take one fact of the plant in: what it says of coils is the same for every family."""
        number = fact.compartment
        match fact.name:
            case "put_in" if number in self._lies_in:
                self._broken(f"I1 a second parcel lies in {number}")
            case "pulse_started":
                self._started[number] += 1
                if self._started[number] > self._coils[number]:
                    self._broken(f"I3 a coil that nobody asked for: {number} at {fact.at:.3f} s")
                supply = self._supply(number)
                others = [one for one in self._on if self._supply(one) == supply]
                if others:
                    self._broken(f"two coils at once on {supply}: {others[0]} and {number}")
                self._on[number] = fact.at
            case "pulse_ended":
                on_s = fact.at - self._on.pop(number, fact.at)
                if on_s > self.coil_s_max:
                    self._broken(f"I14 the coil of {number} was on for {on_s:.3f} s")
            case _:
                pass

    def _supply(self, number: int) -> str:
        return self._plant.locks[number].coil.supply

    def coil_asked(self, number: int, journal: Journal, now_s: float) -> None:
        """A frame or a pin is about to switch a coil on: its pulse must be committed (I3)."""
        self.look(journal)
        self._coils[number] += 1
        if self._coils[number] > self._pulsed[number]:
            self._broken(f"I3 a pulse of {number} at {now_s:.3f} s without its record")

    def rebooted(self) -> None:
        """What was written and did not fire before will not any more."""
        self._coils |= self._pulsed

    def judge(self, event: AnyEvent) -> None:
        """Take one event of the journal in."""
        match event:
            case Presented(outcome="authorised", authorisation_id=str(given)):
                if given in self._authorised:
                    self._broken(f"I4 authorisation {given} twice")
                self._authorised[given] = event.boot_id
            case Pulsed(authorisation_id=given):
                self._pulses[given] += 1
                self._pulsed[event.compartment] += 1
                if given not in self._authorised:
                    self._broken(f"I3 a pulse without authorisation {given}")
                again = self._authorised.get(given, event.boot_id) != event.boot_id
                if given in self._opened or again:
                    self._broken(f"I4 a pulse after its door was open, or after a restart {given}")
                if self._pulses[given] > PULSES_MAX:
                    self._broken(f"I4 more than {PULSES_MAX} pulses for {given}")
            case DoorOpened(authorisation_id=str(given)):
                self._opened.add(given)
            case Deposited() | DroppedOff():
                self._put_in(event.compartment, event.parcel_id)
            case Collected() | Removed():
                self._taken_out(event.compartment, event.parcel_id)
                taken = self.collected if isinstance(event, Collected) else self.removed
                taken.add(event.parcel_id)
            case _:
                pass

    def _put_in(self, number: int, parcel: str) -> None:
        if number in self._lies_in:
            self._broken(f"I1 {parcel} and {self._lies_in[number]} in {number}")
        elif parcel in self._lies_in.values():
            self._broken(f"I1 {parcel} lies twice, once in {number}")
        self._lies_in[number] = parcel
        self.deposited.add(parcel)

    def _taken_out(self, number: int, parcel: str) -> None:
        if self._lies_in.pop(number, None) != parcel:
            self._broken(f"I5 {parcel} taken out of {number}, where it did not lie")

    def _broken(self, what: str) -> None:
        self.breaks.append(what)
