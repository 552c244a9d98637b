"""What reaches the daemon from outside, and what it does outside: the words at the rim. Pure.

Threads post the first kind into the inbox and do nothing else; `drive` says the second kind to
whoever performs it: the daemon with real ports and sockets, a simulation with its own.
"""

from dataclasses import dataclass

from fellesskap_edge.climate import Read
from fellesskap_edge.locks.gpio import PinEdge, PinLevels, PinsFailed, ReadPins, SetPin
from fellesskap_edge.power import SetPower
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier, WarnOfTemperature
from fellesskap_protocol.topics import Kind


@dataclass(frozen=True, slots=True)
class PortUp:
    """A serial port was opened."""

    port: str


@dataclass(frozen=True, slots=True)
class PortDown:
    """A serial port went away."""

    port: str


@dataclass(frozen=True, slots=True)
class PortBarred:
    """A serial port is there and does not open: somebody has to give us the right, or a baud."""

    port: str
    why: str


@dataclass(frozen=True, slots=True)
class PortBytes:
    """Bytes came in at a serial port."""

    port: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker took the connection and every subscription."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection to the broker is gone."""


@dataclass(frozen=True, slots=True)
class LinkMessage:
    """A message on one of this locker's topics."""

    kind: Kind
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class PinsHeld:
    """The pins of a bank, which could not be had, are ours again."""

    bank: str


@dataclass(frozen=True, slots=True)
class CodeTyped:
    """Eight or twelve digits (or a QR value) came in at the kiosk; `ticket` names who waits."""

    value: str
    ticket: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key was pressed at the kiosk; `value` is what was chosen, `ticket` names who waits."""

    key: Key
    value: str
    ticket: str


@dataclass(frozen=True, slots=True)
class InboxOverflowed:
    """So many events were lost because the inbox was full."""

    lost: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Inward = (
    PortUp
    | PortDown
    | PortBarred
    | PortBytes
    | PinLevels
    | PinEdge
    | PinsFailed
    | PinsHeld
    | LinkUp
    | LinkDown
    | LinkMessage
    | CodeTyped
    | KeyPressed
    | Read
    | InboxOverflowed
    | Tick
)


@dataclass(frozen=True, slots=True)
class WritePort:
    """Send bytes out at a serial port."""

    port: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a message on one of this locker's topics."""

    kind: Kind
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class SetWill:
    """What the broker shall say of us when the next connection breaks."""

    payload: bytes


Outward = (
    WritePort
    | SetPin
    | ReadPins
    | SetPower
    | Publish
    | SetWill
    | Answer
    | TellCourier
    | TellAtDoor
    | WarnOfTemperature
)
