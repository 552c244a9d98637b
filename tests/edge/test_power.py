"""The supply of a bank's coils is cut when a relay stays on, and only a person gives it back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fellesskap_edge import power as p
from fellesskap_edge.config import Bank, ServiceKeyTable
from fellesskap_edge.inbox import Inward, Outward, PinsHeld
from fellesskap_edge.locks.gpio import PinsFailed
from fellesskap_edge.pins import Pins
from fellesskap_edge.power import Power, SetPower
from fellesskap_firmware_sim.mock_pins import WiredFactory
from fellesskap_protocol.events import Fault, ServiceChanged, Serving
from tests.durability.visits import label
from tests.edge.failing_locker import Failing
from tests.edge.little_locker import CONFIG, DOORS
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden/power.txt"
PIN = 23
IN_BANK_A = sorted(number for number, (bank, _, _) in DOORS.items() if bank == "a")
CUT = ("power of bank a", "cut: relay 1 stays on")
LOCK_S_MAX = 1.5
"""Pulse, look, all off, look again: then the coil is off; it would burn after 10 s."""


def test_every_state_and_every_event_is_as_the_reviewed_table_says() -> None:
    rows = []
    for before in Power:
        for event in p.Event:
            after, effects = p.step("a", before, event, frozenset({1}))
            says = " ".join(f"on={one.on} stuck={one.stuck}" for one in effects)
            rows.append(f"{before:<6} + {event:<7} -> {after:<6} {says}".rstrip())
    assert_golden(GOLDEN, "\n".join(rows) + "\n")


class OnPins(Failing):
    """A locker whose bank `a` has its power through a real gpiozero device on a mock pin."""

    def __init__(self, folder: Path, family: Any, *, active_high: bool = True) -> None:
        banks = (
            Bank(
                name="a",
                family=family,
                port="bus-a",
                address=1,
                supply="psu-a",
                power_pin=PIN,
                power_active_high=active_high,
            ),
            Bank(name="b", family="kerong", port="bus-b", address=0, supply="psu-b"),
        )
        self.levels: list[bool | None] = []
        self.active_level = active_high
        self.pins: Pins | None = None
        key = ServiceKeyTable("b", 8)
        wiring = msgspec.structs.replace(CONFIG, banks=banks, service_key=key)
        super().__init__(folder, wiring)

    def _start(self, journal: Any) -> None:
        if self.pins:
            self.pins.stop()
        factory = WiredFactory(self._told)
        self.pins = Pins(self.config.banks[:1], self._post, lambda: factory)
        super()._start(journal)

    def _post(self, event: Inward) -> None:
        raise AssertionError(f"no pin fails here: {event}")

    def _told(self, pin: int, level: bool | None) -> None:
        assert pin == PIN
        self.levels.append(level)
        self.hardware.drive_pin(pin, level, self.now_s)

    def _perform(self, effect: Outward) -> None:
        if isinstance(effect, SetPower):
            assert self.pins is not None
            self.pins.set_power(effect.bank, on=effect.on)
        else:
            super()._perform(effect)

    def turn_key(self) -> None:
        """Let the technician turn the service key, and turn it back."""
        for on in (True, False):
            self.hardware.turn_key(on=on)
            self.wait(12)

    def services(self) -> dict[int, str]:
        """The service of the doors of bank `a`, as operators see it."""
        self.wait(2)
        return {n: self.states[-1].compartments[n - 1].service for n in IN_BANK_A}


@pytest.fixture(params=["waveshare", "waveshare_d"])
def locker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnPins]:
    locker = OnPins(tmp_path, request.param)
    yield locker
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def weld(locker: OnPins) -> None:
    """Let the relay of door 1 weld as it is pulsed, and its power be cut."""
    locker.hardware.boards["a"].faults.welded = 1
    assert locker.types() == ("opens", 1)
    locker.wait(3)
    assert CUT in locker.faults()


@pytest.mark.slow
def test_a_relay_that_no_order_switches_off_loses_its_power_and_its_bank_is_out(
    locker: OnPins,
) -> None:
    plant = locker.hardware.plant
    weld(locker)
    assert plant.longest_on_s(1, locker.now_s) < LOCK_S_MAX
    assert locker.hardware.boards["a"].on == {1}, "the relay is on, its coil is not"
    assert locker.levels[-1] is not locker.active_level
    assert locker.services() == dict.fromkeys(IN_BANK_A, "out")
    assert "power of bank a: cut" in locker.standing_faults()
    pulses = len(plant.pulses)
    locker.shut_what_stands_open()
    locker.wait(5)
    assert locker.types() == ("out_of_order", 1)
    locker.command("open_door", "jti-1", 1)
    assert [(one.outcome, one.reason) for one in locker.results[-1:]] == [
        ("refused", "out_of_order")
    ]
    assert len(plant.pulses) == pulses
    outcome, number = locker.scans(label(2))
    assert (outcome, number in IN_BANK_A) == ("opens", False), "the other bank serves on"
    locker.wait(1000)
    last = locker.journalled(Serving)[-1]
    assert not set(last.compartments) & set(IN_BANK_A), "and this one is not said to"


def test_power_comes_back_when_the_key_is_turned_and_all_relays_read_off(locker: OnPins) -> None:
    weld(locker)
    board = locker.hardware.boards["a"]
    locker.turn_key()
    assert ("service key", "turned on") in locker.faults()
    assert locker.services() == dict.fromkeys(IN_BANK_A, "out"), "it is still on"
    assert locker.levels[-1] is not locker.active_level
    board.faults.welded = 0
    locker.wait(20)
    assert board.on == set()
    assert "power of bank a: cut" in locker.standing_faults(), "nobody has looked at it"
    locker.turn_key()
    assert locker.services() == dict.fromkeys(IN_BANK_A, "in")
    assert locker.standing_faults() == ()
    assert [one for one in locker.faults() if one[0] == CUT[0]] == [CUT, (CUT[0], "ok")]
    locker.shut_what_stands_open()
    locker.wait(10)
    assert locker.collects() == ("opens", 1), "the right stayed good"


def test_a_start_gives_no_power_before_every_relay_reads_off(locker: OnPins) -> None:
    weld(locker)
    locker.wait(40)
    locker.shut_what_stands_open()
    locker.wait(10)
    for _ in range(2):
        before = len(locker.levels), len(locker.hardware.plant.pulses)
        locker.restart()
        locker.wait(30)
        assert locker.active_level not in locker.levels[before[0] :]
        assert len(locker.hardware.plant.pulses) == before[1]
    assert locker.services() == dict.fromkeys(IN_BANK_A, "out")
    locker.hardware.boards["a"].faults.welded = 0
    locker.restart()
    locker.wait(10)
    assert locker.services() == dict.fromkeys(IN_BANK_A, "in")
    assert locker.faults()[-1] == (CUT[0], "ok")
    fired = len(locker.hardware.plant.pulses)
    locker.command("open_door", "jti-1", 1)
    assert [one.compartment for one in locker.hardware.plant.pulses[fired:]] == [1]


def test_a_board_that_falls_silent_with_a_relay_on_loses_its_power_too(locker: OnPins) -> None:
    board = locker.hardware.boards["a"]
    board.faults.welded, locker.checker.coil_s_max = 1, 5.0
    locker.types()
    while ("relay 1 of bank a", "stays on") not in locker.faults():
        locker.wait(0.02)
    board.faults.silent = True
    locker.wait(5)
    assert CUT in locker.faults()
    assert locker.hardware.plant.longest_on_s(1, locker.now_s) < 5


def test_what_an_operator_says_of_a_door_meanwhile_stands(locker: OnPins) -> None:
    weld(locker)
    one, *others = IN_BANK_A
    locker.command("set_service", "jti-out", one, "out")
    locker.hardware.boards["a"].faults.welded = 0
    locker.restart()
    locker.wait(10)
    assert locker.services() == {one: "out", **dict.fromkeys(others, "in")}
    changes = locker.journalled(ServiceChanged)
    assert all(change.cause == "power cut" for change in changes if change.compartment in others)


@pytest.mark.parametrize("active_high", [True, False])
def test_the_power_is_never_on_for_a_moment_before_the_relays_were_read(
    tmp_path: Path, *, active_high: bool
) -> None:
    locker = OnPins(tmp_path, "waveshare_d", active_high=active_high)
    assert locker.levels == [not active_high, active_high], "off by the pin's first level, then on"
    assert locker.faults() == []
    locker.drive.parts.journal.close()


def test_a_power_pin_of_somebody_else_is_told_and_asked_for_again() -> None:
    factory = WiredFactory(lambda _pin, _level: None)
    posted: list[Inward] = []
    bank = Bank(name="a", family="waveshare", port="x", address=1, supply="psu", power_pin=PIN)
    thief = Bank(name="t", family="gpio", supply="t", lock_pins=(PIN,))
    stolen = Pins((thief,), print, lambda: factory)
    pins = Pins((bank,), posted.append, lambda: factory)
    pins.set_power("a", on=True)
    assert posted == [PinsFailed("a")] * 2
    stolen.stop()
    pins.set_power("a", on=True)
    assert posted[2:] == [PinsHeld("a")]
    assert factory.pin(PIN).state
    pins.stop()
    assert factory.pin(PIN).function == "input"


def test_a_power_pin_that_cannot_be_had_is_a_fault_until_it_can(tmp_path: Path) -> None:
    class Barred(OnPins):
        barred = True

        def _perform(self, effect: Outward) -> None:
            if isinstance(effect, SetPower) and self.barred:
                self.at(self.now_s, lambda: self.give(PinsFailed("a")))
            elif isinstance(effect, SetPower):
                self.at(self.now_s, lambda: self.give(PinsHeld("a")))
                super()._perform(effect)
            else:
                super()._perform(effect)

        def deposit(self, number: int) -> None:
            del number

    locker = Barred(tmp_path, "waveshare_d")
    part = "power pin of bank a"
    locker.wait(30)
    assert any(one.startswith(part) for one in locker.standing_faults())
    locker.barred = False
    locker.wait(10)
    assert locker.standing_faults() == ()
    told = [one.what for one in locker.journalled(Fault) if one.part == part]
    assert told == ["ok"], "the fault itself came before the journal was looked at"
    locker.drive.parts.journal.close()
