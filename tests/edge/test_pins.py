"""Real gpiozero devices on its mock pins: levels at the start, at work and on the way down."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from gpiozero import Device, GPIOZeroError, OutputDevice
from gpiozero.pins import local
from gpiozero.pins.mock import MockFactory, MockPin

from fellesskap_edge import pins as adapter
from fellesskap_edge.config import Bank
from fellesskap_edge.inbox import Inward
from fellesskap_edge.locks.gpio import PinEdge, PinLevels, PinsFailed
from fellesskap_edge.pins import Pins, pin_factory
from fellesskap_firmware_sim.mock_pins import WiredFactory

LOCKS, DOORS = (17, 27), (5, 6)


def bank(*, active_high: bool = True, closed_level: Any = 0) -> Bank:
    return Bank(
        name="p",
        family="gpio",
        supply="psu",
        lock_pins=LOCKS,
        door_pins=DOORS,
        active_high=active_high,
        closed_level=closed_level,
    )


class Bench:
    """The adapter on pins whose every change is on record: pin, level, None when let go."""

    def __init__(self, wiring: Bank) -> None:
        self.posted: list[Inward] = []
        self.told: list[tuple[int, bool | None]] = []
        self.factory = WiredFactory(lambda pin, level: self.told.append((pin, level)))
        self.pins = Pins((wiring,), self.posted.append, lambda: self.factory)

    def states(self, pin: int) -> list[bool]:
        return [state.state for state in self.factory.pin(pin).states]


@pytest.fixture(params=[True, False], ids=["active_high", "active_low"])
def active_high(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def bench(active_high: bool) -> Iterator[Bench]:
    bench = Bench(bank(active_high=active_high))
    yield bench
    bench.pins.stop()


def test_no_coil_is_on_for_a_moment_before_the_first_unlock(
    bench: Bench, active_high: bool
) -> None:
    off = not active_high
    assert bench.told == [(17, off), (27, off)]
    assert [bench.states(pin) for pin in LOCKS] == [[off], [off]]
    assert not bench.posted


def test_the_pull_is_off_before_a_pin_becomes_an_output(active_high: bool) -> None:
    """On gpiozero's own mock pins: once touched, the level is never that of a coil that is on."""
    factory = MockFactory()
    held = {pin: factory.pin(pin) for pin in LOCKS}
    pins = Pins((bank(active_high=active_high),), lambda _: None, lambda: factory)
    off = not active_high
    for pin in held.values():
        assert pin.function == "output"
        assert pin.pull == ("up" if off else "down")
        at_power_on = False
        assert [one.state for one in pin.states] == ([at_power_on, off] if off else [off])
    pins.stop()


def test_gpiozero_by_itself_does_let_an_active_low_coil_blip() -> None:
    """The control of the tests above: what they would see if nothing were done about it."""
    seen: list[tuple[str, bool]] = []

    class Pin(MockPin):  # type: ignore[misc]  # gpiozero has no types
        def _set_function(self, value: str) -> None:
            super()._set_function(value)
            seen.append((value, self._state))

    device = OutputDevice(17, active_high=False, pin_factory=MockFactory(pin_class=Pin))
    assert ("output", False) in seen
    device.close()


def test_one_channel_is_switched_and_no_other(bench: Bench, active_high: bool) -> None:
    on, off = active_high, not active_high
    bench.pins.set("p", 2, on=True)
    bench.pins.set("p", 2, on=False)
    assert bench.states(27) == [off, on, off]
    assert bench.states(17) == [off]


@pytest.mark.parametrize("closed_level", [0, 1])
def test_door_pins_are_pulled_so_that_a_cut_wire_reads_open(closed_level: int) -> None:
    bench = Bench(bank(closed_level=closed_level))
    bench.pins.read("p")
    nothing_wired = PinLevels("p", {1: not closed_level, 2: not closed_level})
    assert bench.posted == [nothing_wired]
    bench.factory.pin(5).drive(bool(closed_level))
    bench.pins.read("p")
    assert bench.posted[-1] == PinLevels("p", {1: bool(closed_level), 2: not closed_level})
    bench.pins.stop()


def test_an_edge_is_posted_once_until_the_pins_are_read() -> None:
    bench = Bench(bank())
    for turn in range(1000):
        bench.factory.pin(5 + turn % 2).drive(turn % 4 < 2)
    assert bench.posted == [PinEdge("p")]
    bench.pins.read("p")
    bench.factory.pin(5).drive(False)
    bench.factory.pin(5).drive(True)
    assert [type(event) for event in bench.posted] == [PinEdge, PinLevels, PinEdge]
    bench.pins.stop()


def test_on_the_way_down_all_is_off_before_the_pins_are_let_go(
    bench: Bench, active_high: bool
) -> None:
    bench.pins.set("p", 1, on=True)
    bench.told.clear()
    bench.pins.stop()
    assert [level for pin, level in bench.told if pin == 17] == [not active_high, None]


def test_a_coil_that_the_drive_forgets_is_cut(
    bench: Bench, active_high: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PULSE_S_MAX", 0.02)
    cut = threading.Event()
    bench.factory.told = lambda pin, level: cut.set() if level is not active_high else None
    bench.pins.set("p", 1, on=True)
    assert cut.wait(5)
    assert bench.states(17) == [not active_high, active_high, not active_high]


def test_pins_that_cannot_be_had_are_told_and_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    factories: list[WiredFactory] = []
    posted: list[Inward] = []

    def open_factory() -> WiredFactory:
        if not factories:
            raise GPIOZeroError("no pins here")
        return factories[0]

    pins = Pins((bank(),), posted.append, open_factory)
    pins.read("p")
    pins.set("p", 1, on=True)
    assert posted == [PinsFailed("p"), PinsFailed("p")]
    assert [record.message for record in caplog.records] == ["pins of bank p: no pins here"]
    factories.append(WiredFactory(lambda _pin, _level: None))
    pins.read("p")
    assert posted[2:] == [PinLevels("p", {1: True, 2: True})]
    pins.stop()


def test_a_pin_of_somebody_else_fails_its_bank_and_no_other() -> None:
    factory = WiredFactory(lambda _pin, _level: None)
    posted: list[Inward] = []
    other = Bank(name="q", family="gpio", supply="psu-2", lock_pins=(22,))
    thief = Pins(
        (Bank(name="t", family="gpio", supply="x", lock_pins=(27,)),), print, lambda: factory
    )
    pins = Pins((bank(), other), posted.append, lambda: factory)
    assert posted == [PinsFailed("p")]
    pins.read("q")
    assert posted[1:] == [PinLevels("q", {})]
    assert factory.pin(17).function == "input", "what it had got of the bank is let go again"
    thief.stop()
    pins.stop()


def test_a_write_that_fails_is_told_and_the_pins_are_let_go(bench: Bench) -> None:
    def broken(_pin: int, level: bool | None) -> None:
        if level is not None:
            raise OSError("the chip is gone")

    bench.factory.told = broken
    bench.pins.set("p", 1, on=True)
    assert bench.posted == [PinsFailed("p")]
    assert bench.factory.pin(17).function == "input"


# lgpio itself ------------------------------------------------------------------------------------


class RecordedLgpio(ModuleType):
    """What gpiozero asks of the C library; there is no chip here to ask it of."""

    BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2
    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 128, 32, 64

    class error(Exception):  # noqa: N801 (its name there)
        pass

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.asked: list[tuple[str, int, int | None]] = []

    def gpiochip_open(self, chip: int) -> int:
        if chip != 0:
            raise self.error("can not open gpiochip")
        return 7

    def gpiochip_close(self, handle: int) -> None:
        assert handle == 7

    def gpio_get_mode(self, _handle: int, gpio: int) -> int:
        claims = [name for name, number, _ in self.asked if number == gpio and "claim" in name]
        return 2 if claims[-1:] == ["claim_output"] else 0

    def gpio_claim_input(self, _handle: int, gpio: int, flags: int = 0) -> None:
        self.asked.append(("claim_input", gpio, flags))

    def gpio_claim_output(self, _handle: int, gpio: int, level: int = 0, _flags: int = 0) -> None:
        self.asked.append(("claim_output", gpio, level))

    def gpio_write(self, _handle: int, gpio: int, level: int) -> None:
        self.asked.append(("write", gpio, int(level)))

    def gpio_free(self, _handle: int, gpio: int) -> None:
        self.asked.append(("free", gpio, None))


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> RecordedLgpio:
    recorded = RecordedLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", recorded)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setattr(local, "get_pi_revision", lambda: 0xA02082)
    monkeypatch.setattr(local.LocalPiFactory, "pins", {})
    return recorded


def test_lgpio_claims_the_pin_with_its_level_and_never_writes_it_after(
    lgpio: RecordedLgpio, active_high: bool
) -> None:
    wiring = Bank(name="p", family="gpio", supply="psu", lock_pins=(17,), active_high=active_high)
    pins = Pins((wiring,), lambda _: None, pin_factory)
    pull = lgpio.SET_PULL_DOWN if active_high else lgpio.SET_PULL_UP
    assert lgpio.asked == [
        ("claim_input", 17, lgpio.SET_PULL_NONE),
        ("free", 17, None),
        ("claim_input", 17, pull),
        ("claim_output", 17, int(not active_high)),
    ]
    pins.set("p", 1, on=True)
    assert lgpio.asked[4:] == [("write", 17, int(active_high))]
    pins.stop()
    assert lgpio.asked[5:7] == [
        ("write", 17, int(not active_high)),
        ("claim_input", 17, lgpio.SET_PULL_NONE),
    ]


def test_an_error_of_lgpio_is_trouble_like_any_other(
    lgpio: RecordedLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[Inward] = []

    def refused(_chip: int) -> int:
        raise lgpio.error("can not open gpiochip")

    monkeypatch.setattr(lgpio, "gpiochip_open", refused)
    Pins((bank(),), posted.append, pin_factory)
    assert posted == [PinsFailed("p")]


def test_without_lgpio_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    posted: list[Inward] = []
    Pins((bank(),), posted.append, pin_factory)
    assert posted == [PinsFailed("p")]
    assert "fellesskap-edge[gpio]" in caplog.text


def test_a_factory_that_was_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", mock)
    assert pin_factory() is mock


def test_the_daemon_imports_gpiozero_only_for_pins() -> None:
    code = "import sys, fellesskap_edge.__main__; sys.exit('gpiozero' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
