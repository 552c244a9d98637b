"""Judges a history by the journal's bytes and the plant's own record; it knows no controller."""

from collections import Counter

from fellesskap_edge.journal import Journal
from fellesskap_firmware_sim.plant import Plant
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DoorOpened,
    Presented,
    Pulsed,
)
from fellesskap_protocol.messages import decode_event

UNLOCK = 0x8A
PULSES_MAX = 3


class Checker:
    """Holds the invariants of design 8 that one locker can break; `breaks` lists each breach."""

    def __init__(self, plant: Plant) -> None:
        self.breaks: list[str] = []
        self.events: list[AnyEvent] = []
        self._plant = plant
        self._authorised: set[str] = set()
        self._pulses: Counter[str] = Counter()
        self._opened: set[str] = set()
        self._before_boot: set[str] = set()
        self._lies_in: dict[int, str] = {}
        self.deposited: set[str] = set()
        self.collected: set[str] = set()
        self._unlocks = 0
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
            if fact.name == "put_in" and fact.compartment in self._lies_in:
                self._broken(f"I1 a second parcel lies in {fact.compartment}")

    def writes(self, frame: bytes, journal: Journal, now_s: float) -> None:
        """An unlock frame leaves: its pulse must be committed (I3), one pulse a frame."""
        if frame[:1] != bytes((UNLOCK,)):
            return
        self.look(journal)
        self._unlocks += 1
        if sum(self._pulses.values()) < self._unlocks:
            self._broken(f"I3 a pulse at {now_s:.3f} s without its record")

    def rebooted(self) -> None:
        """What was authorised before may not pulse any more."""
        self._before_boot = set(self._authorised)
        self._unlocks = sum(self._pulses.values())

    def judge(self, event: AnyEvent) -> None:
        """Take one event of the journal in."""
        match event:
            case Presented(outcome="authorised", authorisation_id=str(given)):
                if given in self._authorised:
                    self._broken(f"I4 authorisation {given} twice")
                self._authorised.add(given)
            case Pulsed(authorisation_id=given):
                self._pulses[given] += 1
                if given not in self._authorised:
                    self._broken(f"I3 a pulse without authorisation {given}")
                if given in self._opened or given in self._before_boot:
                    self._broken(f"I4 a pulse after its door was open, or after a restart {given}")
                if self._pulses[given] > PULSES_MAX:
                    self._broken(f"I4 more than {PULSES_MAX} pulses for {given}")
            case DoorOpened(authorisation_id=str(given)):
                self._opened.add(given)
            case Deposited(compartment=number, parcel_id=parcel):
                if number in self._lies_in:
                    self._broken(f"I1 {parcel} and {self._lies_in[number]} in {number}")
                self._lies_in[number] = parcel
                self.deposited.add(parcel)
            case Collected(compartment=number, parcel_id=parcel):
                if self._lies_in.pop(number, None) != parcel:
                    self._broken(f"I5 {parcel} collected where it did not lie")
                self.collected.add(parcel)
            case _:
                pass

    def _broken(self, what: str) -> None:
        self.breaks.append(what)
