"""The 24-way 8A lock board (Guangzhou Shuoming and clones), by its strict rules.

9600 8N1; XOR of all bytes before the last. A bad checksum, another address or an unknown command
is met with silence. Half duplex: what arrives while it sends is lost. Frames and timings:
24-way protocol of 2021 as implemented by five independent drivers and one capture.

Beside the two commands that the product sends (open one, read), it obeys the dangerous ones as a
real board does: open all (`8A AA 00 11`), hold a coil on and off (`9A`, `9B`).
"""

from functools import reduce
from operator import xor
from typing import Literal

from fellesskap_firmware_sim.faults import BoardFaults
from fellesskap_firmware_sim.plant import Plant

PULSE_S = 0.300
OPEN_ALL_GAP_S = 0.100
"""All 24 take 9.6 s; drivers in the field wait 10 s for the reply."""
FRAME_GAP_S = 0.020
"""A longer silence inside a frame ends it."""
BITS_PER_BYTE = 10
FRAME_BYTES = (5, 6)
ALL = 0


class Board8A:
    """One board with its channels wired to compartments of a plant."""

    def __init__(
        self,
        plant: Plant,
        channels: dict[int, int],
        *,
        address: int = 1,
        baud: int = 9600,
        closed_bit: Literal[0, 1] = 1,
    ) -> None:
        self.plant = plant
        self.channels = channels
        self.address = address
        self.faults = BoardFaults()
        self.status_order: Literal["high_first", "low_first"] = "high_first"
        self.reply_after_pulse = False
        self._byte_s = BITS_PER_BYTE / baud
        self._closed_bit = closed_bit
        self._heard = bytearray()
        self._heard_until = float("-inf")
        self._sending: list[tuple[float, int]] = []
        self._coils: list[tuple[float, Literal["on", "off", "reply"], int]] = []

    @property
    def wake_at(self) -> float:
        """When a byte is due or a coil changes."""
        due = [at for at, _ in self._sending] + [at for at, _, _ in self._coils]
        return min(due, default=float("inf"))

    def receive(self, data: bytes, now: float) -> None:
        """Hear bytes that arrive at `now`, each taking its time on the line."""
        self.advance(now)
        if self.faults.silent:
            return
        for byte in data:
            begins = max(now, self._heard_until)
            if begins - self._heard_until > FRAME_GAP_S:
                self._heard.clear()
            self._heard_until = begins + self._byte_s
            if self.faults.echo:
                self._sending.append((self._heard_until, byte))
            elif self._speaks(begins, self._heard_until):
                continue  # half duplex: lost while it speaks
            self._heard.append(byte)
            del self._heard[: -max(FRAME_BYTES)]
            self._look_for_frame(self._heard_until)

    def advance(self, now: float) -> None:
        """Switch the coils that are due."""
        while self._coils and min(self._coils)[0] <= now:
            step = min(self._coils)
            self._coils.remove(step)
            at, what, channel = step
            if what == "reply":
                self._reply_one(0x8A, channel, at)
            elif what == "on":
                self.plant.energise(self.channels[channel], at)
            else:
                self.plant.release(self.channels[channel], at)
        self.plant.advance(now)

    def transmit(self, now: float) -> bytes:
        """Return the bytes whose last bit is on the line by now."""
        self.advance(now)
        sent = sorted((one for one in self._sending if one[0] <= now), key=lambda one: one[0])
        self._sending = [one for one in self._sending if one[0] > now]
        return bytes(byte for _, byte in sent)

    def _speaks(self, begins: float, ends: float) -> bool:
        return any(at - self._byte_s < ends and begins < at for at, _ in self._sending)

    def _look_for_frame(self, at: float) -> None:
        for length in FRAME_BYTES:
            frame = bytes(self._heard[-length:])
            if (
                len(frame) == length
                and reduce(xor, frame[:-1]) == frame[-1]
                and self._obey(frame, at)
            ):
                self._heard.clear()
                return

    def _obey(self, frame: bytes, at: float) -> bool:
        """Do what a valid frame says; return whether it is one for this board."""
        command, address, channel, marker = frame[:4]
        if address != self.address:
            return False
        if command == 0x80 and marker == 0x33 and len(frame) == 5:
            if channel == 0:
                self._reply_all(at)
            elif channel in self.channels:
                self._reply_one(0x80, channel, at)
            return True
        if marker != 0x11 or command not in (0x8A, 0x9A, 0x9B):
            return False
        if command == 0x8A and channel == ALL and len(frame) == 5:
            for turn, one in enumerate(sorted(self.channels)):
                self._pulse(one, at + turn * (PULSE_S + OPEN_ALL_GAP_S), PULSE_S)
            done_at = at + len(self.channels) * (PULSE_S + OPEN_ALL_GAP_S)
            self._coils.append((done_at, "reply", ALL))
        elif channel not in self.channels:
            return True
        elif command == 0x8A and (len(frame) == 5 or 1 <= frame[4] <= 9):
            on_s = PULSE_S if len(frame) == 5 else float(frame[4])
            self._pulse(channel, at, on_s)
            reply_at = at + on_s if self.reply_after_pulse else at
            self._coils.append((reply_at, "reply", channel))
        elif len(frame) == 5:
            self._coils.append((at, "on" if command == 0x9A else "off", channel))
            self._coils.append((at, "reply", channel))
        self.advance(at)
        return True

    def _pulse(self, channel: int, at: float, on_s: float) -> None:
        self._coils.append((at, "on", channel))
        self._coils.append((at + on_s, "off", channel))

    def _bit(self, channel: int, at: float) -> int:
        number = self.channels.get(channel)
        if number is None:
            return 0
        shut = self.plant.reads_shut(number, at)
        return self._closed_bit if shut else 1 - self._closed_bit

    def _reply_one(self, header: int, channel: int, at: float) -> None:
        status = 0x11 if self._bit(channel, at) else 0x00
        self._send(bytes((header, self.address, channel, status)), at)

    def _reply_all(self, at: float) -> None:
        groups = [
            sum(self._bit(group * 8 + bit + 1, at) << bit for bit in range(8)) for group in range(3)
        ]
        if self.status_order == "high_first":
            groups.reverse()
        self._send(bytes((0x80, self.address, *groups, 0x33)), at)

    def _send(self, body: bytes, at: float) -> None:
        checksum = reduce(xor, body)
        if self.faults.corrupt_replies:
            self.faults.corrupt_replies -= 1
            checksum ^= 0x55
        begins = at + self.faults.reply_delay_s
        if self._sending:
            begins = max(begins, *(sending_at for sending_at, _ in self._sending))
        for place, byte in enumerate(body + bytes((checksum,)), start=1):
            self._sending.append((begins + place * self._byte_s, byte))
