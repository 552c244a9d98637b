"""Door operations: authorise, pulse one coil at a time, and write down what the door did. Pure.

The only place that emits `Pulse`. An authorisation and each pulse are recorded before it.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from fellesskap_edge import door as doors
from fellesskap_edge.door import Door, Report, State
from fellesskap_edge.facts import Operation, Place
from fellesskap_edge.state import (
    BankContact,
    DoorSensed,
    Draft,
    Forget,
    Keep,
    Pulse,
    PulseUnacknowledged,
    Record,
    Reopening,
    WatchDoor,
)
from fellesskap_protocol.events import (
    Collected,
    Deposited,
    DoorClosed,
    DoorOpened,
    Evidence,
    Fault,
    Forced,
    Jammed,
    LeftOpen,
    NotOpened,
    Presentation,
    Presented,
    Pulsed,
    ServiceChanged,
    Serving,
)

WEAK_S = 2.0
"""A door open for less is weak evidence of an act without an occupancy sensor."""
REOPEN_S = 300
SERVING_S = 900


def authorise(draft: Draft, number: int, operation: Operation, kind: Presentation) -> None:
    """Accept a presentation: record it and ask for the pulse. The door must not be in operation."""
    right = operation.right
    draft.c.operations[number] = operation
    draft.c.reopenings.pop(number, None)
    draft.say(
        Record(
            Presented(
                kind=kind,
                outcome="authorised",
                right_id=right.id if right else None,
                jti=operation.jti,
                authorisation_id=operation.authorisation_id,
                compartment=number,
                kiosk=None if kind == "command" else draft.c.kiosk,
            )
        ),
        Keep("operation", str(number), operation),
        WatchDoor(number, fast=True),
    )
    door = draft.c.doors[number]
    _take(draft, number, doors.authorise(door, operation.authorisation_id, draft.now.mono_s))


def in_operation(draft: Draft, number: int) -> bool:
    """Say whether an operation is in hand at a door."""
    return draft.c.doors[number].state in doors.IN_OPERATION


def out_of_reach(draft: Draft, number: int) -> bool:
    """Say whether the board of a door does not answer."""
    return draft.c.wiring[number].bank not in draft.c.answering


def end_blind(draft: Draft) -> None:
    """End operations that nothing can be seen of: the next act of the session began."""
    for number, door in list(draft.c.doors.items()):
        if door.state is State.BLIND:
            _take(draft, number, doors.step(door, doors.Event.NEXT_ACT, draft.now.mono_s))


def sensed(draft: Draft, event: DoorSensed) -> None:
    """Take a reading in."""
    door = draft.c.doors[event.compartment]
    _take(draft, event.compartment, doors.read(door, event.reading, draft.now.mono_s))


def unacknowledged(draft: Draft, event: PulseUnacknowledged) -> None:
    """Take in that the board did not answer to an unlock."""
    door = draft.c.doors[event.compartment]
    lost = doors.step(door, doors.Event.PULSE_LOST, draft.now.mono_s)
    _take(draft, event.compartment, lost)


def contact(draft: Draft, event: BankContact) -> None:
    """Take in that a board fell silent or answers; the interval it served in ends or begins."""
    serve(draft)
    change = draft.c.answering.union if event.answering else draft.c.answering.difference
    draft.change(answering=change({event.bank}), serving_since=draft.now.wall)
    what = "ok" if event.answering else "silent"
    draft.say(Record(Fault(part=f"bank {event.bank}", what=what, since=draft.now.wall)))


def serve(draft: Draft) -> None:
    """Record the interval in which the answering boards' compartments could serve."""
    since = draft.c.serving_since
    served = tuple(n for n in sorted(draft.c.wiring) if not out_of_reach(draft, n))
    if since is not None and served:
        draft.say(Record(Serving(compartments=served, from_=since, to=draft.now.wall)))
    draft.change(serving_since=draft.now.wall)


def tick(draft: Draft) -> None:
    """Let every deadline pass that is due, and fire the pulses whose supply is free."""
    for number, door in list(draft.c.doors.items()):
        _take(draft, number, doors.tick(door, draft.now.mono_s))
    for number, reopening in list(draft.c.reopenings.items()):
        if reopening.until <= draft.now.wall:
            del draft.c.reopenings[number]
    since = draft.c.serving_since
    if since is not None and draft.now.wall - since >= timedelta(seconds=SERVING_S):
        serve(draft)
    fire_waiting(draft)


def fire_waiting(draft: Draft) -> None:
    """Fire what waits, in order, one coil at a time per supply."""
    still: list[int] = []
    now = draft.now.mono_s
    for number in draft.c.waiting_pulses:
        door, wiring = draft.c.doors[number], draft.c.wiring[number]
        if door.state is not State.QUEUED or now >= door.wake_at:
            continue  # ended, seen open or out of time while it waited
        if draft.c.supply_free_at.get(wiring.supply, now) > now:
            still.append(number)
            continue
        draft.c.supply_free_at[wiring.supply] = now + wiring.gap_s
        fired = doors.fire(door, now)
        authorisation_id = door.authorisation_id or ""
        draft.say(
            Record(
                Pulsed(
                    authorisation_id=authorisation_id, compartment=number, attempt=fired[0].pulses
                )
            ),
            Pulse(number, authorisation_id),
        )
        _take(draft, number, fired)
    draft.change(waiting_pulses=tuple(still))


def _take(draft: Draft, number: int, outcome: tuple[Door, tuple[Report, ...]]) -> None:
    """Store a door's next state and do what it reports."""
    before = draft.c.doors[number]
    draft.c.doors[number], reports = outcome
    for report in reports:
        if report in HANDLERS:
            HANDLERS[report](draft, number, before)


def _ask_pulse(draft: Draft, number: int, _before: Door) -> None:
    draft.change(waiting_pulses=(*draft.c.waiting_pulses, number))


def _opened(draft: Draft, number: int, _before: Door) -> None:
    operation = draft.c.operations[number]
    event = DoorOpened(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))
    if not operation.opened:
        operation = msgspec.structs.replace(operation, opened=True)
        draft.c.operations[number] = operation
        draft.say(Keep("operation", str(number), operation))


def _closed(draft: Draft, number: int, before: Door) -> None:
    operation = draft.c.operations[number]
    closed = DoorClosed(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(closed))
    opened_at = before.opened_at
    weak = opened_at is None or draft.now.mono_s - opened_at < WEAK_S
    _complete(draft, number, "weak" if weak else "door")


def _unverified(draft: Draft, number: int, _before: Door) -> None:
    _complete(draft, number, "none")


def _complete(draft: Draft, number: int, evidence: Evidence) -> None:
    """The act is done: move custody, use the right up."""
    operation = _end(draft, number)
    right = operation.right
    if right is None or right.parcel_id is None:
        return
    if operation.act == "deposit":
        label_mac = right.label_macs[0] if right.label_macs else None
        draft.say(
            Record(
                Deposited(
                    parcel_id=right.parcel_id,
                    carrier_id=right.carrier_id or "",
                    label_mac=label_mac,
                    compartment=number,
                    right_id=right.id,
                    evidence=evidence,
                )
            )
        )
        # The claim keeps its id: what was deposited offline can be collected offline.
        newest = draft.c.rights.get(right.id, right)
        collect = msgspec.structs.replace(newest, kind="collect", compartment=number)
        draft.c.rights[right.id] = collect
        draft.say(Keep("right", right.id, collect))
        service = draft.c.places[number].service
        draft.place(number, Place("parcel", service, right.id))
    elif operation.act == "collect":
        draft.say(
            Record(
                Collected(
                    parcel_id=right.parcel_id,
                    right_id=right.id,
                    compartment=number,
                    evidence=evidence,
                )
            )
        )
        used = draft.c.rights.get(right.id, right)
        # Kept, used up, until the backend takes it away: sent anew it would open another door.
        spent = msgspec.structs.replace(used, revoked=True, compartment=None)
        draft.c.rights[right.id] = spent
        draft.say(Keep("right", right.id, spent))
        draft.place(number, Place("empty", draft.c.places[number].service))
        macs = tuple(mac for mac in (used.code_mac, used.long_code_mac, used.qr_mac) if mac)
        until = draft.now.wall + timedelta(seconds=REOPEN_S)
        draft.c.reopenings[number] = Reopening(macs, until)


def _end(draft: Draft, number: int) -> Operation:
    draft.say(Forget("operation", str(number)), WatchDoor(number, fast=False))
    return draft.c.operations.pop(number)


def _not_opened(draft: Draft, number: int, _before: Door) -> None:
    operation = draft.c.operations[number]
    event = NotOpened(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))
    if draft.c.doors[number].state is not State.QUEUED:
        _end(draft, number)


def _jammed(draft: Draft, number: int, _before: Door) -> None:
    operation = _end(draft, number)
    place = draft.c.places[number]
    draft.say(
        Record(Jammed(compartment=number, authorisation_id=operation.authorisation_id)),
        Record(ServiceChanged(compartment=number, from_=place.service, to="out", cause="jammed")),
    )
    draft.place(number, msgspec.structs.replace(place, service="out"))


def _interrupted(draft: Draft, number: int, _before: Door) -> None:
    """A restart cut the operation off and the door is shut: nothing fires, the right stays."""
    operation = _end(draft, number)
    if operation.act == "deposit":
        # It may have been opened, and the parcel put in, while nobody looked.
        draft.place(number, Place("unknown", draft.c.places[number].service))
    if operation.opened:
        closed = DoorClosed(compartment=number, authorisation_id=operation.authorisation_id)
        draft.say(Record(closed))
        return
    event = NotOpened(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))


def _left_open(draft: Draft, number: int, _before: Door) -> None:
    operation = draft.c.operations[number]
    event = LeftOpen(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))


def _opened_unasked(draft: Draft, number: int, _before: Door) -> None:
    draft.say(Record(DoorOpened(compartment=number)), WatchDoor(number, fast=True))


def _closed_unasked(draft: Draft, number: int, _before: Door) -> None:
    draft.say(Record(DoorClosed(compartment=number)), WatchDoor(number, fast=False))


def _forced(draft: Draft, number: int, before: Door) -> None:
    since = draft.now.mono_s - before.last_pulse_at
    since_ms = int(since * 1000) if since != float("inf") else None
    draft.say(
        Record(Forced(compartment=number, since_last_pulse_ms=since_ms)),
        WatchDoor(number, fast=True),
    )


HANDLERS: dict[Report, Callable[[Draft, int, Door], None]] = {
    "ask_pulse": _ask_pulse,
    "opened": _opened,
    "closed": _closed,
    "opened_unasked": _opened_unasked,
    "closed_unasked": _closed_unasked,
    "not_opened": _not_opened,
    "jammed": _jammed,
    "left_open": _left_open,
    "forced": _forced,
    "unverified": _unverified,
    "interrupted": _interrupted,
}
