"""Pins of the computer itself: a thin adapter over gpiozero that knows levels and no locks.

A pin becomes an output with its coil (or the power of a bank) off, in one step, and its pull is set
to "off" before that. Callbacks only post. Whatever holds the drive up, a coil is cut after
`PULSE_S_MAX`. Pins that cannot be had are asked for again whenever they are read or switched.
Imported only where a bank is on pins, or has its power by one.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from gpiozero import Device, DigitalInputDevice, GPIOZeroError, OutputDevice
from gpiozero.pins import Factory

from fellesskap_edge.config import Bank
from fellesskap_edge.inbox import Inward, PinsHeld
from fellesskap_edge.locks.gpio import PULSE_S_MAX, PinEdge, PinLevels, PinsFailed

log = logging.getLogger(__name__)


class _Held:
    """The devices of one bank while its pins are ours."""

    def __init__(self, bank: Bank, factory: Factory, edge: Callable[[], None]) -> None:
        self.coils: dict[int, OutputDevice] = {}
        self.power: OutputDevice | None = None
        self.doors: dict[int, DigitalInputDevice] = {}
        self.edge_posted = False
        try:
            for channel, number in enumerate(bank.lock_pins, start=1):
                self.coils[channel] = _off(number, factory, active_high=bank.active_high)
            if bank.power_pin is not None:
                self.power = _off(bank.power_pin, factory, active_high=bank.power_active_high)
            for channel, number in enumerate(bank.door_pins, start=1):
                # The pull is away from the closed level, so that a cut wire reads as an open door.
                door = DigitalInputDevice(
                    number, pull_up=bank.closed_level == 0, pin_factory=factory
                )
                door.when_activated = door.when_deactivated = edge
                self.doors[channel] = door
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """All off, then let the pins go."""
        outputs = (*self.coils.values(), *((self.power,) if self.power else ()))
        for output in outputs:
            with suppress(*trouble()):
                output.off()
        for device in (*outputs, *self.doors.values()):
            with suppress(*trouble()):
                device.close()


class Pins:
    """The pins of all banks on pins, by their names."""

    def __init__(
        self,
        banks: Iterable[Bank],
        post: Callable[[Inward], None],
        open_factory: Callable[[], Factory],
    ) -> None:
        self._banks = {bank.name: bank for bank in banks}
        self._post = post
        self._open_factory = open_factory
        self._factory: Factory | None = None
        self._held: dict[str, _Held] = {}
        self._guards: dict[str, threading.Timer] = {}
        self._said = dict.fromkeys(self._banks, "")
        for name in self._banks:
            try:
                self._claim(name)
            except trouble() as error:
                self._failed(name, error)

    def read(self, bank: str) -> None:
        """Read the door pins of a bank and post what they say, or that they cannot be read."""
        try:
            held = self._claim(bank)
            held.edge_posted = False
            levels = {channel: bool(door.pin.state) for channel, door in held.doors.items()}
        except trouble() as error:
            self._failed(bank, error)
        else:
            self._post(PinLevels(bank, levels))

    def set(self, bank: str, channel: int, *, on: bool) -> None:
        """Switch one coil; post that the bank failed if that cannot be done."""
        self._unguard(bank)
        held = self._held.get(bank)
        if held is None:
            return
        coil = held.coils[channel]
        try:
            if on:
                guard = self._guards[bank] = threading.Timer(PULSE_S_MAX, _cut, (bank, coil))
                guard.daemon = True
                guard.start()
                coil.on()
            else:
                coil.off()
        except trouble() as error:
            self._failed(bank, error)

    def set_power(self, bank: str, *, on: bool) -> None:
        """Give the coils of a bank their supply or take it; post if that cannot be, or can again.

        A pin that fails is let go: its pull, and that of the switch behind it, is "off".
        """
        failed = self._said[bank]
        try:
            power = self._claim(bank).power
            assert power is not None, "only banks with a power_pin are switched"
            (power.on if on else power.off)()
        except trouble() as error:
            self._failed(bank, error)
        else:
            if failed:
                self._post(PinsHeld(bank))

    def stop(self) -> None:
        """All off; the pins are let go."""
        for name in list(self._held):
            self._let_go(name)
        if self._factory is not None:
            self._factory.close()

    def _claim(self, name: str) -> _Held:
        held = self._held.get(name)
        if held is None:
            if self._factory is None:
                self._factory = self._open_factory()
            held = self._held[name] = _Held(self._banks[name], self._factory, self._edge(name))
            self._said[name] = ""
        return held

    def _edge(self, name: str) -> Callable[[], None]:
        """Return what is called, by a foreign thread, when a door pin of the bank changes."""

        def changed() -> None:
            held = self._held.get(name)
            # A loose wire changes thousands of times a second: one is enough until the next read.
            if held is not None and not held.edge_posted:
                held.edge_posted = True
                self._post(PinEdge(name))

        return changed

    def _failed(self, name: str, error: Exception) -> None:
        if str(error) != self._said[name]:
            self._said[name] = str(error)
            log.warning("pins of bank %s: %s", name, error)
        self._let_go(name)
        self._post(PinsFailed(name))

    def _let_go(self, name: str) -> None:
        self._unguard(name)
        if (held := self._held.pop(name, None)) is not None:
            held.close()

    def _unguard(self, name: str) -> None:
        if (guard := self._guards.pop(name, None)) is not None:
            guard.cancel()


def _off(number: int, factory: Factory, *, active_high: bool) -> OutputDevice:
    """Make a pin an output that is off, and was never on."""
    pin = factory.pin(number)
    if pin.function == "input" and not pin.info.pull:
        pin.pull = "down" if active_high else "up"
    return OutputDevice(number, active_high=active_high, initial_value=False, pin_factory=factory)


def pin_factory() -> Factory:
    """Return gpiozero's factory if whoever started the program set one, else that of lgpio.

    Never gpiozero's own choice: it falls back to factories that let an active-low coil blip.
    Raises what `trouble` lists where there are no pins, or `OSError` without lgpio.
    """
    return Device.pin_factory or _lgpio_factory()


def _lgpio_factory() -> Factory:
    try:
        import lgpio  # noqa: PLC0415 (only on a computer that has pins)
        from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin  # noqa: PLC0415
    except ImportError as error:
        raise OSError(f"no lgpio ({error}): install fellesskap-edge[gpio]") from None

    class LevelFirstPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
        """A pin that becomes an output at its level: lgpio's own becomes low, then gets it."""

        def output_with_state(self, state: float) -> None:
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(bool(state)))

    factory = LGPIOFactory()
    factory.pin_class = LevelFirstPin
    return factory


def _cut(bank: str, coil: OutputDevice) -> None:
    """Switch a coil off that the drive left on for too long: it hangs, or the disk does."""
    log.error("pins of bank %s: a coil was on for %s s and was cut", bank, PULSE_S_MAX)
    with suppress(*trouble()):
        coil.off()


def trouble() -> tuple[type[Exception], ...]:
    """What pins raise; lgpio has an error of its own, and is not there everywhere."""
    lgpio = sys.modules.get("lgpio")
    return (GPIOZeroError, OSError, *((lgpio.error,) if lgpio else ()))
