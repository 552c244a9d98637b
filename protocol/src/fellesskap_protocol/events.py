"""The journal's events: what the edge records, one frozen class each (`docs/protocol.md` 3).

The first fields are the journal's stamp (`Event`); a machine makes an event without it and
`journal` stamps it with `stamped` at the commit. The wire name (`type`) is the class name in
snake case. A shipped event is frozen: `tests/protocol/golden` holds its bytes.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from fellesskap_protocol.capacity import Compartment

GENESIS = "0" * 64
"""`prev` of the first event of an epoch."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware UTC instant, RFC 3339 on the wire."""
Clock = Literal["trusted", "untrusted"]
Content = Literal["empty", "parcel", "unknown"]
Service = Literal["in", "suspect", "out"]
Evidence = Literal["sensor", "door", "weak", "none"]
"""How well an act is proven: occupancy sensor, door movement, a movement under 2 s, nothing."""
Presentation = Literal["label", "code", "long_code", "qr", "badge", "command", "key"]
Outcome = Literal["authorised", "refused", "throttled"]

_UNSTAMPED = datetime.fromtimestamp(0, UTC)


def _wire_name(class_name: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", class_name).lower()


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag=_wire_name,
):
    """The stamp that every event bears.

    `seq` counts from 1 per epoch; `prev` is the SHA-256 of the stored bytes of the event before;
    `at` is the edge's wall clock, `clock` whether it may be believed; `mono_ms` counts from an
    arbitrary start of this boot and never goes back.
    """

    seq: int = 0
    prev: str = GENESIS
    at: Time = _UNSTAMPED
    clock: Clock = "untrusted"
    boot_id: str = ""
    mono_ms: int = 0


class StoreCreated(Event, frozen=True, kw_only=True):
    """Begin an epoch: always seq 1."""

    reason: Literal["commissioned", "lost", "damaged", "went_back"]


class HardwareDescribed(Event, frozen=True, kw_only=True):
    """Describe the geometry by `locker.toml`: always seq 2, and again when the digest changes."""

    compartments: tuple[Compartment, ...]
    digest: str


class Booted(Event, frozen=True, kw_only=True):
    """Say that the daemon started, in which version."""

    software: str


class ClockChanged(Event, frozen=True, kw_only=True):
    """Say that the wall clock was stepped, by how many seconds."""

    by_s: float


class Serving(Event, frozen=True, kw_only=True):
    """Prove an interval in which these compartments could serve; the signed heartbeat too."""

    compartments: tuple[int, ...]
    from_: Time = msgspec.field(name="from")
    to: Time


class RightsApplied(Event, frozen=True, kw_only=True):
    """Prove that a revision of the rights is in force; `used`: allowance used per size class."""

    generation: int
    revision: int
    used: dict[str, int]


class Presented(Event, frozen=True, kw_only=True):
    """Record one presentation of a label, code, badge or command and what came of it.

    `right_id`, `jti`, `badge_jti` name what was presented, where it is known; never the code.
    """

    kind: Presentation
    outcome: Outcome
    reason: str | None = None
    right_id: str | None = None
    jti: str | None = None
    badge_jti: str | None = None
    authorisation_id: str | None = None
    compartment: int | None = None
    kiosk: str | None = None


class Pulsed(Event, frozen=True, kw_only=True):
    """Record that a pulse is about to fire; committed before it does. `attempt` from 1 to 3."""

    authorisation_id: str
    compartment: int
    attempt: int


class DoorOpened(Event, frozen=True, kw_only=True):
    """The door was seen to open under this authorisation (or none that is known)."""

    compartment: int
    authorisation_id: str | None = None


class DoorClosed(Event, frozen=True, kw_only=True):
    """The door was seen to shut."""

    compartment: int
    authorisation_id: str | None = None


class NotOpened(Event, frozen=True, kw_only=True):
    """A pulse was not followed by an opening; more may follow."""

    compartment: int
    authorisation_id: str


class Jammed(Event, frozen=True, kw_only=True):
    """The last pulse of the authorisation failed too; the compartment goes out of service."""

    compartment: int
    authorisation_id: str


class LeftOpen(Event, frozen=True, kw_only=True):
    """The door stands open longer than it should."""

    compartment: int
    authorisation_id: str | None = None


class Forced(Event, frozen=True, kw_only=True):
    """The door opened without a pulse."""

    compartment: int
    since_last_pulse_ms: int | None = None


class Deposited(Event, frozen=True, kw_only=True):
    """A parcel lies in a compartment; `label_mac` (or `label`, unannounced) says which."""

    parcel_id: str
    carrier_id: str
    label_mac: str | None = None
    label: str | None = None
    compartment: int
    right_id: str | None = None
    allowance_class: str | None = None
    evidence: Evidence


class Collected(Event, frozen=True, kw_only=True):
    """The recipient took the parcel."""

    parcel_id: str
    right_id: str
    compartment: int
    evidence: Evidence


class Removed(Event, frozen=True, kw_only=True):
    """A courier took the parcel out."""

    parcel_id: str
    right_id: str
    compartment: int
    evidence: Evidence


class DroppedOff(Event, frozen=True, kw_only=True):
    """A person put a return or first-mile parcel in."""

    parcel_id: str
    right_id: str
    allowance_class: str
    compartment: int
    evidence: Evidence


class Upsized(Event, frozen=True, kw_only=True):
    """The courier asked for a larger compartment."""

    right_id: str
    from_: int = msgspec.field(name="from")
    to: int


class DeliveryFailed(Event, frozen=True, kw_only=True):
    """A claim could not be used at the locker."""

    right_id: str
    reason: str


class Reported(Event, frozen=True, kw_only=True):
    """A person said what they found."""

    what: Literal["empty", "occupied", "broken", "not_me"]
    compartment: int
    parcel_id: str | None = None


class ServiceChanged(Event, frozen=True, kw_only=True):
    """A compartment was taken into or out of service."""

    compartment: int
    from_: Service = msgspec.field(name="from")
    to: Service
    cause: str


class Overcommitted(Event, frozen=True, kw_only=True):
    """These claims can no longer all be served."""

    right_ids: tuple[str, ...]


class CustodyReported(Event, frozen=True, kw_only=True):
    """One compartment believed occupied, told after a new epoch; the last is `complete`."""

    compartment: int
    parcel_id: str
    carrier_id: str
    right_id: str | None = None
    code_mac: str | None = None
    long_code_mac: str | None = None
    qr_mac: str | None = None
    label_mac: str | None = None
    since: Time
    complete: bool = False


class Temperature(Event, frozen=True, kw_only=True):
    """Fifteen minutes of one compartment's temperature, in degrees Celsius."""

    compartment: int
    min_c: float
    mean_c: float
    max_c: float
    from_: Time = msgspec.field(name="from")
    to: Time


class Fault(Event, frozen=True, kw_only=True):
    """A part misbehaves: `what` in words, `ok` when it is over."""

    part: str
    what: str
    since: Time


AnyEvent = (
    StoreCreated
    | HardwareDescribed
    | Booted
    | ClockChanged
    | Serving
    | RightsApplied
    | Presented
    | Pulsed
    | DoorOpened
    | DoorClosed
    | NotOpened
    | Jammed
    | LeftOpen
    | Forced
    | Deposited
    | Collected
    | Removed
    | DroppedOff
    | Upsized
    | DeliveryFailed
    | Reported
    | ServiceChanged
    | Overcommitted
    | CustodyReported
    | Temperature
    | Fault
)


E = TypeVar("E", bound=Event)


def event_type(event: Event) -> str:
    """Return the wire name of an event.

    >>> event_type(Booted(software="0.1.0"))
    'booted'
    """
    return str(event.__struct_config__.tag)


def stamped(event: E, **stamp: Any) -> E:
    """Return the event with its stamp (`seq`, `prev`, `at`, `clock`, `boot_id`, `mono_ms`)."""
    return msgspec.structs.replace(event, **stamp)
