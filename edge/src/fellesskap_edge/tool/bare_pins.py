"""Pins whose wiring is not known yet: a thin adapter over gpiozero, for `trying`.

Nothing is driven but for a pulse. A lock pin that is not driven is what it is at power-on, when
nobody has claimed it: an input with the pull of the chip. Whatever holds the loop up, a pin is let
go after `PULSE_S_MAX`. Imported only where a draft has a bank on pins.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gpiozero.pins import Factory

from fellesskap_edge.config_pins import PULLED_UP_PINS
from fellesskap_edge.locks.gpio import PULSE_S_MAX
from fellesskap_edge.pins import trouble
from fellesskap_edge.tool.words import NOTHING

UP_AT_RESET = frozenset(range(9))
"""GPIO 0 to 8 are pulled up at reset, all others down (BCM2835 ARM Peripherals, 6.2)."""
PULL_S = 0.010
"""What a pull of 50 kOhm needs to move a wire that has a capacitor of 100 nF against noise."""


class BarePins:
    """The pins of one bank; raises what `trouble` lists where they cannot be had."""

    def __init__(self, locks: tuple[int, ...], doors: tuple[int, ...], factory: Factory) -> None:
        self._guard: threading.Timer | None = None
        self._locks: list[Any] = []
        self._doors: list[Any] = []
        for number in locks:
            self._locks.append(factory.pin(number))
            self._rest(self._locks[-1], number)
        self._lock_numbers, self._door_numbers = locks, doors
        self._doors = [factory.pin(number) for number in doors]

    def rests(self) -> tuple[int, ...]:
        """Return what each lock pin reads while nobody drives it."""
        threading.Event().wait(PULL_S)
        return tuple(int(bool(pin.state)) for pin in self._locks)

    def drive(self, channel: int, level: int) -> None:
        """Drive a lock pin, for no longer than a coil may be on."""
        guard = self._guard = threading.Timer(PULSE_S_MAX, self._cut, (channel,))
        guard.daemon = True
        guard.start()
        self._locks[channel - 1].output_with_state(level)

    def let_go(self, channel: int) -> None:
        """End the pulse."""
        if self._guard is not None:
            self._guard.cancel()
        self._rest(self._locks[channel - 1], self._lock_numbers[channel - 1])

    def look(self) -> Mapping[int, int]:
        """Return what joins each contact's pin, told by pulling it both ways."""
        read: list[list[int]] = []
        for pull in ("up", "down"):
            for number, pin in zip(self._door_numbers, self._doors, strict=True):
                # Their resistor is fixed, and stronger than a pull: up is all that they can be.
                pin.pull = "up" if number in PULLED_UP_PINS else pull
            threading.Event().wait(PULL_S)
            read.append([int(bool(pin.state)) for pin in self._doors])
        return {
            at: high if high == low and (low == 0 or number not in PULLED_UP_PINS) else NOTHING
            for at, (number, high, low) in enumerate(zip(self._door_numbers, *read, strict=True), 1)
        }

    def stop(self) -> None:
        """Let every pin go."""
        if self._guard is not None:
            self._guard.cancel()
        for number, pin in zip(self._lock_numbers, self._locks, strict=True):
            with suppress(*trouble()):
                self._rest(pin, number)

    def _cut(self, channel: int) -> None:
        with suppress(*trouble()):
            self.let_go(channel)

    @staticmethod
    def _rest(pin: Any, number: int) -> None:
        if pin.function != "input":
            pin.function = "input"
        pin.pull = "up" if number in UP_AT_RESET else "down"
