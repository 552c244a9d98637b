"""What the controller knows, what it is told and what it says: the words of its flows. Pure.

`Controller` is copied for each step (`draft`) and never changed once a step has returned it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import msgspec

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import Limits
from fellesskap_edge.door import STANDS_OPEN, Door
from fellesskap_edge.facts import (
    BadgeUse,
    Consumed,
    Excursion,
    Fact,
    FactKind,
    Operation,
    Place,
    Position,
    Powerless,
    Session,
    Unseen,
)
from fellesskap_edge.spoken import Told
from fellesskap_edge.throttle import Throttle
from fellesskap_edge.told import (
    EVENTS,
    BadgeForged,
    BadgeShown,
    BankContact,
    BankPower,
    CodeEntered,
    CommandArrived,
    ContentSensed,
    DoorSensed,
    Event,
    KeyPressed,
    KeyTurned,
    LabelScanned,
    Proceed,
    PulseUnacknowledged,
    RightsArrived,
    Standing,
    TemperatureJudged,
    Tick,
)
from fellesskap_protocol.capacity import Compartment, Demand
from fellesskap_protocol.events import AnyEvent, Outcome, Presentation, Presented
from fellesskap_protocol.messages import CommandOutcome, Right

__all__ = [
    "EVENTS",
    "BadgeForged",
    "BadgeShown",
    "BankContact",
    "BankPower",
    "CodeEntered",
    "CommandArrived",
    "ContentSensed",
    "DoorSensed",
    "Event",
    "KeyPressed",
    "KeyTurned",
    "LabelScanned",
    "Proceed",
    "PulseUnacknowledged",
    "RightsArrived",
    "Standing",
    "TemperatureJudged",
    "Tick",
]

# What it says ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Write an event into the journal."""

    event: AnyEvent


@dataclass(frozen=True, slots=True)
class Keep:
    """Store a fact under its kind and key, in the same transaction."""

    kind: FactKind
    key: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop a stored fact."""

    kind: FactKind
    key: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """Pulse a lock, after everything above it is committed."""

    compartment: int
    authorisation_id: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class WatchDoor:
    """Read the door's bank often, or not any more."""

    compartment: int
    fast: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell whoever waits at the kiosk; `options` to choose from, by name."""

    ticket: str
    outcome: Told
    compartment: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TellCourier:
    """Show (and sound) what became of a scan, or what comes next."""

    outcome: Told
    compartment: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TellAtDoor:
    """Show (and sound) what became of a door that somebody at the kiosk asked for."""

    outcome: Told
    compartment: int
    courier: bool
    """Whether it is said in a courier's words."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Something waits and the way is free: give `Proceed` with a new id."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a command; `drive` signs and sends it."""

    jti: str
    outcome: CommandOutcome
    challenge: str
    reason: str | None = None
    first_outcome: CommandOutcome | None = None


@dataclass(frozen=True, slots=True)
class WarnOfTemperature:
    """Tell whoever was just answered that this parcel was out of its temperature since then."""

    ticket: str
    compartment: int
    since: datetime


Effect = (
    Record
    | Keep
    | Forget
    | Pulse
    | WatchDoor
    | Answer
    | TellCourier
    | TellAtDoor
    | GoOn
    | Reply
    | WarnOfTemperature
)

# What it knows ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where one compartment's lock hangs, how long its pulse is, and its geometry."""

    compartment: Compartment
    bank: str
    supply: str
    gap_s: float
    """From the start of its pulse to the next on the same supply."""
    retry_gap_s: float
    """The same from the pulse of a retry, which may be longer."""


UNSEEN_MAX = 3
"""Acts in a row that an occupancy sensor contradicts: then it is doubted, not the people."""


@dataclass(frozen=True, slots=True)
class Reopening:
    """The MACs that open a compartment again for a while after its act; `until` in mono s."""

    macs: tuple[str, ...]
    until: float
    parcel_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A label that waits for a choice, a badge, or the last door to be shut."""

    label: LabelScanned
    at: float
    carrier_id: str | None = None
    choice: Literal["carrier", "size"] | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Controller:
    """Everything that decides whether a door opens."""

    wiring: Mapping[int, Wiring]
    limits: Limits
    kiosk: str
    locker_id: str
    site: str | None
    doors: dict[int, Door]
    places: dict[int, Place]
    operations: dict[int, Operation] = field(default_factory=dict)
    rights: dict[str, Right] = field(default_factory=dict)
    position: Position = Position()
    keypad: Throttle = Throttle()
    labels: Throttle = Throttle()
    consumed: dict[str, Consumed] = field(default_factory=dict)
    opened_remotely_at: tuple[float, ...] = ()
    """In monotonic seconds, which no message and nobody at the machine can set."""
    supply_free_at: dict[str, float] = field(default_factory=dict)
    waiting_pulses: tuple[int, ...] = ()
    reopenings: dict[int, Reopening] = field(default_factory=dict)
    excursions: dict[int, Excursion] = field(default_factory=dict)
    answering: frozenset[str] = frozenset()
    powerless: dict[str, Powerless] = field(default_factory=dict)
    """The banks whose power is cut."""
    serving_since: float | None = None
    """What is not proven yet began then, in monotonic seconds."""
    used: dict[str, int] = field(default_factory=dict)
    """Allowance given away in this epoch, by size class."""
    session: Session | None = None
    badges: dict[str, BadgeUse] = field(default_factory=dict)
    at_hand: int | None = None
    """The door of the kiosk's last operation, until that has ended."""
    waiting: Asked | None = None
    asked: Asked | None = None
    sweep: tuple[str, ...] | None = None
    """The rights whose parcels are still to be taken out; None while nobody sweeps."""
    occupied: dict[int, bool] = field(default_factory=dict)
    """What the occupancy sensors saw last."""
    unseen: dict[int, Unseen] = field(default_factory=dict)
    """Acts that they contradicted, by compartment."""
    key_until: float = 0.0
    """Service mode ends then, in monotonic seconds."""


class Draft:
    """A controller being changed by one step, and what the step says."""

    def __init__(self, controller: Controller, now: Instant) -> None:
        self.now = now
        self.effects: list[Effect] = []
        self.c = replace(
            controller,
            doors=dict(controller.doors),
            places=dict(controller.places),
            operations=dict(controller.operations),
            rights=dict(controller.rights),
            consumed=dict(controller.consumed),
            supply_free_at=dict(controller.supply_free_at),
            reopenings=dict(controller.reopenings),
            used=dict(controller.used),
            badges=dict(controller.badges),
            occupied=dict(controller.occupied),
            excursions=dict(controller.excursions),
            powerless=dict(controller.powerless),
            unseen=dict(controller.unseen),
        )

    def change(self, **fields: object) -> None:
        """Replace plain fields."""
        self.c = replace(self.c, **fields)  # type: ignore[arg-type]

    def say(self, *effects: Effect) -> None:
        """Add effects, in order."""
        self.effects.extend(effects)

    def place(self, number: int, place: Place) -> None:
        """Change what is known of a compartment, durably."""
        self.c.places[number] = place
        self.say(Keep("place", str(number), place))

    def presented(
        self,
        kind: Presentation,
        reason: str | None,
        outcome: Outcome = "refused",
        **named: str | None,
    ) -> None:
        """Record a presentation that opens nothing; `named`: `right_id`, `jti` or `badge_jti`."""
        event = Presented(kind=kind, outcome=outcome, reason=reason, kiosk=self.c.kiosk)
        self.say(Record(msgspec.structs.replace(event, **named)))


def demand_of(right: Right) -> Demand:
    """Return what a right needs of a compartment."""
    return Demand(right.w_mm, right.h_mm, right.d_mm, right.g, right.needs)


def sees(controller: Controller, number: int) -> bool | None:
    """Say whether something lies there by the occupancy sensor; None: none, or one in doubt."""
    unseen = controller.unseen.get(number)
    if unseen is not None and unseen.uses >= UNSEEN_MAX:
        return None
    return controller.occupied.get(number)


def stands_open(controller: Controller, number: int) -> bool:
    """Say whether a door is seen to stand open."""
    return controller.doors[number].state in STANDS_OPEN
