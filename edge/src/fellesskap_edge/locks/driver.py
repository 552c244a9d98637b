"""What a family of lock boards is to the bus and to `locker.toml`. Pure.

A driver turns a wish into the bytes of one board and the bytes heard into what they mean; when to
speak and what to do about silence is the bus's. It has no frame that pulses several locks at once
or that holds a coil on: what cannot be said cannot be sent by mistake.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

DoorReading = Literal["shut", "open", "unknown"]
Bit = Literal[0, 1]
StatusOrder = Literal["high_first", "low_first"]
Quality = Literal["seen on hardware", "from a capture", "from documents"]
"""How sure we are of a family's frames, best first."""

PULSE_MS_MAX = 1000
"""No coil is asked to be on longer, whatever `locker.toml` says: a longer one burns some."""
SUPPLY_REST_S = 0.5
"""From the end of one pulse to the start of the next on the same supply."""
BAUDS = (4800, 9600, 19200, 38400, 57600, 115200)


class Settings(Protocol):
    """What `locker.toml` says of one board; a `config.Bank` is one."""

    @property
    def address(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def closed_bit(self) -> Bit: ...  # noqa: D102
    @property
    def status_order(self) -> StatusOrder: ...  # noqa: D102
    @property
    def baud(self) -> int: ...  # noqa: D102
    @property
    def pulse_ms(self) -> int: ...  # noqa: D102
    @property
    def retry_pulse_ms(self) -> int: ...  # noqa: D102
    @property
    def item_bit(self) -> Bit: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Order:
    """A request with the one reply that proves that it was done."""

    what: str
    """As it follows "the board did not …"."""
    request: bytes
    reply: bytes
    needed: bool = True
    """Whether the board may not be used without it."""


class Driver(ABC):
    """One board on a line: its frames out, and what its answers mean.

    `heard` is everything since the request left; a frame is found anywhere in it, and only one that
    holds its checksum and names this board and what was asked is believed.
    """

    acknowledged: ClassVar[bool] = True
    """Whether the board says anything to an unlock."""
    forgets: ClassVar[bool] = False
    """Whether a reset, however short, undoes the start: then it is done again before each pulse."""

    @property
    @abstractmethod
    def pulse_s(self) -> float:
        """Return how long the board keeps the coil on; the most, if that is not known."""

    @abstractmethod
    def unlock(self, channel: int) -> bytes:
        """Return the frame that pulses one lock; raise `ValueError` for a channel that is none."""

    @abstractmethod
    def acknowledges(self, heard: bytes, channel: int) -> bool:
        """Say whether the reply to an unlock of this channel is among the bytes heard."""

    @abstractmethod
    def status(self) -> bytes:
        """Return the frame that asks for all doors; it moves nothing."""

    @abstractmethod
    def doors(self, heard: bytes) -> Mapping[int, DoorReading] | None:
        """Return the doors in the status reply heard; a channel that is not in it is unknown."""

    def items(self, heard: bytes) -> Mapping[int, bool]:
        """Return where something lies by the sensors in the status reply heard, by channel."""
        del heard
        return {}

    def start(self) -> tuple[Order, ...]:
        """Return what to do, in order, before a board is used that was silent or is new."""
        return ()

    def proof(self) -> Order | None:
        """Return what proves, now and then, that a board still has what its start told it."""
        return None

    def coils(self) -> bytes:
        """Return the frame that asks which relays are on; empty if the board cannot say it."""
        return b""

    def coils_on(self, heard: bytes) -> frozenset[int] | None:
        """Return the channels whose relay is on from the reply heard, else None."""
        del heard
        return None

    def off(self) -> Order | None:
        """Return what switches all relays off, if the board knows such a thing."""
        return None

    def stirs(self, heard: bytes) -> bool:
        """Say whether the board says, unasked, that a door changed: a reason to look, no reading.

        Such frames differ between builds and are guarded by one byte; what counts is the status.
        """
        del heard
        return False


@dataclass(frozen=True)
class Family:
    """What the boards of one family have in common, under the name of `family` in `locker.toml`."""

    name: str
    quality: Quality
    make: Callable[[Settings], Driver]
    addresses: range
    channels: int
    """Of one board as it is mostly sold."""
    channels_max: int
    baud: int
    """As it comes from the factory."""
    pulse_ms: int
    pulse_step_ms: int = 0
    """0: the board times its pulses and cannot be told."""
    closed_bit: Bit = 1
    items: bool = False
    """Whether its boards tell what occupancy sensors see."""
    relays: bool = False
    """Whether its boards tell which of their relays are on."""
    options: frozenset[str] = frozenset({"closed_bit"})
    """The keys of `locker.toml` that mean something to it, beyond those of every board."""

    def problems(self, bank: Settings) -> Iterator[tuple[str, str]]:
        """Yield what this family cannot do of what is asked: the key and what to change."""
        first, last = self.addresses[0], self.addresses[-1]
        if bank.address not in self.addresses:
            yield "address", f"address {bank.address} is not {first} to {last}"
        if bank.baud not in BAUDS:
            yield "baud", f"baud {bank.baud} is none of {', '.join(map(str, BAUDS))}"
        if not 1 <= bank.channels <= self.channels_max:
            yield "channels", f"channels {bank.channels} is not 1 to {self.channels_max}"
        yield from self._of_pulse("pulse_ms", bank.pulse_ms)
        key, retry_ms = "retry_pulse_ms", bank.retry_pulse_ms
        if retry_ms < bank.pulse_ms:
            yield key, f"{key} {retry_ms} is shorter than pulse_ms {bank.pulse_ms}"
        elif retry_ms != bank.pulse_ms:
            yield from self._of_pulse(key, retry_ms)
        usual = Plain(self, bank.address, self.channels)
        for key in ("closed_bit", "status_order", "item_bit"):
            if key not in self.options and getattr(bank, key) != getattr(usual, key):
                yield key, f"{key} means nothing to family {self.name!r}: leave it out"

    def _of_pulse(self, key: str, ms: int) -> Iterator[tuple[str, str]]:
        if not self.pulse_step_ms and ms != self.pulse_ms:
            yield (
                key,
                f"{key} {ms}: a board of family {self.name!r} times its pulses itself"
                f" and cannot be told; leave it out",
            )
        elif self.pulse_step_ms and ms not in self.pulses_ms:
            yield (
                key,
                f"{key} {ms} is not {self.pulses_ms[0]} to {self.pulses_ms[-1]} in"
                f" steps of {self.pulse_step_ms}",
            )

    @property
    def pulses_ms(self) -> range:
        """How long a pulse may be where the board can be told."""
        return range(PULSE_MS_MIN, PULSE_MS_MAX + 1, self.pulse_step_ms or PULSE_MS_MAX)


PULSE_MS_MIN = 100
"""Shorter ones release no latch (120 ms by the simulated plant, not verified on hardware)."""


@dataclass(frozen=True)
class Plain:
    """The settings of a board as it comes from the factory."""

    family: Family
    address: int
    channels: int
    status_order: StatusOrder = "high_first"
    item_bit: Bit = 1

    @property
    def closed_bit(self) -> Bit:
        """As most builds of the family have it."""
        return self.family.closed_bit

    @property
    def baud(self) -> int:
        """The factory's."""
        return self.family.baud

    @property
    def pulse_ms(self) -> int:
        """What the daemon asks for by itself."""
        return self.family.pulse_ms

    @property
    def retry_pulse_ms(self) -> int:
        """The same."""
        return self.family.pulse_ms


def silence_s(baud: int) -> float:
    """Return how long a line must be silent between two frames.

    Modbus over serial line 1.02, 2.5.1.1: 3.5 characters, 1.75 ms above 19200 baud; 1 ms on top
    for the adapter. Without it the second of two relay boards missed every request.
    """
    return 0.001 + (3.5 * 10 / baud if baud <= 19200 else 0.00175)


def checked(channel: int, channels: int) -> int:
    """Return the channel; raise `ValueError` if the board has none such."""
    if not 1 <= channel <= channels:
        raise ValueError(f"channel {channel} is not 1 to {channels}")
    return channel


def capped(pulse_ms: int) -> int:
    """Return the pulse; raise `ValueError` above the cap."""
    if not 0 < pulse_ms <= PULSE_MS_MAX:
        raise ValueError(f"a pulse of {pulse_ms} ms is not 1 to {PULSE_MS_MAX}")
    return pulse_ms


def reading(bit: int, closed_bit: Bit) -> DoorReading:
    """Return what a contact says."""
    return "shut" if bit == closed_bit else "open"
