"""What the edge must still know after a power cut, one frozen class each. Pure.

The controller says `Keep` or `Forget`; the journal stores the bytes in the same transaction as the
events they belong to; at the start they are read back once.
"""

from datetime import datetime
from typing import Literal

import msgspec

from fellesskap_edge.throttle import Throttle
from fellesskap_protocol.events import Content, Service
from fellesskap_protocol.messages import Badge, CommandOutcome, Right

FactKind = Literal[
    "right",
    "place",
    "operation",
    "unmoved",
    "unseen",
    "powerless",
    "throttle",
    "consumed",
    "remote_opens",
    "used",
    "session",
    "badge",
    "position",
    "uplink",
    "keys",
    "climate",
    "excursion",
]
Act = Literal[
    "deposit", "drop_off", "collect", "remove", "cancel", "open", "reopen", "inspect", "abandoned"
]
"""What an operation is for. `cancel`: a courier takes back what they just put in; `inspect`: a
recipient says that it is not as it should be; `abandoned`: another door is used instead."""


class Place(msgspec.Struct, frozen=True):
    """One compartment: what lies in it, by which right, and whether it serves."""

    content: Content = "empty"
    service: Service = "in"
    right_id: str | None = None


class Operation(msgspec.Struct, frozen=True):
    """One door operation in hand; bears a copy of the right, which may be taken away meanwhile."""

    authorisation_id: str
    act: Act
    right: Right | None = None
    jti: str | None = None
    badge_jti: str | None = None
    allowance_class: str | None = None
    label: str | None = None
    """The text of an unannounced label, by which the backend finds a reservation."""
    opened: bool = False


class Unmoved(msgspec.Struct, frozen=True):
    """Through how many uses in a row a door's contact read open and nothing else."""

    uses: int


class Unseen(msgspec.Struct, frozen=True):
    """How many acts in a row a door's occupancy sensor contradicted, reading the same each time."""

    uses: int
    occupied: bool

    @property
    def what(self) -> str:
        """Say it to operators."""
        return f"reads {'full' if self.occupied else 'empty'} whatever is put in or taken out"


class Powerless(msgspec.Struct, frozen=True):
    """A bank whose power is cut: which doors that took out of service, and what they were."""

    was: dict[int, Service]


class Consumed(msgspec.Struct, frozen=True):
    """A command that was decided, and how."""

    at: datetime
    outcome: CommandOutcome
    reason: str | None = None


class RemoteOpens(msgspec.Struct, frozen=True):
    """One instant for each door opened from afar in ten minutes; a restart only counts them."""

    at: tuple[datetime, ...] = ()


class Used(msgspec.Struct, frozen=True):
    """How many units of one size class were given away in this epoch."""

    units: int


class Session(msgspec.Struct, frozen=True):
    """One courier's visit: it ends by "done" or 5 minutes without an act; a restart resumes it."""

    id: str
    acted_at: datetime
    badge: Badge | None = None
    last_right_id: str | None = None
    """What was put in last, to be taken back if need be."""


class BadgeUse(msgspec.Struct, frozen=True):
    """A badge has removed parcels here, in this one session; kept until it expires."""

    session_id: str
    exp: datetime


class Position(msgspec.Struct, frozen=True):
    """Which revision of the rights is in force."""

    generation: int = 0
    revision: int = 0


class UplinkFacts(msgspec.Struct, frozen=True):
    """What the uplink must not forget: where the backend stands, how often it connected."""

    acked_seq: int = 0
    session: int = 0


class KeysFact(msgspec.Struct, frozen=True):
    """The newest `keys` message, as it came, signed by the root."""

    token: bytes


class Heard(msgspec.Struct, frozen=True):
    """When a probe was last heard, and since when it said a wrong temperature (`what` in words)."""

    at: datetime
    outside_since: datetime | None = None
    what: str = ""


class Excursion(msgspec.Struct, frozen=True):
    """A compartment out of its temperature: since when, and whose parcel lay there.

    `still` until it is within its limits again; `suspected` if service was taken from it for this.
    """

    since: datetime
    what: str
    still: bool = True
    suspected: bool = False
    right_id: str | None = None


Fact = (
    Right
    | Place
    | Operation
    | Unmoved
    | Unseen
    | Powerless
    | Throttle
    | Consumed
    | RemoteOpens
    | Used
    | Session
    | BadgeUse
    | Position
    | UplinkFacts
    | KeysFact
    | Heard
    | Excursion
)
CLASSES: dict[FactKind, type[Fact]] = {
    "right": Right,
    "place": Place,
    "operation": Operation,
    "unmoved": Unmoved,
    "unseen": Unseen,
    "powerless": Powerless,
    "throttle": Throttle,
    "consumed": Consumed,
    "remote_opens": RemoteOpens,
    "used": Used,
    "session": Session,
    "badge": BadgeUse,
    "position": Position,
    "uplink": UplinkFacts,
    "keys": KeysFact,
    "climate": Heard,
    "excursion": Excursion,
}


def encode(fact: Fact) -> bytes:
    """Return the bytes to store."""
    return msgspec.json.encode(fact)


def decode(kind: FactKind, data: bytes) -> Fact:
    """Read stored bytes; raise `msgspec.DecodeError` for what is not of the kind."""
    return msgspec.json.decode(data, type=CLASSES[kind])
