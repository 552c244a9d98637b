"""What the controller is told: the events of its flows, one frozen class each. Pure.

`drive` makes them of what boards, scanner, kiosk, probes and backend said.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from fellesskap_edge.door import Reading
from fellesskap_edge.spoken import Key
from fellesskap_protocol.messages import Badge, Command, Right

Standing = Literal["good", "near", "outside", "unknown"]
"""How a temperature stands to its limits; `near` is a warning, the last two are alarms."""


@dataclass(frozen=True, slots=True)
class DoorSensed:
    """A board read a door."""

    compartment: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class PulseUnacknowledged:
    """A board did not answer to an unlock."""

    compartment: int


@dataclass(frozen=True, slots=True)
class BankContact:
    """A board fell silent or answers again."""

    bank: str
    answering: bool


@dataclass(frozen=True, slots=True)
class BankPower:
    """The coils of a bank have their power, or it was cut; `why` in words."""

    bank: str
    on: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class ContentSensed:
    """An occupancy sensor looked into a compartment."""

    compartment: int
    occupied: bool


@dataclass(frozen=True, slots=True)
class KeyTurned:
    """The technician's key switch inside the service bay was turned."""

    on: bool


@dataclass(frozen=True, slots=True)
class LabelScanned:
    """A label was scanned: the MACs of its identifiers and their text, the surest first."""

    macs: tuple[str, ...]
    authorisation_id: str
    repeated: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadgeShown:
    """A courier's badge whose signature holds; `timely` if the clock may judge its `exp`."""

    badge: Badge
    session_id: str
    timely: bool


@dataclass(frozen=True, slots=True)
class BadgeForged:
    """Something like a badge that no key of ours signed."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """Somebody pressed a key at the kiosk; `value` says which size or carrier was chosen."""

    key: Key
    value: str
    authorisation_id: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Proceed:
    """Go on with what waits: the next label or the next parcel to take out."""

    authorisation_id: str


@dataclass(frozen=True, slots=True)
class CodeEntered:
    """A code was typed (or a QR code shown) at the kiosk; `ticket` names whoever waits."""

    kind: Literal["code", "long_code", "qr"]
    mac: str
    authorisation_id: str
    ticket: str


@dataclass(frozen=True, slots=True)
class CommandArrived:
    """A verified command; `fresh` if its challenge is good, `challenge` is the next one to use."""

    command: Command
    fresh: bool
    challenge: str
    authorisation_id: str


@dataclass(frozen=True, slots=True)
class RightsArrived:
    """A whole revision of the rights, all parts together."""

    generation: int
    revision: int
    from_empty: bool
    put: tuple[Right, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TemperatureJudged:
    """How a compartment stands to its limits from now on; `since` when, `what` in words.

    `lifts` says that what was not known turned out to have been well.
    """

    compartment: int
    standing: Standing
    since: datetime
    what: str
    lifts: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    DoorSensed
    | PulseUnacknowledged
    | BankContact
    | BankPower
    | ContentSensed
    | KeyTurned
    | LabelScanned
    | BadgeShown
    | BadgeForged
    | CodeEntered
    | KeyPressed
    | Proceed
    | CommandArrived
    | RightsArrived
    | TemperatureJudged
    | Tick
)
EVENTS: tuple[type[Event], ...] = get_args(Event)
