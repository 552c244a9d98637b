"""What the controller knows, what it is told and what it says: the words of its flows. Pure.

`Controller` is copied for each step (`draft`) and never changed once a step has returned it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import Limits
from fellesskap_edge.door import STANDS_OPEN, Door, Reading
from fellesskap_edge.facts import (
    Consumed,
    Fact,
    FactKind,
    Operation,
    Place,
    Position,
    RemoteOpens,
)
from fellesskap_edge.throttle import Throttle
from fellesskap_protocol.capacity import Compartment, Demand
from fellesskap_protocol.events import AnyEvent, Presentation, Presented
from fellesskap_protocol.messages import Command, CommandOutcome, Right

# What it is told -------------------------------------------------------------------------------


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
class LabelScanned:
    """A label was scanned: the MACs of its identifiers, the surest first."""

    macs: tuple[str, ...]
    authorisation_id: str
    repeated: bool = False


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
class Tick:
    """Time has passed."""


Event = (
    DoorSensed
    | PulseUnacknowledged
    | BankContact
    | LabelScanned
    | CodeEntered
    | CommandArrived
    | RightsArrived
    | Tick
)
EVENTS: tuple[type[Event], ...] = (
    DoorSensed,
    PulseUnacknowledged,
    BankContact,
    LabelScanned,
    CodeEntered,
    CommandArrived,
    RightsArrived,
    Tick,
)

# What it says ----------------------------------------------------------------------------------

AnswerOutcome = Literal[
    "opens", "refused", "long_code_needed", "busy", "out_of_order", "locker_out_of_order"
]
CourierOutcome = Literal[
    "opens",
    "stands_open",
    "unknown",
    "wait",
    "no_room",
    "expired",
    "badge_needed",
    "deposited",
    "out_of_order",
]


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


@dataclass(frozen=True, slots=True)
class WatchDoor:
    """Read the door's bank often, or not any more."""

    compartment: int
    fast: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell whoever waits at the kiosk."""

    ticket: str
    outcome: AnswerOutcome
    compartment: int | None = None


@dataclass(frozen=True, slots=True)
class TellCourier:
    """Show (and sound) what became of a scan."""

    outcome: CourierOutcome
    compartment: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a command; `drive` signs and sends it."""

    jti: str
    outcome: CommandOutcome
    challenge: str
    reason: str | None = None
    first_outcome: CommandOutcome | None = None


Effect = Record | Keep | Forget | Pulse | WatchDoor | Answer | TellCourier | Reply

# What it knows ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where one compartment's lock hangs, and its geometry."""

    compartment: Compartment
    bank: str
    supply: str
    gap_s: float
    """From the start of its pulse to the next on the same supply."""


@dataclass(frozen=True, slots=True)
class Reopening:
    """The MACs that open a compartment again for a while after it was emptied."""

    macs: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Controller:
    """Everything that decides whether a door opens."""

    wiring: Mapping[int, Wiring]
    limits: Limits
    kiosk: str
    doors: dict[int, Door]
    places: dict[int, Place]
    operations: dict[int, Operation] = field(default_factory=dict)
    rights: dict[str, Right] = field(default_factory=dict)
    position: Position = Position()
    keypad: Throttle = Throttle()
    labels: Throttle = Throttle()
    consumed: dict[str, Consumed] = field(default_factory=dict)
    remote_opens: RemoteOpens = RemoteOpens()
    opened_remotely_at: tuple[float, ...] = ()
    """The same in monotonic seconds of this boot."""
    supply_free_at: dict[str, float] = field(default_factory=dict)
    waiting_pulses: tuple[int, ...] = ()
    reopenings: dict[int, Reopening] = field(default_factory=dict)
    answering: frozenset[str] = frozenset()
    serving_since: datetime | None = None


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
        *,
        right_id: str | None = None,
        jti: str | None = None,
        throttled: bool = False,
    ) -> None:
        """Record a presentation that opens nothing."""
        outcome: Literal["throttled", "refused"] = "throttled" if throttled else "refused"
        self.say(
            Record(
                Presented(
                    kind=kind,
                    outcome=outcome,
                    reason=reason,
                    right_id=right_id,
                    jti=jti,
                    kiosk=self.c.kiosk,
                )
            )
        )


def demand_of(right: Right) -> Demand:
    """Return what a right needs of a compartment."""
    return Demand(right.w_mm, right.h_mm, right.d_mm, right.g, right.needs)


def stands_open(controller: Controller, number: int) -> bool:
    """Say whether a door is seen to stand open."""
    return controller.doors[number].state in STANDS_OPEN
