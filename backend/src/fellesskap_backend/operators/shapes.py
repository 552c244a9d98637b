"""What is shown to operators."""

from typing import Any, Literal

from fellesskap_backend.lockers.shapes import Contact, Position, ServiceState
from fellesskap_backend.parcels.shapes import Parcel
from fellesskap_backend.shapes import Id, Instant, Shown


class OperatorAct(Shown):
    """One thing that an operator did."""

    id: Id
    at: Instant
    by: str
    """The prefix of the API key; `command`, or what the `worker` did by itself."""
    by_owner: Id
    """Whose key it is: all keys of one operator have the same."""
    act: str
    """The operation, by its id: `resolve_parcel`."""
    reason: str
    locker_id: str | None
    compartment: int | None
    parcel_id: Id | None
    site_id: Id | None
    details: dict[str, Any]
    """What it was, and what it became."""


class OperatorActs(Shown):
    """One page of acts, newest first."""

    acts: list[OperatorAct]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class ExactHealth(Shown):
    """Whether a locker is heard, and exactly since when it is not."""

    contact: Contact
    since: Instant | None


class StandingFault(Shown):
    """A part that misbehaves, as the journal says."""

    part: str
    what: str
    since: Instant


class LockerInFleet(Shown):
    """A locker as operators see it in a list."""

    id: str
    site_id: Id | None
    site_name: str
    address: str
    health: ExactHealth
    contact_at: Instant | None
    """When a signed message was last taken in."""
    connected: bool
    """What presence says: a hint."""
    service: ServiceState
    """What an operator set."""
    confirms: bool
    """Whether anything new is promised there."""
    closed_at: Instant | None
    quarantined_at: Instant | None
    """Since when two devices seem to be this locker."""
    behind_since: Instant | None
    restored_at: Instant | None
    written_off_at: Instant | None
    faults: list[StandingFault]


class LockerListed(LockerInFleet):
    """The same, with how much waits there."""

    suspect_compartments: int


class Fleet(Shown):
    """One page of lockers, by id."""

    lockers: list[LockerListed]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class Rights(Shown):
    """How far the locker's rights are: generation and revision."""

    wanted: list[int]
    applied: list[int]


class CompartmentState(Shown):
    """A compartment: three independent facts, and what an operator wishes."""

    number: int
    door: Literal["shut", "open", "unknown"]
    content: Literal["empty", "parcel", "unknown"]
    service: Literal["in", "suspect", "out"]
    """What the locker says, or what we doubt."""
    service_state: ServiceState
    """What an operator set; `draining` while a parcel lies there."""
    wish: Literal["in", "out"] | None
    """What the locker has not said yet that it is so."""
    parcel_id: Id | None


class DeviceState(Shown):
    """A computer that may speak for the locker until it is revoked."""

    id: str
    claimed_at: Instant
    revoked_at: Instant | None


class LockerInspected(LockerInFleet):
    """All that is known of a locker."""

    rights: Rights
    compartments: list[CompartmentState]
    devices: list[DeviceState]
    acts: list[OperatorAct]
    """The newest 20."""


class LockerService(Shown):
    """The service state of a locker."""

    locker_id: str
    state: ServiceState
    since: Instant | None
    """Since when it is not in service."""


class CompartmentService(Shown):
    """The service state of a compartment."""

    locker_id: str
    compartment: int
    state: ServiceState
    service: Literal["in", "suspect", "out"]
    """What the locker says, or what we doubt."""
    heard: bool
    """Whether the locker said that it is as was wished."""


class LockerDescription(Shown):
    """What everybody is told of a locker, beside what it says itself."""

    site_id: Id | None
    address: str
    position: Position | None
    features: list[str]
    languages: list[str]


class SiteDescription(Shown):
    """What everybody is told of a site."""

    name: str
    address: str
    position: Position | None
    opening_hours: str | None


class Allowances(Shown):
    """How many parcels per size class a locker should be able to take in by itself."""

    locker_id: str
    targets: dict[str, int]


class Dispute(Shown):
    """A parcel of which somebody says that it does not lie where it should."""

    parcel_id: Id
    kind: Literal["last_mile", "drop_off"]
    carrier_id: Id
    label: str | None
    """The text on it, to know it by."""
    locker_id: str
    compartment: int | None
    deposited_at: Instant | None
    disputed_at: Instant | None
    why: str | None


class Disputes(Shown):
    """One page of parcels in dispute, newest first."""

    disputes: list[Dispute]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class Suspect(Shown):
    """A compartment that is offered to nobody until somebody looked."""

    locker_id: str
    compartment: int
    door: Literal["shut", "open", "unknown"]
    content: Literal["empty", "parcel", "unknown"]
    parcel_id: Id | None
    parcel_state: str | None
    """`disputed`: resolve the parcel first."""
    wish: Literal["in", "out"] | None
    """`in`: cleared, and not yet heard of by the locker."""


class Suspects(Shown):
    """One page of suspect compartments, by locker and number."""

    suspects: list[Suspect]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class InspectedParcel(Parcel):
    """A parcel as operators see it; never with a code."""

    carrier_id: Id
    evidence: str | None
    """How sure its last move is: `sensor`, `door`, `weak` or `none`."""
    acts: list[OperatorAct]
    """The newest 20."""


class KeptEvent(Shown):
    """An event that was recorded; `unapplied` says why it could not be applied."""

    locker_id: str
    epoch: str
    seq: int
    type: str
    recorded_at: Instant
    unapplied: str | None


class KeptEvents(Shown):
    """Events that were kept, the first recorded first; at most 1,000."""

    events: list[KeptEvent]


class WrittenOff(Shown):
    """A locker that was given up."""

    locker_id: str
    written_off_at: Instant


class DeviceReplaced(Shown):
    """The device that speaks for a locker now."""

    locker_id: str
    device_id: str
    revoked: list[str]
    """The devices that are refused from now on."""
    provision: dict[str, Any]
    """`provision.json` for the state folder of its edge. It holds secrets: pass it on safely."""


class DeviceRevoked(Shown):
    """A device that is refused."""

    locker_id: str
    device_id: str
    revoked_at: Instant
