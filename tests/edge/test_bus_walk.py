"""The bus with the simulated boards on its line, through noise, faults and pulled plugs.

Whatever is asked in whatever order, the record of the plant shows: never two coils of one supply
at once, no pulse that was not asked for, none long after, and what is heard is true. Once for each
family, and once for two of them on one line.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fellesskap_edge import bus as b
from fellesskap_edge.bus import Effect, Event
from fellesskap_edge.config import Bank
from fellesskap_edge.locks.driver import DoorReading
from fellesskap_edge.start import lines
from fellesskap_firmware_sim.faults import BoardFaults
from fellesskap_firmware_sim.plant import Person
from fellesskap_firmware_sim.world import SimulatedLocker
from tests.edge.little_locker import CONFIG, DOORS, SUPPLY_OF

STEP_S = 0.002
PORT = "bus"
NUMBERS = st.sampled_from(sorted(DOORS))
WIRED = {(bank, channel): number for number, (bank, channel, _) in DOORS.items()}
FAULT_FREE_S = 16.0
"""The last pulses, the last person, two slow polls: then a healthy line has said it all."""
FAULTS = {
    "silent": BoardFaults(silent=True),
    "late": BoardFaults(reply_delay_s=0.35),
    "corrupt": BoardFaults(corrupt_replies=2),
    "flipped": BoardFaults(flipped_bits=3),
    "garbage": BoardFaults(garbage_bytes=7),
    "split": BoardFaults(split_s=0.015),
    "reset": BoardFaults(reset_s=0.4),
    "elsewhere": BoardFaults(address=9),
    "wrong speed": BoardFaults(baud=57600),
}


class Line(RuleBasedStateMachine):
    """The walk; time goes on in steps of 2 ms, as bytes come in pieces from a real port."""

    families: ClassVar[tuple[str, str]]

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        banks = tuple(
            Bank(name=one.name, family=family, port=PORT, address=one.address, supply=one.supply)  # type: ignore[arg-type]
            for one, family in zip(CONFIG.banks, self.families, strict=True)
        )
        config = msgspec.structs.replace(CONFIG, banks=banks)
        self.world = SimulatedLocker(config)
        self.bus = lines(config)[PORT]
        self.drivers = {name: bank.driver for name, bank in self.bus.banks.items()}
        self.family = {bank.name: bank.family for bank in banks}
        self.asked: dict[str, tuple[int, float]] = {}
        self.answers: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.heard: dict[int, DoorReading] = {}
        self.answering: dict[str, bool] = {}
        self.up = False
        self.give(b.PortUp())
        self.up = True

    def give(self, event: Event) -> None:
        self.bus, effects = b.step(self.bus, event, self.now)
        for effect in effects:
            self.take(effect)

    def take(self, effect: Effect) -> None:
        match effect:
            case b.Write(data):
                self.world.write_bus(PORT, data, self.now)
            case b.Sensed(bank, doors):
                known = {
                    WIRED[bank, one]: door for one, door in doors.items() if (bank, one) in WIRED
                }
                self.heard |= known
            case b.Acknowledged(ticket):
                self.answers[ticket] += 1
                self.acknowledged.add(ticket)
            case b.Unacknowledged(ticket):
                self.answers[ticket] += 1
            case b.Contact(bank, answering):
                assert self.answering.get(bank) is not answering
                self.answering[bank] = answering
            case b.Stuck():
                raise AssertionError("no relay is welded here")

    def run(self, seconds: float, fast: float = STEP_S) -> None:
        until = self.now + seconds
        while self.now < until:
            # Nothing happens between: only what goes on needs small steps.
            happens_at = min(self.world.wake_at, self.bus.wake_at, until)
            self.now = max(self.now + fast, happens_at)
            self.world.advance(self.now)
            if (said := self.world.read_bus(PORT, self.now)) and self.up:
                self.give(b.Received(said))
            if self.bus.wake_at <= self.now:
                self.give(b.Tick())

    # What can happen -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.5, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(seconds)

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=6))
    def locks_are_pulsed(self, numbers: list[int]) -> None:
        for number in numbers:
            ticket = f"t{len(self.asked)}"
            self.asked[ticket] = (number, self.now)
            bank, channel, _ = DOORS[number]
            self.give(b.Unlock(bank, channel, ticket))

    @rule(noise=st.binary(min_size=1, max_size=40))
    def noise_is_heard(self, noise: bytes) -> None:
        if self.up:
            self.give(b.Received(noise))

    @rule(bank=st.sampled_from(["a", "b"]), fault=st.sampled_from([*sorted(FAULTS), "none"]))
    def a_board_changes(self, bank: str, fault: str) -> None:
        faults = replace(FAULTS.get(fault, BoardFaults()))
        faults.echo = self.world.boards[bank].faults.echo
        self.world.boards[bank].faults = faults

    @rule(bank=st.sampled_from(["a", "b"]), after_pulse=st.booleans())
    def a_board_answers_after_its_pulse(self, bank: str, after_pulse: bool) -> None:
        self.world.boards[bank].reply_after_pulse = after_pulse

    @rule(echo=st.booleans())
    def the_adapter_is_pulled_and_another_put_in(self, echo: bool) -> None:
        self.give(b.PortDown())
        self.up = False
        self.run(0.1)
        self.world.boards["a"].faults.echo = echo
        self.up = True
        self.give(b.PortUp())

    @rule(number=NUMBERS)
    def a_person_shuts_a_door(self, number: int) -> None:
        self.world.plant.shut(number, self.now)

    @rule()
    def somebody_comes(self) -> None:
        self.world.plant.person(Person("nothing", open_s=0.5), self.now)

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def never_two_coils_of_one_supply(self) -> None:
        by_supply: dict[str, list[tuple[float, float]]] = {}
        for pulse in self.world.plant.pulses:
            spans = by_supply.setdefault(SUPPLY_OF[pulse.compartment], [])
            spans.append((pulse.started, pulse.ended))
        for spans in by_supply.values():
            ordered = sorted(spans)
            for earlier, later in pairwise(ordered):
                assert later[0] - earlier[1] >= 0.45

    @invariant()
    def no_coil_is_on_longer_than_its_limit(self) -> None:
        for pulse in self.world.plant.pulses:
            driver = self.drivers[DOORS[pulse.compartment][0]]
            assert pulse.ended - pulse.started <= driver.pulse_s + 0.001

    @invariant()
    def every_pulse_was_asked_for_and_not_long_ago(self) -> None:
        started = Counter(
            fact.compartment for fact in self.world.plant.facts if fact.name == "pulse_started"
        )
        wanted = Counter(number for number, _ in self.asked.values())
        assert started <= wanted
        for fact in self.world.plant.facts:
            if fact.name == "pulse_started":
                since = [
                    fact.at - at for number, at in self.asked.values() if number == fact.compartment
                ]
                assert any(0 <= waited <= b.UNLOCK_WAIT_S_MAX + 0.1 for waited in since)

    @invariant()
    def nothing_is_answered_twice(self) -> None:
        assert all(times == 1 for times in self.answers.values())
        assert set(self.answers) <= set(self.asked)

    @invariant()
    def what_is_heard_was_true(self) -> None:
        opened = {f.compartment for f in self.world.plant.facts if f.name == "door_opened"}
        for number, reading in self.heard.items():
            assert reading != "open" or number in opened

    def teardown(self) -> None:
        """When all is well again, every question is answered and every door is known."""
        for bank in ("a", "b"):
            self.a_board_changes(bank, "none")
        self.run(FAULT_FREE_S, fast=0.004)
        answered = {
            ticket
            for ticket, (number, _) in self.asked.items()
            if self.drivers[DOORS[number][0]].acknowledged
        }
        assert answered <= set(self.answers)
        assert self.answering == {"a": True, "b": True}
        doors = self.world.plant.locks
        sensed = [number for number, one in DOORS.items() if self.family[one[0]] != "waveshare"]
        assert self.heard == {n: "open" if doors[n].is_open else "shut" for n in sensed}
        pulsed = {p.compartment for p in self.world.plant.pulses}
        assert {self.asked[ticket][0] for ticket in self.acknowledged} <= pulsed


class Of8A(Line):
    """Two 8A boards."""

    families = ("8a", "8a")


class OfKerong(Line):
    """Two KERONG boards."""

    families = ("kerong", "kerong")


class OfWaveshare(Line):
    """Two relay boards without inputs."""

    families = ("waveshare", "waveshare")


class OfWaveshareD(Line):
    """Two relay boards with inputs."""

    families = ("waveshare_d", "waveshare_d")


class OfWkly(Line):
    """Two WKLY boards, which speak unasked."""

    families = ("wkly", "wkly")


class OfTwoFamilies(Line):
    """Boards of two families on one line."""

    families = ("8a", "waveshare_d")


WALKS = (Of8A, OfKerong, OfWaveshare, OfWaveshareD, OfWkly, OfTwoFamilies)
for walk in WALKS:
    walk.TestCase.settings = settings(stateful_step_count=25)
Test8A = Of8A.TestCase
TestKerong = OfKerong.TestCase
TestWaveshare = OfWaveshare.TestCase
TestWaveshareD = OfWaveshareD.TestCase
TestWkly = OfWkly.TestCase
TestTwoFamilies = OfTwoFamilies.TestCase
