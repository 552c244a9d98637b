"""The bus with the simulated boards on its line, through noise, faults and pulled plugs.

Whatever is asked in whatever order, the record of the plant shows: never two coils of one supply
at once, no pulse that was not asked for, none long after, and what is heard is true. Once for each
family, and once for two of them on one line.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fellesskap_edge import bus as b
from fellesskap_edge.bus import Effect
from fellesskap_edge.locks.driver import PULSE_MS_MAX
from fellesskap_firmware_sim.faults import BoardFaults
from fellesskap_firmware_sim.plant import Person
from tests.edge.little_locker import DOORS, SUPPLY_OF
from tests.edge.wired_line import WiredLine

NUMBERS = st.sampled_from(sorted(DOORS))
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


class Line(WiredLine, RuleBasedStateMachine):
    """The walk."""

    families: ClassVar[tuple[str, str]]

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        WiredLine.__init__(self, *self.families)
        self.asked: dict[str, tuple[int, float]] = {}
        self.answers: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.answering: dict[str, bool] = {}
        self.unsure: set[str] = set()
        """Banks that did not confirm what they were told."""
        self.plug_in()

    def take(self, effect: Effect) -> None:
        super().take(effect)
        match effect:
            case b.Acknowledged(ticket):
                self.answers[ticket] += 1
                self.acknowledged.add(ticket)
            case b.Unacknowledged(ticket):
                self.answers[ticket] += 1
            case b.Contact(bank, answering):
                assert self.answering.get(bank) is not answering
                self.answering[bank] = answering
            case b.Unready(bank):
                self.unsure.add(bank)
            case b.Stuck():
                raise AssertionError("no relay is welded here")

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
        self.plug_in()

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
            bank = DOORS[pulse.compartment][0]
            limit_s = PULSE_MS_MAX / 1000 if bank in self.unsure else self.drivers[bank].pulse_s
            assert pulse.ended - pulse.started <= limit_s + 0.001

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
