"""The words of commissioning: what is heard, what is done, and where the work stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """What is going on; all but the waiting ones have asked something."""

    SCANNING = "scanning"
    FOUND = "found"
    OFFERED = "offered"
    OPENING = "opening"
    NUMBER = "number"
    SIZE = "size"
    FLOOR = "floor"
    SHUT = "shut"
    SHUTTING = "shutting"
    COMPLETE = "complete"
    OVER = "over"


Place = tuple[str, int]
"""A contact or a lock: board and wire."""
NOTHING = 2
"""What a contact on a pin reads that joins the pin to neither ground (0) nor 3.3 V (1)."""


@dataclass(frozen=True, slots=True)
class Pins:
    """The wires of a bank on pins, as GPIO numbers; its "boards" are the computer itself."""

    locks: tuple[int, ...]
    doors: tuple[int, ...]
    rests: tuple[int, ...]
    """What each lock pin reads while nobody drives it."""
    level: int | None = None
    """Which level switches a lock on, if that is known."""


@dataclass(frozen=True, slots=True)
class Board:
    """One board that answered, or a bank on pins that can be had."""

    name: str
    family: str
    where: str
    """Line and address, for people."""
    channels: int
    senses: bool
    """It has contacts."""
    pins: Pins | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The scan is over; `silent` are boards that the draft names, `strange` boards it does not.

    At the `unclear` ones something answered that is no reply.
    """

    boards: tuple[Board, ...]
    silent: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """Contacts of a board read so from now on; None: not known any more."""

    board: str
    bits: Mapping[int, int | None]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The board said nothing to the unlock; the pulse may have fired or not."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The technician typed a line."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The technician is gone: end of input, or Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Found | Moved | Unanswered | Typed | Ended | Tick
EVENTS: tuple[type[Event], ...] = (Found, Moved, Unanswered, Typed, Ended, Tick)


@dataclass(frozen=True, slots=True)
class Say:
    """Tell the technician."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask; only what is typed after this is an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Scan:
    """Ask all addresses on all lines who is there."""


@dataclass(frozen=True, slots=True)
class Open:
    """Pulse one lock; on a pin with this level, and the pin is let go after it."""

    board: str
    channel: int
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Conclude and write the file."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End; nothing is written."""


Effect = Say | Ask | Scan | Open | Finish | Stop


@dataclass(frozen=True, slots=True)
class Door:
    """What was learnt of one door: the contact that moved, and what that said when it was open."""

    number: int
    lock: Place
    contact: Place | None
    open_bit: int | None = None
    size: str | None = None
    floor_mm: int | None = None
    shut_bit: int | None = None
    """What the contact said before."""
    level: int | None = None
    """On a pin: what opened it."""


@dataclass(frozen=True, slots=True)
class Commissioning:
    """Where the work stands; `known` are the doors whose sizes the draft has."""

    known: frozenset[int]
    sizes: tuple[str, ...] = ()
    phase: Phase = Phase.SCANNING
    boards: tuple[Board, ...] = ()
    bits: Mapping[Place, int] = field(default_factory=dict)
    before: Mapping[Place, int] = field(default_factory=dict)
    """The contacts when all was shut, before the present pulse."""
    at: int = 0
    channel: int = 1
    door: Door | None = None
    doors: tuple[Door, ...] = ()
    wake_at: float = float("inf")
    more: bool = False
    """Go on though every door of the draft is found."""
    second: bool = False
    """The first level did not open the lock in hand: the other one is tried."""

    @property
    def board(self) -> Board:
        """The board in hand."""
        return self.boards[self.at]

    @property
    def level(self) -> int | None:
        """The level for the lock in hand; of a pin whose level nobody knows, first as it rests.

        To drive a pin as it reads by itself changes nothing where the relay board has a pull.
        """
        pins = self.board.pins
        if pins is None or self.known_level is not None:
            return self.known_level
        return pins.rests[self.channel - 1] ^ self.second

    @property
    def known_level(self) -> int | None:
        """The level of the locks of the board in hand, if the draft or a door told it."""
        told = [door.level for door in self.doors if door.lock[0] == self.board.name]
        given = self.board.pins.level if self.board.pins else None
        return told[0] if told and given is None else given

    @property
    def moved(self) -> dict[Place, int]:
        """The contacts that read otherwise than before the pulse."""
        old = self.before
        return {place: bit for place, bit in self.bits.items() if old.get(place, bit) != bit}
