"""The KERONG CU16 lock board (CU12 and NCU16L alike), by its strict rules.

19200 8N1; `02 | board nibble, lock nibble | code | data | 03 | sum`. A wrong sum, another board or
an unknown code is met with silence, and so is every unlock. Frames: CU12/CU16 documents as
implemented by five independent drivers. What it answers to 0x37 and how long it pulses from the
factory is documented once or not at all.

Beside what the product sends it obeys unlock-all (`33`) and the broadcast status (`F0 32`).
"""

from typing import ClassVar

from fellesskap_firmware_sim.boards.board import Board

STX, ETX = 0x02, 0x03
FRAME_BYTES = (5, 7)
FACTORY_PULSE_S = 0.550
TIME_UNIT_S = 0.010
UNLOCK_ALL_GAP_S = 0.100
TURN_S = 0.020
"""Between the boards that answer a broadcast."""
EVERYBODY = 0xF0


class Kerong(Board):
    """One board of 16 channels with an item sensor each."""

    FACTORY_BAUD: ClassVar[int] = 19200
    FACTORY_SIZE: ClassVar[int] = 16
    item_bit = 1
    """What its infrared inputs read when something lies there."""
    answers_time = True
    """Whether it says anything to 0x37: one document says so."""

    def forget(self) -> None:
        """Pulse as from the factory."""
        self.pulse_s = FACTORY_PULSE_S

    def hear(self, heard: bytes, at: float) -> bool:
        """Obey the frame that the last bytes are."""
        if len(heard) < FRAME_BYTES[0] or heard[-2] != ETX:
            return False
        for length in FRAME_BYTES:
            frame = heard[-length:]
            if (
                len(frame) == length
                and frame[0] == STX
                and sum(frame[:-1]) & 0xFF == frame[-1]
                and self._obey(frame[1], frame[2], frame[3:-2], at)
            ):
                return True
        return False

    def _obey(self, address: int, code: int, data: bytes, at: float) -> bool:
        """Do what a valid frame says; return whether it is one for this board."""
        if code == 0x32 and address == EVERYBODY and not data:
            self.say(self._status(0x36, at), at + self.address * TURN_S)
            return True
        board, lock = address >> 4, address & 0x0F
        if board != self.address:
            return False
        if code == 0x31 and not data:
            if lock + 1 in self.channels:
                self.pulse(lock + 1, at, self.pulse_s)
        elif lock:
            return False
        elif code == 0x30 and not data:
            self.say(self._status(0x35, at), at)
        elif code == 0x33 and not data:
            self.pulse_all(at, self.pulse_s, UNLOCK_ALL_GAP_S)
        elif code == 0x37:
            if data:
                self.pulse_s = int.from_bytes(data, "big") * TIME_UNIT_S
            if self.answers_time:
                units = round(self.pulse_s / TIME_UNIT_S).to_bytes(2, "big")
                self.say(bytes((STX, address, 0x38)) + units + bytes((ETX,)), at)
        else:
            return False
        return True

    def sealed(self, body: bytes) -> bytes:
        """Return the body with the sum of all."""
        return body + bytes((sum(body) & 0xFF,))

    def _status(self, code: int, at: float) -> bytes:
        items = sum(
            (self.plant.occupied(number, at) == bool(self.item_bit)) << channel - 1
            for channel, number in self.channels.items()
        )
        bits = self.bits(at).to_bytes(2, "little") + items.to_bytes(2, "little")
        return bytes((STX, self.address << 4, code)) + bits + bytes((ETX,))
