"""Commissioning a bank on pins: which level opens, which pins are a door's, and no coil left on."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.config import Bank, CompartmentTable, LockerConfig, LockerTable, ScannerTable
from fellesskap_edge.tool import bare_pins, trying
from fellesskap_edge.tool import commissioning as core
from fellesskap_edge.tool import words as w
from fellesskap_edge.tool.bare_pins import BarePins
from fellesskap_edge.tool.draft import BankOnPins
from fellesskap_edge.tool.pin_banks import PinBanks
from fellesskap_edge.tool.wiring import Wiring, conclude
from fellesskap_firmware_sim.mock_pins import WiredFactory
from fellesskap_firmware_sim.world import SimulatedLocker

PULSE_S = 0.3
REST_S = 0.5
LOCKS, DOORS = (17, 27, 22), (13, 2, 6)
"""As the cabinet maker left it: the last lock pin leads nowhere; GPIO 2 is pulled up for good."""
WIRES = {4: (2, 6), 9: (1, 2)}
"""Which channel of the draft, and which door pin, each door is on."""


def cabinet(*, active_high: bool, closed_level: Any) -> SimulatedLocker:
    """The doors behind the pins."""
    doors = {4: (27, 6), 9: (17, 2)}
    if closed_level:
        doors = {4: (27, 6), 9: (17, 13)}
    truth = Bank(
        name="true",
        family="gpio",
        supply="psu",
        lock_pins=tuple(lock for lock, _ in doors.values()),
        door_pins=tuple(door for _, door in doors.values()),
        active_high=active_high,
        closed_level=closed_level,
    )
    compartments = tuple(
        CompartmentTable(number, "true", at, 350, 110, 300, 400, 510, 20_000)
        for at, number in enumerate(doors, start=1)
    )
    scanner = ScannerTable(family="grow", port="scanner")
    return SimulatedLocker(LockerConfig(LockerTable("oslo-1"), (truth,), compartments, scanner))


class Technician:
    """Somebody who does what is asked at a cabinet, in virtual time."""

    def __init__(self, hardware: SimulatedLocker, draft: Bank, level: int | None = None) -> None:
        self.now = 0.0
        self.hardware = hardware
        self.factory = WiredFactory(lambda pin, on: hardware.drive_pin(pin, on, self.now))
        Device.pin_factory = self.factory
        self.said: list[str] = []
        self.opened: list[w.Open] = []
        self.question = ""
        self.over = False
        self.banks = PinBanks([BankOnPins({}, draft, level)], self.give, self.said.append)
        self.state, first = core.begin(frozenset(WIRES), ())
        self.look()
        self.perform(first)

    def give(self, event: w.Event) -> None:
        self.state, effects = core.step(self.state, event, self.now)
        self.perform(effects)

    def perform(self, effects: tuple[w.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case w.Scan():
                    self.give(w.Found(tuple(self.banks.claim())))
                case w.Open():
                    self.opened.append(effect)
                    assert self.banks.open(effect, self.now)
                case w.Ask(text):
                    self.question = text
                    self.said.append(text)
                case w.Say(text):
                    self.said.append(text)
                case _:
                    self.over = True

    def works(self) -> Wiring:
        """Go on until it is over; return what is concluded."""
        while not self.over:
            assert self.now < 300, self.said
            if self.question:
                self.now += 0.4
                question, self.question = self.question, ""
                self.look()
                self.give(w.Typed(self.answer(question)))
            due = min(self.banks.wake_at, self.state.wake_at, self.hardware.wake_at)
            self.now = max(self.now, min(due, self.now + 1))
            self.look()
            self.banks.tick(self.now)
            self.give(w.Tick())
        self.banks.stop()
        return conclude(self.state.boards, self.state.doors, WIRES)

    def look(self) -> None:
        self.hardware.advance(self.now)
        for pin, level in self.hardware.pin_levels(self.now).items():
            self.factory.pin(pin).drive(level)

    def answer(self, question: str) -> str:
        plant = self.hardware.plant
        if "Which number" in question:
            return str(next(iter(plant.unattended), ""))
        if question.startswith("Shut"):
            for number in plant.unattended:
                plant.shut(number, self.now)
            self.now += 0.1
            self.look()
        return ""


@pytest.fixture(autouse=True)
def _no_wires_of_capacity(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bare_pins, "PULL_S", 0.0)
    before = Device.pin_factory
    yield
    Device.pin_factory = before


def draft_of(doors: tuple[int, ...] = DOORS) -> Bank:
    return Bank(name="p", family="gpio", supply="psu", lock_pins=LOCKS, door_pins=doors)


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("closed_level", [0, 1])
def test_levels_and_pins_of_each_door_are_learnt(closed_level: int, *, active_high: bool) -> None:
    hardware = cabinet(active_high=active_high, closed_level=closed_level)
    technician = Technician(hardware, draft_of())
    wiring = technician.works()
    assert wiring.problems == ()
    assert wiring.banks["p"] == {
        "lock_pins": [17, 27],
        "active_high": active_high,
        "door_pins": [13 if closed_level else 2, 6],
        "closed_level": closed_level,
    }
    assert [(one.number, one.lock) for one in wiring.doors] == [(4, ("p", 2)), (9, ("p", 1))]
    first = technician.opened[0]
    assert first.level == (not active_high), "what the wire reads by itself goes first"
    plant = hardware.plant
    assert {one.compartment for one in plant.pulses} == {4, 9}
    assert len(plant.pulses) == 2, "nothing was pulsed by the wrong level, or before it was asked"
    assert all(one.ended - one.started <= PULSE_S + 1e-6 for one in plant.pulses)
    assert all(technician.factory.pin(pin).function == "input" for pin in LOCKS)


def test_a_level_that_the_draft_says_is_not_asked_for() -> None:
    technician = Technician(cabinet(active_high=False, closed_level=0), draft_of(), level=0)
    assert technician.works().banks["p"]["active_high"] is False
    assert {one.level for one in technician.opened} == {0}


def test_a_wire_that_reads_wrongly_costs_one_pulse_and_is_learnt_all_the_same() -> None:
    """A relay board whose inputs float: at power-on they read the pull of the chip."""
    hardware = cabinet(active_high=False, closed_level=0)
    levels = hardware.pin_levels

    def floating(now: float) -> dict[int, bool | None]:
        return {pin: None if pin in LOCKS else level for pin, level in levels(now).items()}

    hardware.pin_levels = floating  # type: ignore[method-assign]
    technician = Technician(hardware, draft_of())
    wiring = technician.works()
    assert technician.opened[0].level == 0, "GPIO 17 is pulled down at reset"
    assert wiring.banks["p"]["active_high"] is False
    assert hardware.plant.longest_on_s(9, technician.now) <= PULSE_S + 1e-6


def test_a_bank_without_contacts_is_learnt_by_what_the_technician_sees() -> None:
    technician = Technician(cabinet(active_high=False, closed_level=0), draft_of(()))
    wiring = technician.works()
    assert wiring.banks["p"] == {"lock_pins": [17, 27], "active_high": False}
    assert [one.number for one in wiring.doors] == [4, 9]


def test_pins_that_cannot_be_had_are_told_and_nothing_is_found() -> None:
    technician = Technician(cabinet(active_high=True, closed_level=0), draft_of((40,)))
    assert any(one.startswith("NOT FOUND: the pins of bank p") for one in technician.said)
    assert "No board answers." in technician.said
    assert technician.question.startswith("r: ask again")


def test_a_pin_is_driven_for_one_pulse_though_the_loop_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bare_pins, "PULSE_S_MAX", 0.02)
    told: list[tuple[int, bool | None]] = []
    pins = BarePins((17,), (), WiredFactory(lambda pin, level: told.append((pin, level))))
    assert told == [], "nothing is driven before it is asked for"
    pins.drive(1, 1)
    assert pins._guard is not None
    pins._guard.join(5)
    assert told == [(17, True), (17, None)]


def test_a_pin_that_is_let_go_has_the_pull_of_power_on() -> None:
    factory = MockFactory()
    pins = BarePins((17, 4, 2), (), factory)
    assert pins.rests() == (0, 1, 1)
    pins.stop()
    assert [factory.pin(pin).pull for pin in (17, 4, 2)] == ["down", "up", "up"]


@given(
    st.lists(
        st.one_of(
            st.builds(trying.Try, st.integers(1, 3), st.integers(0, 1)),
            st.builds(trying.Looked, st.dictionaries(st.integers(1, 3), st.integers(0, 2))),
            st.floats(0.0, 1.2),
        ),
        max_size=40,
    ),
    st.floats(0.05, 3.0),
)
def test_whatever_is_asked_one_pin_is_driven_for_a_pulse_and_then_none_for_a_rest(
    events: list[trying.Event | float], pulse_s: float
) -> None:
    state, now = trying.Trying("p", pulse_s), 0.0
    driven: list[tuple[float, int]] = []
    let_go_at = float("-inf")
    for event in itertools.chain(events, [5.0, 5.0]):
        if isinstance(event, float):
            now = min(now + event, max(now, state.wake_at))
        state, effects = trying.step(
            state, trying.Tick() if isinstance(event, float) else event, now
        )
        for effect in effects:
            if isinstance(effect, trying.Drive):
                assert not driven, "one coil at a time"
                assert now - let_go_at >= REST_S - 1e-9
                driven.append((now, effect.channel))
            elif isinstance(effect, trying.LetGo):
                since, channel = driven.pop()
                assert channel == effect.channel
                assert now - since <= min(pulse_s, 1.0) + 1e-9
                let_go_at = now
            elif isinstance(effect, trying.Look):
                assert not driven, "nobody looks while a pulse is to be ended"
    assert (state.driven is not None) == bool(driven)


PINS = w.Pins(LOCKS, DOORS, (0, 0, 0))
BOARD = w.Board("p", "gpio", "GPIO 17 27 22", 3, senses=True, pins=PINS)


def door(number: int, channel: int, contact: int, shut_bit: int = 0) -> w.Door:
    return w.Door(number, ("p", channel), ("p", contact), 2, shut_bit=shut_bit, level=1)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (replace(door(3, 3, 3), contact=None), "look at switch and wire"),
        (replace(door(3, 3, 3), contact=("q", 1)), "its contact is on board q"),
        (door(3, 3, 3, shut_bit=2), "its switch opens when the door shuts"),
        (door(3, 3, 3, shut_bit=1), "the other way round"),
    ],
)
def test_a_door_that_no_key_can_say_is_left_out_and_named(odd: w.Door, told: str) -> None:
    wiring = conclude((BOARD,), (odd, door(1, 1, 2), door(2, 2, 1)), ())
    assert wiring.banks["p"] == {
        "lock_pins": [17, 27],
        "active_high": True,
        "door_pins": [2, 13],
        "closed_level": 0,
    }
    assert [one.number for one in wiring.doors] == [1, 2]
    [problem] = wiring.problems
    assert re.match(rf"door 3 \(GPIO 22 of bank p\): .*{told}", problem)
