"""The Waveshare Modbus RTU relay board, without inputs and with (D), by its strict rules.

9600 8N1, CRC-16; a frame ends by 3.5 characters of silence, and two without it are one that is
wrong. A bad checksum or another unit is met with silence, what it cannot do with an exception. A
new order to a relay cancels its running timer. Frames: the maker's examples.

It obeys what the product never sends too: on, toggle, all on, flash-off. The (D) comes from the
factory with its inputs linked to its relays, as one report has it: an input that turns on switches
its relay on, one that turns off switches it off.
"""

from fellesskap_edge.locks.modbus import crc
from fellesskap_firmware_sim.boards.board import Board

FLASH_UNIT_S = 0.100
FLASHES_MAX = 0x7FFF
ALL = 0xFF
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
ADDRESS_REGISTER, LINKAGE = 0x4000, 0x1000
READ_ONLY, LINKED, TOGGLES = 0, 1, 2


class Refused(Exception):
    """The board answers with an exception of this number."""


class Waveshare(Board):
    """One board of relays; a frame is taken for ended when it has been silent long enough."""

    has_inputs = False

    modes: list[int]
    """What each input does to its relay; kept through a reset, as an EEPROM does."""
    _inputs: int | None = None

    def forget(self) -> None:
        """Keep what it was told, unless all is forgotten; from the factory inputs are linked."""
        if not hasattr(self, "modes") or self.faults.forgets_all:
            self.modes = [LINKED] * self.size if self.has_inputs else []

    @property
    def wake_at(self) -> float:
        """When a byte is due, a relay changes or a frame has ended."""
        due = super().wake_at
        return min(due, self._ends_at) if self._heard else due

    @property
    def _ends_at(self) -> float:
        silence_s = 3.5 * self.byte_s if self._baud <= 19200 else 0.00175
        return self._heard_until + silence_s

    def hear(self, heard: bytes, at: float) -> bool:
        """Wait: only silence ends a frame."""
        del heard, at
        return False

    def _take(self, byte: int, begins: float) -> None:
        if self._heard:
            self._end_frame(begins)
        super()._take(byte, begins)

    def advance(self, now: float) -> None:
        """Take the frame that has ended, switch what is due, follow the inputs."""
        if self._heard:
            self._end_frame(now)
        super().advance(now)
        if any(self.modes):
            self._follow(now)

    def _end_frame(self, now: float) -> None:
        at = self._ends_at
        if at > now:
            return
        frame = bytes(self._heard)
        self._heard.clear()
        if len(frame) < 4 or crc(frame[:-2]) != frame[-2:]:
            return
        unit, function, body = frame[0], frame[1], frame[2:-2]
        everybody = unit == 0 and body[:2] == ADDRESS_REGISTER.to_bytes(2, "big")
        if unit != self.address and not everybody:
            return
        try:
            reply = self._obey(function, body, at)
        except Refused as refused:
            function, reply = function | 0x80, bytes(refused.args)
        # The silence that ended the frame is part of the delay.
        self.say(bytes((unit, function)) + reply, self._heard_until)

    def _obey(self, function: int, body: bytes, at: float) -> bytes:
        """Do what a valid request says; return the reply's data or raise `Refused`."""
        if len(body) < 4:
            raise Refused(ILLEGAL_VALUE)
        first, value = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if function == 1:
            return self._bits(sum(1 << channel - 1 for channel in self.on), first, value)
        if function == 2 and self.has_inputs:
            return self._bits(self.bits(at), first, value)
        if function == 3:
            return self._read_registers(first, value)
        if function == 5:
            self._write_coil(first, value, at)
            return body
        if function == 6 and first == ADDRESS_REGISTER:
            self._address = value
            return body
        if function == 15:
            return self._write_coils(first, value, body[4:], at)
        if function == 16 and self.has_inputs:
            return self._write_modes(first, value, body[4:])
        raise Refused(ILLEGAL_FUNCTION)

    def sealed(self, body: bytes) -> bytes:
        """Return the body with its CRC."""
        return body + crc(body)

    def _bits(self, bits: int, first: int, count: int) -> bytes:
        if not 1 <= count <= self.size - first:
            raise Refused(ILLEGAL_ADDRESS)
        size = (count + 7) // 8
        return bytes((size,)) + (bits >> first & (1 << count) - 1).to_bytes(size, "little")

    def _read_registers(self, first: int, count: int) -> bytes:
        if (first, count) == (ADDRESS_REGISTER, 1):
            return bytes((2, 0, self.address))
        at = first - LINKAGE
        if at < 0 or not 1 <= count <= len(self.modes) - at:
            raise Refused(ILLEGAL_ADDRESS)
        values = b"".join(mode.to_bytes(2, "big") for mode in self.modes[at : at + count])
        return bytes((len(values),)) + values

    def _write_coil(self, first: int, value: int, at: float) -> None:
        kind, relay = first >> 8, first & 0xFF
        relays = range(1, self.size + 1) if kind == 0 and relay == ALL else [relay + 1]
        if kind not in (0, 2, 4) or relays[0] > self.size:
            raise Refused(ILLEGAL_ADDRESS)
        if kind == 0 and value not in (0x0000, 0xFF00, 0x5500):
            raise Refused(ILLEGAL_VALUE)
        if kind and not 1 <= value <= FLASHES_MAX:
            raise Refused(ILLEGAL_VALUE)
        for channel in relays:
            self.plan_nothing(channel)
            if kind == 2:
                self.pulse(channel, at, value * FLASH_UNIT_S)
            elif kind == 4:
                self._due += [(at, "off", channel), (at + value * FLASH_UNIT_S, "on", channel)]
            else:
                on = channel not in self.on if value == 0x5500 else value == 0xFF00
                self.switch(channel, on=on, at=at)

    def _write_coils(self, first: int, count: int, data: bytes, at: float) -> bytes:
        if not 1 <= count <= self.size - first or data[:1] != bytes(((count + 7) // 8,)):
            raise Refused(ILLEGAL_ADDRESS)
        bits = int.from_bytes(data[1:], "little")
        for turn in range(count):
            self.plan_nothing(first + turn + 1)
            self.switch(first + turn + 1, on=bool(bits >> turn & 1), at=at)
        return first.to_bytes(2, "big") + count.to_bytes(2, "big")

    def _write_modes(self, first: int, count: int, data: bytes) -> bytes:
        at = first - LINKAGE
        if at < 0 or not 1 <= count <= len(self.modes) - at or len(data) != 1 + 2 * count:
            raise Refused(ILLEGAL_ADDRESS)
        modes = [int.from_bytes(data[one : one + 2], "big") for one in range(1, len(data), 2)]
        if any(mode not in (READ_ONLY, LINKED, TOGGLES) for mode in modes):
            raise Refused(ILLEGAL_VALUE)
        self.modes[at : at + count] = modes
        return first.to_bytes(2, "big") + count.to_bytes(2, "big")

    def _follow(self, now: float) -> None:
        """Let linked relays follow the inputs that changed."""


class WaveshareD(Waveshare):
    """One board with an input beside each relay."""

    has_inputs = True

    def _follow(self, now: float) -> None:
        inputs = self.bits(now)
        before, self._inputs = inputs if self._inputs is None else self._inputs, inputs
        for channel in sorted(self.channels):
            mask = 1 << channel - 1
            mode, turned_on = self.modes[channel - 1], bool(inputs & mask)
            if not (before ^ inputs) & mask or mode == READ_ONLY:
                continue
            if mode == LINKED:
                self.switch(channel, on=turned_on, at=now)
            elif turned_on:
                self.switch(channel, on=channel not in self.on, at=now)
