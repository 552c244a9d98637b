"""Folds a locker's journal into the judge's state: custody, rights in force, what was opened."""

from collections.abc import Callable
from typing import Any

from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    CustodyReported,
    Deposited,
    DoorClosed,
    DoorOpened,
    DroppedOff,
    Fault,
    HardwareDescribed,
    Jammed,
    LeftOpen,
    NotOpened,
    Overcommitted,
    Presented,
    Pulsed,
    Removed,
    Reported,
    RightsApplied,
    ServiceChanged,
    Serving,
    StoreCreated,
    Upsized,
)
from fellesskap_protocol.messages import Right, event_hash
from tests.judge.fold_rights import applied, granted_now
from tests.judge.guessing import counted, counter_of
from tests.judge.state import REOPEN_S, Authorised, Epoch, Lying, Place, Reopening, World

BY_CODE = ("code", "long_code", "qr")
KEY_S = 1800.0
"""Service mode ends by itself."""
TAKES_ROOM = (Deposited, DroppedOff, ServiceChanged, Upsized, StoreCreated, HardwareDescribed)


def entry(world: World, place: Place, epoch: str, stored: bytes, event: AnyEvent) -> None:
    """Take in one entry that the locker committed."""
    known = place.epochs.get(epoch)
    if known is None:
        known = place.epochs[epoch] = Epoch(epoch)
    if epoch != place.epoch:
        if place.epoch:
            place.epochs[place.epoch].closed = True
        place.epoch, place.epoch_since = epoch, world.at
    if event.seq > known.furthest:
        known.unrecorded[event.seq] = (stored, event, world.at)
    known.head, known.hash = event.seq, event_hash(stored)
    place.step = event.mono_ms
    if event.boot_id != place.boot_id:
        place.boot_id, place.booted_at = event.boot_id, world.at
        place.reopen.clear()
        place.owed = dict.fromkeys(place.owed, 0)
    if isinstance(event, TAKES_ROOM):
        place.room_unrecorded += 1
    fold = EVENTS.get(type(event))
    if fold is not None:
        fold(world, place, event)


# Epochs ------------------------------------------------------------------------------------------


def created(world: World, place: Place, event: StoreCreated) -> None:
    """Begin an epoch: what the new store knows."""
    place.position, place.drawn, place.lost = (0, 0), {}, None
    place.live.clear()
    place.latest.clear()
    place.reported.clear()
    place.room_moved, place.room_unrecorded = True, 1
    if event.reason != "went_back":
        place.service = dict.fromkeys(place.boxes, "in")
    place.used -= _forgotten(world, place)
    place.forgotten.clear()
    if event.reason == "commissioned":
        place.force, place.used, place.lies = {}, set(), {}
        place.unknown, place.blurred, place.custody_blurred = set(), False, False
        return
    if event.reason in ("lost", "damaged"):
        place.force, place.used, place.lies = {}, set(), {}
        place.disputed.clear()
        place.perhaps.clear()
        place.blurred = place.custody_blurred = False
        place.jtis.clear()
        place.sessions.clear()
        place.guesses.clear()
    holding = {one.right_id for one in place.lies.values()}
    place.unknown = set(place.boxes) - set(place.lies)
    used = {name for name in place.used if _kind(place, name) in ("claim", "collect")}
    place.force = {
        name: one for name, one in place.force.items() if name in holding or one.kind == "collect"
    }
    place.used = used


def _forgotten(world: World, place: Place) -> set[str]:
    """Return the used rights of which neither the store nor the ledger knows any more."""
    gone = {
        parcel_id: right_id
        for parcel_id, right_id in place.forgotten.items()
        if not world.parcel(parcel_id).facts.keys() & {"collected", "removed"}
    }
    return {one.id for one in place.force.values() if one.parcel_id in gone} | set(gone.values())


def _kind(place: Place, name: str) -> str:
    right = place.force.get(name)
    return right.kind if right else ""


def custody_reported(world: World, place: Place, event: CustodyReported) -> None:
    """Believe an old copy what it says lies where: nobody else can know."""
    if event.compartment:
        place.reported.add(event.compartment)
        if place.custody_blurred:
            lying = Lying(event.parcel_id, event.right_id, world.at, unclear=True)
            place.lies[event.compartment] = lying
    if event.complete:
        if place.custody_blurred:
            place.lies = {n: one for n, one in place.lies.items() if n in place.reported}
            place.unknown = set(place.boxes) - set(place.lies)
        place.custody_blurred = False


def described(world: World, place: Place, event: HardwareDescribed) -> None:
    """Take in the geometry as the locker tells it."""
    del world
    place.boxes = {one.number: one for one in event.compartments}
    for number in place.boxes:
        place.service.setdefault(number, "in")
    place.room_moved = True
    place.physical_steps.add(event.mono_ms)


# Openings ----------------------------------------------------------------------------------------


def presented(world: World, place: Place, event: Presented) -> None:
    """Take in what was presented, and what may be opened by it."""
    counted(place, event)
    if counter_of(event) == "keypad":
        place.refused.append(world.at)
    given, number = event.authorisation_id, event.compartment
    if event.outcome != "authorised" or given is None or number is None:
        if event.outcome == "authorised" and event.badge_jti:
            place.session += 1
        return
    before = place.latest.get(number)
    if before is not None and before.ended:
        place.live.pop(before.presented.authorisation_id or "", None)
    right = place.force.get(event.right_id or "")
    granted = granted_now(place)
    if event.kind == "key":  # another door for what was begun: no other unit is drawn
        for one in place.latest.values():
            if one.presented.right_id == event.right_id and not one.ended:
                granted = one.granted
    one = Authorised(event, world.at, event.boot_id, granted, right)
    place.given.add(given)
    place.owed[number] = 0  # what did not fire for whoever was here before is no longer owed
    place.live[given] = place.latest[number] = one
    if event.right_id is not None or event.kind not in BY_CODE:
        place.reopen.pop(number, None)
    if event.kind == "command":
        place.remote.append(place.written(world.at))
        place.jtis[event.jti or ""] = world.at
    if event.kind == "badge" and event.right_id is not None:
        place.sessions.setdefault(event.badge_jti or "", place.session)


def pulsed(world: World, place: Place, event: Pulsed) -> None:
    """Take in that a coil may be energised once."""
    place.owed[event.compartment] = max(place.owed.get(event.compartment, 0), 0) + 1
    place.pulsed_at[event.compartment] = world.at
    one = place.live.get(event.authorisation_id)
    if one is not None:
        one.pulses += 1
        one.shut = False


def opened(world: World, place: Place, event: DoorOpened) -> None:
    """Take in that a door was seen open."""
    del world
    one = place.live.get(event.authorisation_id or "")
    if one is not None:
        one.opened, one.shut = True, False


def closed(world: World, place: Place, event: DoorClosed | Jammed | NotOpened | LeftOpen) -> None:
    """Take in that an operation is over, or may be."""
    del world
    one = place.live.get(event.authorisation_id or "")
    if one is not None:
        over = isinstance(event, DoorClosed | Jammed)
        one.ended = over or (isinstance(event, NotOpened) and one.boot_id != event.boot_id)
        one.waiting = not over
        one.shut = isinstance(event, Jammed | NotOpened)
    if not isinstance(event, LeftOpen) and place.service.get(event.compartment) != "in":
        place.physical_steps.add(event.mono_ms)  # who leaves it has lost its room


# Custody -----------------------------------------------------------------------------------------


def put_in(world: World, place: Place, event: Deposited | DroppedOff) -> None:
    """Take in that a parcel lies somewhere."""
    number = event.compartment
    by = place.latest.get(number)
    lying = Lying(event.parcel_id, event.right_id, world.at, unclear=place.odd_clock)
    place.lies[number] = lying
    place.unknown.discard(number)
    place.disputed.discard(number)
    place.perhaps.pop(number, None)
    place.room_moved = True
    right = by.right if by else None
    if by is not None:
        by.ended = by.done = True
    if event.right_id and event.right_id not in place.force and right is not None:
        # Taken away while it was used: what lies there can be collected all the same.
        place.force[event.right_id] = right
    if event.allowance_class:
        units = place.drawn.get(event.allowance_class, 0) + 1
        place.drawn[event.allowance_class] = units
    if isinstance(event, Deposited):
        place.last_put = event.right_id or event.parcel_id
    elif event.right_id in place.force:
        _may_reopen(world, place, number, place.force[event.right_id])


def taken_out(world: World, place: Place, event: Collected | Removed) -> None:
    """Take in that a parcel is gone: every right to it is used up."""
    place.forgotten.pop(event.parcel_id, None)
    perhaps = place.perhaps.pop(event.compartment, None)
    lying = place.lies.pop(event.compartment, perhaps)
    place.unknown.discard(event.compartment)
    place.room_moved = True
    by = place.latest.get(event.compartment)
    if by is not None:
        by.ended = by.done = True
    if lying is not None and (parcel := world.parcels.get(lying.parcel_id)):
        parcel.served_s = None if place.unclear(lying) else lying.served_s
    right = place.force.get(event.right_id) or (by.right if by else None)
    place.used |= {one.id for one in place.force.values() if one.parcel_id == event.parcel_id}
    place.used.add(event.right_id)
    if isinstance(event, Collected) and right is not None:
        _may_reopen(world, place, event.compartment, right)


def _may_reopen(world: World, place: Place, number: int, right: Right) -> None:
    macs = frozenset((right.code_mac, right.long_code_mac, right.qr_mac)) - {None}
    place.reopen[number] = Reopening(macs, world.at + REOPEN_S)


# Service and room --------------------------------------------------------------------------------


def service_changed(world: World, place: Place, event: ServiceChanged) -> None:
    """Take in that a compartment serves, or not; an operator may have looked into it."""
    number = event.compartment
    place.service[number] = event.to
    place.service_since[number] = world.at
    place.physical_steps.add(event.mono_ms)
    place.room_moved = True
    lying = place.lies.get(number)
    right = place.force.get(lying.right_id or "") if lying else None
    if event.to == "in" and right is not None and right.revoked and _asked(place, event):
        place.perhaps[number] = place.lies.pop(number)
        place.unknown.add(number)


def _asked(place: Place, event: ServiceChanged) -> bool:
    return any(
        one.kind == "set_service"
        and one.compartment == event.compartment
        and one.reason_code == event.cause
        for one in place.commands.values()
    )


def reported(world: World, place: Place, event: Reported) -> None:
    """Take in what somebody said."""
    if event.what == "empty":
        place.disputed.add(event.compartment)
    lying = place.lies.get(event.compartment)
    parcel = world.parcels.get(event.parcel_id or (lying.parcel_id if lying else ""))
    if parcel is not None:
        parcel.facts["dispute"] = world.line


def overcommitted(world: World, place: Place, event: Overcommitted) -> None:
    """Take in that claims are said to have lost their room."""
    del world
    place.short_steps.add(event.mono_ms)
    numbers = [one.presented.compartment or 0 for one in place.latest.values() if not one.ended]
    if any(place.service.get(number) != "in" for number in numbers):
        place.physical_steps.add(event.mono_ms)  # a courier may leave that door


def serving(world: World, place: Place, event: Serving) -> None:
    """Count the time in which what lies there could be collected."""
    span_s = max((event.to - event.from_).total_seconds(), 0.0)
    for number in event.compartments:
        place.proven[number] = world.at
        lying = place.lies.get(number)
        if lying is not None:
            lying.served_s += min(span_s, world.at - lying.since)


def fault(world: World, place: Place, event: Fault) -> None:
    """Take in the service key."""
    if event.part == "service key" and not place.key_seen:
        place.key_on_until = world.at + (0.0 if event.what == "ok" else KEY_S)


EVENTS: dict[type[Any], Callable[[World, Place, Any], None]] = {
    StoreCreated: created,
    HardwareDescribed: described,
    CustodyReported: custody_reported,
    RightsApplied: applied,
    Presented: presented,
    Pulsed: pulsed,
    DoorOpened: opened,
    DoorClosed: closed,
    Jammed: closed,
    NotOpened: closed,
    LeftOpen: closed,
    Deposited: put_in,
    DroppedOff: put_in,
    Collected: taken_out,
    Removed: taken_out,
    ServiceChanged: service_changed,
    Reported: reported,
    Overcommitted: overcommitted,
    Serving: serving,
    Fault: fault,
}


def record(world: World, place: Place, epoch: Epoch, event: AnyEvent, stored: bytes) -> None:
    """Take in one entry that the backend committed; what it says of parcels is for good."""
    if place.recording not in ("", epoch.name):
        place.epochs[place.recording].over = True
    place.recording = epoch.name
    epoch.recorded, epoch.recorded_hash = event.seq, event_hash(stored)
    epoch.rewound, epoch.furthest = False, max(epoch.furthest, event.seq)
    epoch.unrecorded.pop(event.seq, None)
    if isinstance(event, TAKES_ROOM):
        place.room_unrecorded = max(place.room_unrecorded - 1, 0)
        place.room_taken_at = world.at
    fact = fact_of(event)
    if fact is not None:
        world.parcel(fact[0]).facts.setdefault(fact[1], world.line)


def fact_of(event: AnyEvent) -> tuple[str, str] | None:
    """Return the parcel of which an event says something for good, and what."""
    match event:
        case Deposited(parcel_id=name) | DroppedOff(parcel_id=name):
            return name, "deposited"
        case Collected(parcel_id=name):
            return name, "collected"
        case Removed(parcel_id=name):
            return name, "removed"
        case CustodyReported(parcel_id=name) if name:
            return name, "reported"
        case _:
            return None
