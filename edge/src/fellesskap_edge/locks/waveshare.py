"""Waveshare Modbus RTU relay boards, without inputs and with (D): frames and their meaning. Pure.

Quality: from documents (the maker's examples). The pulse is timed by the board: flash-on, in steps
of 100 ms. The board says which relays are on, so a relay that does not fall is noticed. One without
inputs knows no doors: they stay unknown, and its answer to the coils proves that it lives.

The (D) can link its inputs to its relays, and one report says that it comes so from the factory: a
door's contact would then fire its lock. So the linkage is written off and read back before the
board is used. Never sent: on, toggle, all on, flash-off (which ends with the relay on).

>>> Waveshare(address=1, pulse_ms=700).unlock(1).hex(" ")
'01 05 02 00 00 07 8d b0'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from fellesskap_edge.locks import modbus
from fellesskap_edge.locks.driver import (
    Bit,
    DoorReading,
    Driver,
    Family,
    Order,
    Settings,
    capped,
    checked,
    reading,
)

CHANNELS, CHANNELS_MAX = 8, 32
FLASH_ON = 0x0200
FLASH_UNIT_MS = 100
ALL = 0x00FF
LINKAGE = 0x1000
"""The first of one register a channel: 0 the input is only read, 1 linked, 2 toggles."""


@dataclass(frozen=True, slots=True)
class Waveshare(Driver):
    """One board without inputs on a line, by its address (1 to 247)."""

    address: int
    channels: int = CHANNELS
    pulse_ms: int = 300

    @property
    def pulse_s(self) -> float:
        """Return how long the board is told to keep a relay on."""
        return capped(self.pulse_ms) / 1000

    def start(self) -> tuple[Order, ...]:
        """Return the frame that switches all relays off."""
        return (_off(self.address),)

    def unlock(self, channel: int) -> bytes:
        """Return the frame that switches one relay on and lets the board switch it off."""
        relay = FLASH_ON + checked(channel, self.channels) - 1
        return _write_coil(self.address, relay, capped(self.pulse_ms) // FLASH_UNIT_MS)

    def acknowledges(self, heard: bytes, channel: int) -> bool:
        """Say whether the board repeats the request, as it does when it obeys."""
        return self.unlock(channel) in heard

    def status(self) -> bytes:
        """Return the frame that asks for the relays: there are no doors to ask for."""
        return self.coils()

    def doors(self, heard: bytes) -> Mapping[int, DoorReading] | None:
        """Return no door at all if the board answers, else None."""
        return None if self.coils_on(heard) is None else {}

    def coils(self) -> bytes:
        """Return the frame that asks which relays are on."""
        return modbus.asks(self.address, modbus.READ_COILS, 0, self.channels)

    def coils_on(self, heard: bytes) -> frozenset[int] | None:
        """Return the channels whose relay is on, from the reply heard."""
        found = modbus.bits(heard, self.address, modbus.READ_COILS, self.channels)
        if found is None:
            return None
        return frozenset(channel for channel, bit in enumerate(found, start=1) if bit)

    def off(self) -> Order:
        """Return what switches all relays off; the board repeats it."""
        return _off(self.address)


@dataclass(frozen=True, slots=True)
class WaveshareD(Waveshare):
    """One board with inputs: input n is the contact of the door at relay n."""

    closed_bit: Bit = 1

    def start(self) -> tuple[Order, ...]:
        """Return what unlinks the inputs, switches the relays off, and proves the first."""
        return _unlinking(self.address, self.channels)

    def proof(self) -> Order:
        """Return the question whether the inputs are still unlinked."""
        return self.start()[-1]

    def status(self) -> bytes:
        """Return the frame that asks for the inputs."""
        return modbus.asks(self.address, modbus.READ_INPUTS, 0, self.channels)

    def doors(self, heard: bytes) -> Mapping[int, DoorReading] | None:
        """Return every channel's door from the reply heard, else None."""
        found = modbus.bits(heard, self.address, modbus.READ_INPUTS, self.channels)
        if found is None:
            return None
        return {
            channel: reading(bit, self.closed_bit) for channel, bit in enumerate(found, start=1)
        }


def _write_coil(unit: int, coil: int, value: int) -> bytes:
    head = bytes((unit, modbus.WRITE_COIL))
    return modbus.sealed(head + coil.to_bytes(2, "big") + value.to_bytes(2, "big"))


@cache
def _off(unit: int) -> Order:
    frame = _write_coil(unit, ALL, 0)
    return Order("switch its relays off", frame, frame)


@cache
def _unlinking(unit: int, channels: int) -> tuple[Order, ...]:
    where = bytes((unit, modbus.WRITE_REGISTERS)) + LINKAGE.to_bytes(2, "big")
    where += channels.to_bytes(2, "big")
    size = 2 * channels
    write = modbus.sealed(where + bytes((size,)) + bytes(size))
    ask = modbus.asks(unit, modbus.READ_REGISTERS, LINKAGE, channels)
    none = modbus.sealed(bytes((unit, modbus.READ_REGISTERS, size)) + bytes(size))
    return (
        Order("take the order to unlink inputs and relays", write, modbus.sealed(where)),
        _off(unit),
        Order("unlink inputs and relays", ask, none),
    )


def _made(bank: Settings) -> Waveshare:
    return Waveshare(bank.address, bank.channels, bank.pulse_ms)


def _made_d(bank: Settings) -> WaveshareD:
    return WaveshareD(bank.address, bank.channels, bank.pulse_ms, bank.closed_bit)


FAMILY = Family(
    name="waveshare",
    quality="from documents",
    make=_made,
    addresses=range(1, 248),
    channels=CHANNELS,
    channels_max=CHANNELS_MAX,
    baud=9600,
    pulse_ms=300,
    pulse_step_ms=FLASH_UNIT_MS,
    relays=True,
    options=frozenset(),
)
FAMILY_D = Family(
    name="waveshare_d",
    quality="from documents",
    make=_made_d,
    addresses=range(1, 248),
    channels=CHANNELS,
    channels_max=CHANNELS,
    baud=9600,
    pulse_ms=300,
    pulse_step_ms=FLASH_UNIT_MS,
    relays=True,
)
