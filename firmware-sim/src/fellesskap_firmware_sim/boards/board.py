"""What all lock boards have in common: bytes take their time, coils are switched. Sans-I/O.

A family says which bytes are a frame (`hear`), what it does then, and what it answers. A board
that speaks hears nothing (half duplex); a reset drops its relays and forgets what it was told.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from operator import itemgetter
from typing import ClassVar, Literal

from fellesskap_firmware_sim.faults import BoardFaults
from fellesskap_firmware_sim.plant import Plant

FRAME_GAP_S = 0.020
"""A longer silence inside a frame ends it."""
BITS_PER_BYTE = 10
PIECE_BYTES = 3
NEVER = float("inf")
HEARD_BYTES_MAX = 256
Step = Literal["off", "on", "reply"]


class Board(ABC):
    """One board with its channels wired to compartments of a plant."""

    FACTORY_BAUD: ClassVar[int] = 9600
    FACTORY_SIZE: ClassVar[int] = 8
    FACTORY_CLOSED_BIT: ClassVar[Literal[0, 1]] = 1

    def __init__(
        self,
        plant: Plant,
        channels: dict[int, int],
        *,
        address: int = 1,
        baud: int | None = None,
        closed_bit: Literal[0, 1] | None = None,
    ) -> None:
        self.plant = plant
        self.channels = channels
        self.switches: dict[int, bool] = {}
        """Channels where something else is wired than a door: whether its contact is closed."""
        self.faults = BoardFaults()
        self.size = self.FACTORY_SIZE
        """How many channels its replies tell of; those that are not wired read open."""
        self.reply_after_pulse = False
        self.says_changes = False
        """It says unasked that a door changed."""
        self.on: set[int] = set()
        """Channels whose relay is on."""
        self._address = address
        self._baud = baud or self.FACTORY_BAUD
        self.byte_s = BITS_PER_BYTE / self._baud
        """How long one byte takes on the line."""
        self._closed_bit = self.FACTORY_CLOSED_BIT if closed_bit is None else closed_bit
        self._heard = bytearray()
        self._heard_until = float("-inf")
        self._deaf_until = float("-inf")
        self._sending: list[tuple[float, int]] = []
        """Bytes with the end of their last bit, the first first."""
        self._due: list[tuple[float, Step, int]] = []
        self._shut_before: dict[int, bool] = {}
        self._facts_seen = -1
        self._replies = 0
        self.forget()

    # What a family says ---------------------------------------------------------------------------

    @abstractmethod
    def hear(self, heard: bytes, at: float) -> bool:
        """Obey the frame that ends with the last byte heard; say whether there was one."""

    def answer(self, channel: int, at: float) -> None:  # noqa: B027 - some say nothing
        """Say what the family says to an unlock (0: of all)."""

    def told_of(self, channel: int, at: float) -> bytes:
        """Return what it says unasked of a door that changed, without checksum: most nothing."""
        del channel, at
        return b""

    @abstractmethod
    def sealed(self, body: bytes) -> bytes:
        """Return the body with its checksum."""

    def forget(self) -> None:  # noqa: B027 - some have nothing to forget
        """Be as from the factory in all that a reset undoes."""

    # What it is asked from outside ----------------------------------------------------------------

    @property
    def address(self) -> int:
        """The address that it is set to."""
        return self._address if self.faults.address is None else self.faults.address

    @property
    def wake_at(self) -> float:
        """When a byte is due or a coil changes."""
        due = min(self._due)[0] if self._due else NEVER
        return min(due, self._sending[0][0]) if self._sending else due

    def receive(self, data: bytes, now: float) -> None:
        """Hear bytes that arrive at `now`, each taking its time on the line."""
        self.advance(now)
        for byte in data:
            self._take(byte, max(now, self._heard_until))

    def overhear(self, byte: int, ends: float) -> None:
        """Hear one byte that another board said."""
        self._take(byte, max(ends - self.byte_s, self._heard_until))

    def advance(self, now: float) -> None:
        """Switch the coils that are due; notice what moved."""
        if self.faults.reset_s:
            self._reset(now)
        while self._due and (step := min(self._due))[0] <= now:
            self._due.remove(step)
            at, what, channel = step
            if what == "reply":
                self.answer(channel, at)
            else:
                self.switch(channel, on=what == "on", at=at)
        self.plant.advance(now)
        if self.says_changes and len(self.plant.facts) != self._facts_seen:
            self._facts_seen = len(self.plant.facts)
            self._notice(now)

    def spoken(self, now: float) -> list[tuple[float, int]]:
        """Take the bytes whose last bit is on the line by now, each with the time of that."""
        self.advance(now)
        if not self._sending or self._sending[0][0] > now:
            return []
        by_now = bisect_right(self._sending, now, key=itemgetter(0))
        said, self._sending = self._sending[:by_now], self._sending[by_now:]
        return said

    def transmit(self, now: float) -> bytes:
        """Take the same as bytes."""
        return bytes(byte for _, byte in self.spoken(now))

    def speaks(self, begins: float, ends: float) -> bool:
        """Say whether it sends between two moments."""
        if not self._sending or begins >= self._sending[-1][0]:
            return False
        return any(at - self.byte_s < ends and begins < at for at, _ in self._sending)

    # What families do -----------------------------------------------------------------------------

    def bit(self, channel: int, at: float) -> int:
        """Return a door's contact as the board reports it."""
        number = self.channels.get(channel)
        if number is None:
            closed = self.switches.get(channel)
            return 0 if closed is None else self._closed_bit if closed else 1 - self._closed_bit
        shut = self.plant.reads_shut(number, at)
        return self._closed_bit if shut else 1 - self._closed_bit

    def bits(self, at: float) -> int:
        """Return all contacts, the lowest channel in the lowest bit."""
        wired = {*self.channels, *self.switches}  # any other reads open, and that is 0
        return sum(self.bit(one, at) << one - 1 for one in wired if one <= self.size)

    def pulse(self, channel: int, at: float, on_s: float) -> None:
        """Switch a coil on now and off later; what was planned for it is forgotten."""
        self.plan_nothing(channel)
        self._due += [(at, "on", channel), (at + on_s, "off", channel)]

    def pulse_and_answer(self, channel: int, at: float, on_s: float) -> None:
        """Pulse, and answer at once or when the pulse is over."""
        self.pulse(channel, at, on_s)
        self.reply_at(channel, at + on_s if self.reply_after_pulse else at)

    def pulse_all(self, at: float, on_s: float, gap_s: float) -> float:
        """Pulse one channel after the other; return when all is over."""
        for turn, channel in enumerate(sorted(self.channels)):
            self.pulse(channel, at + turn * (on_s + gap_s), on_s)
        return at + len(self.channels) * (on_s + gap_s)

    def reply_at(self, channel: int, at: float) -> None:
        """Answer an unlock then."""
        self._due.append((at, "reply", channel))

    def plan_nothing(self, channel: int) -> None:
        """Cancel the running timer of a channel."""
        self._due = [one for one in self._due if one[2] != channel or one[1] == "reply"]

    def switch(self, channel: int, *, on: bool, at: float) -> None:
        """Switch a relay; a welded one does not fall."""
        if on:
            self.on.add(channel)
            if channel in self.channels:
                self.plant.energise(self.channels[channel], at)
        elif channel != self.faults.welded:
            self.on.discard(channel)
            if channel in self.channels:
                self.plant.release(self.channels[channel], at)

    def say(self, body: bytes, at: float) -> None:
        """Send a reply after the usual delay; a late one after more."""
        self._replies += 1
        is_late = self.faults.late_every and self._replies % self.faults.late_every == 0
        delay_s = self.faults.late_s if is_late else self.faults.reply_delay_s
        self._send(body, at + delay_s)

    def _send(self, body: bytes, begins: float) -> None:
        """Send a frame, after what is being sent."""
        frame = bytearray(self.sealed(body))
        if self.faults.corrupt_replies:
            self.faults.corrupt_replies -= 1
            frame[-1] ^= 0x55
        if self.faults.flipped_bits:
            self.faults.flipped_bits -= 1
            frame[self.faults.flipped_bits % len(frame)] ^= 1 << self.faults.flipped_bits % 8
        noise = bytes(0x7F - at for at in range(self.faults.garbage_bytes % 0x7F))
        ends = max(begins, self._sending[-1][0]) if self._sending else begins
        for place, byte in enumerate(noise + frame):
            pause_s = self.faults.split_s if place and place % PIECE_BYTES == 0 else 0.0
            ends += self.byte_s + pause_s
            self._sending.append((ends, self._garbled(byte)))

    # ----------------------------------------------------------------------------------------------

    def _take(self, byte: int, begins: float) -> None:
        """Hear one byte, unless it is off, resetting or speaking."""
        ends = begins + self.byte_s
        deaf = self.faults.silent or begins < self._deaf_until
        if deaf or (self._sending and self.speaks(begins, ends)):
            self._heard.clear()
            self._heard_until = ends
            return
        if begins - self._heard_until > FRAME_GAP_S:
            self._heard.clear()
        self._heard_until = ends
        self._heard.append(byte if self.faults.baud is None else self._garbled(byte))
        if len(self._heard) > HEARD_BYTES_MAX:
            del self._heard[0]
        if self.hear(bytes(self._heard), ends):
            self._heard.clear()
            self.advance(ends)

    def _garbled(self, byte: int) -> int:
        """Return what a byte looks like to somebody at another speed."""
        if self.faults.baud in (None, self._baud):
            return byte
        return (byte * 37 + 101) & 0xFF

    def _reset(self, now: float) -> None:
        self._deaf_until = now + self.faults.reset_s
        self.faults.reset_s = 0.0
        self._due.clear()
        self._sending.clear()
        for channel in sorted(self.on):
            self.switch(channel, on=False, at=now)
        self.forget()

    def _notice(self, now: float) -> None:
        shut = {one: self.plant.reads_shut(number, now) for one, number in self.channels.items()}
        before, self._shut_before = self._shut_before or shut, shut
        if self.faults.silent or now < self._deaf_until or self._sending:
            return
        for channel, is_shut in shut.items():
            told = self.told_of(channel, now) if is_shut != before[channel] else b""
            if told:
                self._send(told, now)
