"""What the judge knows of the world: plain state, folded from the records alone (`fold`).

A `Place` is one locker, as its journal, its plant and the messages to it show it; a `Parcel` is
what a carrier was promised; a `Question` one request. Nothing here decides anything.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.events import GENESIS, AnyEvent, Presented
from fellesskap_protocol.messages import Badge, Command, Right, Rights
from tests.judge import history

REOPEN_S = 300.0
SPANS_KEPT = 64
"""How many times out of order are remembered of a locker; a row of service is at most 15 min."""


@dataclass(slots=True)
class Authorised:
    """One accepted presentation, as the journal tells it."""

    presented: Presented
    at: float
    boot_id: str
    granted: dict[str, int]
    """What the allowance was per class, then."""
    right: Right | None
    pulses: int = 0
    opened: bool = False
    ended: bool = False
    done: bool = False
    """Something was put in or taken out by it."""
    shut: bool = False
    """It was told last that the door did not open."""
    waiting: bool = False
    """It was told that the door did not open or stands open: it may still end."""


@dataclass(slots=True)
class Lying:
    """A parcel in a compartment, by the journal; `served_s`: how long it could be collected.

    `unclear`: its locker's clock was believed and wrong while it lay there, or nobody knows since
    when it lies there.
    """

    parcel_id: str
    right_id: str | None
    since: float
    served_s: float = 0.0
    unclear: bool = False


@dataclass(slots=True)
class Reopening:
    """Who was in a compartment last, by code, may look again until then."""

    macs: frozenset[str | None]
    until: float


@dataclass(slots=True)
class Change:
    """One change of the rights, in as many parts as came by."""

    parts: int
    heard: dict[int, Rights] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every part was sent."""
        return len(self.heard) == self.parts


@dataclass(slots=True)
class Epoch:
    """One store's journal: what the locker committed of it, and what the ledger has."""

    name: str
    head: int = 0
    hash: str = GENESIS
    recorded: int = 0
    furthest: int = 0
    """How much was ever recorded: a backup that is put back is told it again."""
    recorded_hash: str = GENESIS
    acked: int = 0
    refusals: int = 0
    closed: bool = False
    """Its store is gone, or it was refused: what was not recorded of it may stay unsent."""
    branched: bool = False
    """An old copy of the store went on with it."""
    over: bool = False
    """Entries of the epoch that followed it were recorded."""
    rewound: bool = False
    """A backup of the ledger was put back: it records anew from wherever that stands."""
    unrecorded: dict[int, tuple[bytes, AnyEvent, float]] = field(default_factory=dict)
    """What the ledger lacks, and since when."""


@dataclass(slots=True)
class Place:
    """One locker."""

    locker: str
    spec: history.Locker
    boxes: dict[int, Compartment]
    # The journal.
    epochs: dict[str, Epoch] = field(default_factory=dict)
    epoch: str = ""
    epoch_since: float = 0.0
    recording: str = ""
    """The epoch of which an entry was recorded last."""
    boot_id: str = ""
    booted_at: float = 0.0
    force: dict[str, Right] = field(default_factory=dict)
    position: tuple[int, int] = (0, 0)
    changes: dict[tuple[str, int, int, int], Change] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    forgotten: dict[str, str] = field(default_factory=dict)
    """Parcels that were taken out after the copy was made that is its store now, each with the
    right that it was taken by."""
    drawn: dict[str, int] = field(default_factory=dict)
    lies: dict[int, Lying] = field(default_factory=dict)
    perhaps: dict[int, Lying] = field(default_factory=dict)
    """What an operator who looked may have taken out."""
    disputed: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    """Where nothing is known of what lies there, since a new epoch."""
    reported: set[int] = field(default_factory=set)
    service: dict[int, str] = field(default_factory=dict)
    """In, suspect or out; empty where an old copy of the store may say anything."""
    service_since: dict[int, float] = field(default_factory=dict)
    blurred: bool = False
    """The store is an old copy: which rights it knows is not known until all are sent anew."""
    custody_blurred: bool = False
    given: set[str] = field(default_factory=set)
    live: dict[str, Authorised] = field(default_factory=dict)
    latest: dict[int, Authorised] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    """Pulses that are in the journal and did not fire yet."""
    pulsed_at: dict[int, float] = field(default_factory=dict)
    reopen: dict[int, Reopening] = field(default_factory=dict)
    last_put: str | None = None
    session: int = 0
    sessions: dict[str, int] = field(default_factory=dict)
    remote: deque[float] = field(default_factory=lambda: deque(maxlen=2_000))
    jtis: dict[str, float] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    stolen: set[str] = field(default_factory=set)
    challenges: dict[str, tuple[str, float]] = field(default_factory=dict)
    refused: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    guesses: dict[str, list[datetime]] = field(default_factory=dict)
    """The newest wrong presentations that are counted, by the locker's clock."""
    key_on_until: float = float("-inf")
    key_seen: bool = False
    """The key itself was seen: what the locker says of it counts no more."""
    # What people showed: MAC or jti, and when.
    shown: dict[str, float] = field(default_factory=dict)
    badges: dict[str, tuple[bool, float]] = field(default_factory=dict)
    # The plant.
    coils: dict[int, float] = field(default_factory=dict)
    open_doors: set[int] = field(default_factory=set)
    moved: dict[int, dict[bool, float]] = field(default_factory=dict)
    """When each door was opened last, and when shut; empty: nobody sees the doors."""
    items: dict[int, list[str]] = field(default_factory=dict)
    # The world around.
    up: bool = True
    stopped: bool = False
    up_since: float = 0.0
    down_since: float = 0.0
    contact: bool = True
    contact_since: float = 0.0
    faults: dict[tuple[str, str, str], tuple[int, ...]] = field(default_factory=dict)
    fault_at: float = float("-inf")
    """When the last fault was that may keep a person from being served."""
    copy_at: float = float("-inf")
    """When its store was last damaged, lost or put back."""
    broken: dict[int, float] = field(default_factory=dict)
    """Until when something of plant or board was wrong at a door, at the latest."""
    spoilt: set[int] = field(default_factory=set)
    """Doors at which something happened of which nobody says when it is over."""
    misread: dict[int, float] = field(default_factory=dict)
    """Until when a reading of it may be wrong: more than late."""
    welded: set[int] = field(default_factory=set)
    down: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=SPANS_KEPT))
    """When the daemon was dead."""
    stopped_since: float = 0.0
    stalls: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=SPANS_KEPT))
    """When it stood still: what happened then it learns late."""
    silent: dict[int, deque[tuple[float, float]]] = field(default_factory=dict)
    proven: dict[int, float] = field(default_factory=dict)
    """Until when it is told of each compartment that it served."""
    odd_clock: bool = False
    """Its clock is believed and wrong."""
    # Room (I2).
    lost: int | None = None
    step: int = -1
    """The `mono_ms` of the newest entry: those of one step have the same."""
    short_steps: set[int] = field(default_factory=set)
    physical_steps: set[int] = field(default_factory=set)
    room_moved: bool = True
    room_taken_at: float = 0.0
    room_unrecorded: int = 0

    def in_hand(self, at: float) -> list[Authorised]:
        """Return the operations that may still go on."""
        return [
            one
            for one in self.latest.values()
            if not one.ended and (one.opened or at - max(one.at, self.booted_at) < 60.0)
        ]

    def holds(self, number: int) -> bool:
        """Whether a parcel is in custody there; one found missing is not, once it was revoked."""
        lying = self.lies.get(number)
        if lying is None or number not in self.disputed:
            return lying is not None
        rights = [one for one in self.force.values() if one.parcel_id == lying.parcel_id]
        return not any(one.revoked for one in rights if one.kind != "remove")

    def where(self, parcel_id: str | None) -> int | None:
        """Return where a parcel lies by the journal."""
        return next((n for n, one in self.lies.items() if one.parcel_id == parcel_id), None)

    def unclear(self, lying: Lying) -> bool:
        """Whether nobody can say how long it could be collected: an odd clock, a new store."""
        return lying.unclear or lying.since < self.epoch_since

    def written(self, at: float) -> float:
        """Return when an entry was written that comes to light now, at the latest.

        What was written last before a daemon died is read when it runs again.
        """
        return at if self.up else self.down_since

    def slack(self) -> float:
        """Return how exact the times of this history are, in seconds."""
        return self.spec.slack_s


@dataclass(slots=True)
class Parcel:
    """What a carrier asked for and was told of one parcel; times in true seconds."""

    carrier: str = ""
    locker: str = ""
    asked_at: float = 0.0
    hold: str = "hard"
    needs: frozenset[str] = frozenset()
    deposit_by_s: float | None = None
    collect_within_s: float | None = None
    facts: dict[str, int] = field(default_factory=dict)
    """What is true of it for good, and by which line: `reserved`, `cancelled`, `deposited`, …"""
    served_s: float | None = None
    """How long it lay where it could be collected, once it is gone."""
    state: str = ""
    """As the newest look, event or answer has it."""
    reservation: str = ""
    unsure: bool = False
    """A backup was put back that knew less: nothing more is held against anybody."""
    told: set[str] = field(default_factory=set)
    """Types of events of it that a carrier got."""
    came: float | None = None
    """When its resident came with a code that was good."""


@dataclass(slots=True)
class Question:
    """One request that is not answered yet."""

    asked: history.Asked
    line: int


@dataclass(slots=True)
class Keyed:
    """What was asked and answered under one Idempotency-Key of one act."""

    body: dict[str, Any]
    first: history.Answered | None = None
    units: int = 1
    """How many parcels it may make."""


@dataclass(slots=True)
class Feed:
    """How far a carrier has read, and which event stood where."""

    last: int = 0
    read_at: float = 0.0
    events: dict[int, str] = field(default_factory=dict)
    leaps: int = 0
    """How often it may go on farther on: once for each backup that was put back."""
    hooked: set[str] = field(default_factory=set)
    """The ids of what came by webhook."""


@dataclass(slots=True)
class Waiting:
    """A resident who typed a code that is good, and the door that must open."""

    until: float
    place: Place
    number: int
    right_id: str


@dataclass(slots=True)
class World:
    """All that is known."""

    at: float = 0.0
    line: int = 0
    places: dict[str, Place] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    keyed: dict[tuple[str, str, str, str], Keyed] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    unasked: set[str] = field(default_factory=set)
    """Parcels of which somebody was told that they are confirmed, and no answer named them yet."""
    answered: set[str] = field(default_factory=set)
    """Parcels that an answer named."""
    open_units: int = 0
    """Parcels that requests without a known answer may have made."""
    badges: dict[str, tuple[Badge, frozenset[str]]] = field(default_factory=dict)
    operations: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Door operations that were answered 2xx: the state that was seen last, and when."""
    opens_asked: int = 0
    opens_signed: set[str] = field(default_factory=set)
    waiting: deque[Waiting] = field(default_factory=deque)
    parts: dict[str, str] = field(default_factory=dict)
    restored_at: float | None = None
    calm: history.Calm | None = None
    calm_line: int = 0
    hooked: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    """Positions that a carrier was told of a parcel by webhook."""

    def parcel(self, parcel_id: str) -> Parcel:
        """Return what is known of a parcel, from now on."""
        return self.parcels.setdefault(parcel_id, Parcel())
