"""Door operations: authorise, pulse one coil at a time, and write down what the door did. Pure.

The only place that emits `Pulse`. An authorisation and each pulse are recorded before it.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from fellesskap_edge import at_door
from fellesskap_edge import door as doors
from fellesskap_edge.choosing import PUTS_IN
from fellesskap_edge.completing import complete
from fellesskap_edge.door import Door, Report, State
from fellesskap_edge.facts import Operation, Place, Unmoved
from fellesskap_edge.service import change_service, end_service_mode, serve_in_time
from fellesskap_edge.state import (
    Controller,
    DoorSensed,
    Draft,
    Forget,
    Keep,
    Pulse,
    PulseUnacknowledged,
    Record,
    Tick,
    WatchDoor,
)
from fellesskap_protocol.events import (
    DoorClosed,
    DoorOpened,
    Forced,
    Jammed,
    LeftOpen,
    NotOpened,
    Presentation,
    Presented,
    Pulsed,
)

WEAK_S = 2.0
"""A door open for less is weak evidence of an act without an occupancy sensor."""
UNMOVED_MAX = 3
"""Uses in a row through which a sensor reads open: then it is doubted, not the people."""


def authorise(draft: Draft, number: int, operation: Operation, kind: Presentation) -> None:
    """Accept a presentation: record it and ask for the pulse. The door must not be in operation."""
    right = operation.right
    draft.c.operations[number] = operation
    if operation.act != "reopen":
        draft.c.reopenings.pop(number, None)
    if kind != "command":
        draft.change(at_hand=number)
    draft.say(
        Record(
            Presented(
                kind=kind,
                outcome="authorised",
                right_id=right.id if right and operation.label is None else None,
                jti=operation.jti,
                badge_jti=operation.badge_jti,
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


def tick(draft: Draft, _event: Tick) -> None:
    """Let every deadline pass that is due, and fire the pulses whose supply is free."""
    for number, door in list(draft.c.doors.items()):
        _take(draft, number, doors.tick(door, draft.now.mono_s))
    for number, reopening in list(draft.c.reopenings.items()):
        if reopening.until <= draft.now.mono_s:
            del draft.c.reopenings[number]
    serve_in_time(draft)
    end_service_mode(draft)
    fire_waiting(draft)


def pulse_free_at(controller: Controller, number: int) -> float:
    """Return when a lock may be pulsed: its supply has rested, and its own coil has cooled."""
    door, supply = controller.doors[number], controller.wiring[number].supply
    cool_at = door.last_pulse_at + controller.limits.lock_cooldown_s
    return max(cool_at, controller.supply_free_at.get(supply, float("-inf")))


def fire_waiting(draft: Draft) -> None:
    """Fire what waits, in order, one coil at a time per supply."""
    still: list[int] = []
    now = draft.now.mono_s
    for number in draft.c.waiting_pulses:
        door, wiring = draft.c.doors[number], draft.c.wiring[number]
        if door.state is not State.QUEUED or now >= door.wake_at:
            continue  # ended, seen open or out of time while it waited
        if draft.c.operations[number].act == "abandoned":
            continue  # nobody stands before this door any more
        if wiring.bank in draft.c.powerless:
            continue  # it would move nothing
        if pulse_free_at(draft.c, number) > now:
            still.append(number)
            continue
        gap_s = wiring.retry_gap_s if door.pulses else wiring.gap_s
        draft.c.supply_free_at[wiring.supply] = now + gap_s
        fired = doors.fire(door, now)
        authorisation_id = door.authorisation_id or ""
        draft.say(
            Record(
                Pulsed(
                    authorisation_id=authorisation_id, compartment=number, attempt=fired[0].pulses
                )
            ),
            Pulse(number, authorisation_id, fired[0].pulses),
        )
        _take(draft, number, fired)
    draft.change(waiting_pulses=tuple(still))


def _take(draft: Draft, number: int, outcome: tuple[Door, tuple[Report, ...]]) -> None:
    """Store a door's next state and do what it reports."""
    before = draft.c.doors[number]
    draft.c.doors[number], reports = outcome
    if before.unmoved and not draft.c.doors[number].unmoved:
        draft.say(Forget("unmoved", str(number)))
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
    complete(draft, number, _end(draft, number), "weak" if weak else "door")


def _unverified(draft: Draft, number: int, before: Door) -> None:
    complete(draft, number, _end(draft, number), "none")
    if before.reading == "open":
        door = replace(draft.c.doors[number], unmoved=before.unmoved + 1)
        draft.c.doors[number] = door
        draft.say(Keep("unmoved", str(number), Unmoved(door.unmoved)))
        if door.unmoved == UNMOVED_MAX and draft.c.places[number].service == "in":
            change_service(draft, number, "suspect", "sensor")


def _end(draft: Draft, number: int) -> Operation:
    draft.say(Forget("operation", str(number)), WatchDoor(number, fast=False))
    if draft.c.at_hand == number:
        draft.change(at_hand=None)
    return draft.c.operations.pop(number)


def _not_opened(draft: Draft, number: int, _before: Door) -> None:
    operation = draft.c.operations[number]
    event = NotOpened(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))
    again = draft.c.doors[number].state is State.QUEUED
    if not again:
        _end(draft, number)
    at_door.not_opened(draft, number, operation, again=again)


def _jammed(draft: Draft, number: int, _before: Door) -> None:
    operation = _end(draft, number)
    jammed = Jammed(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(jammed))
    change_service(draft, number, "out", "jammed")
    at_door.jammed(draft, number, operation)


def _interrupted(draft: Draft, number: int, _before: Door) -> None:
    """A restart cut the operation off and nobody sees the door open: the right stays."""
    operation = _end(draft, number)
    if operation.act in PUTS_IN:
        # It may have been opened, and the parcel put in, while nobody looked.
        draft.place(number, Place("unknown", draft.c.places[number].service))
    if operation.opened:
        if draft.c.doors[number].reading == "shut":
            closed = DoorClosed(compartment=number, authorisation_id=operation.authorisation_id)
            draft.say(Record(closed))
        return
    event = NotOpened(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))
    at_door.not_opened(draft, number, operation, again=False)


def _left_open(draft: Draft, number: int, _before: Door) -> None:
    operation = draft.c.operations[number]
    event = LeftOpen(compartment=number, authorisation_id=operation.authorisation_id)
    draft.say(Record(event))
    at_door.still_open(draft, number, operation)


def _still_open(draft: Draft, number: int, _before: Door) -> None:
    """Remind people; the event was written once."""
    at_door.still_open(draft, number, draft.c.operations[number])


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
    "still_open": _still_open,
    "forced": _forced,
    "unverified": _unverified,
    "interrupted": _interrupted,
}
