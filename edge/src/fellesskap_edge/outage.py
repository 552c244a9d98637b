"""What a store that refuses a commit leaves: nothing was done, people are told. Pure.

For the doors it is what a restart is: the controller is the one before the step, and no operation
in hand pulses again. What the boards read meanwhile is taken in anew when the disk is back.
Only `drive` uses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import msgspec

from fellesskap_edge.clock import Instant
from fellesskap_edge.door import IN_OPERATION, Reading, answered, resumed
from fellesskap_edge.facts import FactKind
from fellesskap_edge.service import serve
from fellesskap_edge.state import (
    Answer,
    BankContact,
    BankPower,
    ContentSensed,
    Controller,
    DoorSensed,
    Draft,
    Forget,
    GoOn,
    Keep,
    Pulse,
    Record,
    Reply,
    TellAtDoor,
    TellCourier,
    WarnOfTemperature,
    WatchDoor,
)
from fellesskap_protocol.events import AnyEvent, Fault

RETRY_S = 5.0
"""How often a store that refused is tried: a person who is told "later" walks away."""
After = TypeVar("After")
OWED_KINDS: frozenset[FactKind] = frozenset({"uplink", "keys", "climate"})
"""Facts that nothing which was set back belongs to: they are written when the disk is back."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Since when the store refuses, when it is tried again, and what it is owed."""

    since: datetime
    retry_at: float
    lost: int = 0
    events: tuple[AnyEvent, ...] = ()
    facts: Mapping[tuple[FactKind, str], Keep] = field(default_factory=dict)


def begin(kept: Controller, now: Instant) -> tuple[Outage, Controller]:
    """Note that the locker serves nobody from now on; the interval in which it did is owed."""
    draft = Draft(kept, now)
    serve(draft)
    owed = tuple(effect.event for effect in draft.effects if isinstance(effect, Record))
    return Outage(now.wall, now.mono_s, events=owed), replace(draft.c, serving_since=None)


def refused(
    outage: Outage,
    events: Iterable[AnyEvent],
    changes: Iterable[Keep | Forget],
    now: Instant,
) -> Outage:
    """Count what could not be written; the next try is later."""
    keeps = (change for change in changes if isinstance(change, Keep))
    owed = {(keep.kind, keep.key): keep for keep in keeps if keep.kind in OWED_KINDS}
    retry_at = now.mono_s + RETRY_S if now.mono_s >= outage.retry_at else outage.retry_at
    lost = outage.lost + len(tuple(events))
    return replace(outage, retry_at=retry_at, lost=lost, facts={**outage.facts, **owed})


def set_back(kept: Controller, tried: Controller, now: Instant) -> Controller:
    """Return the controller of the last commit, with no pulse to come.

    What was seen of an operation is remembered, though not written: its door stood open.
    """
    doors, operations = dict(kept.doors), dict(kept.operations)
    for number, operation in kept.operations.items():
        then = tried.operations.get(number)
        opened = then is not None and then.authorisation_id == operation.authorisation_id
        if opened and then is not None and then.opened:
            operations[number] = msgspec.structs.replace(operation, opened=True)
        if doors[number].state in IN_OPERATION:
            door = resumed(operation.authorisation_id, now.mono_s)
            if kept.wiring[number].bank in kept.answering:
                door = answered(door, now.mono_s)
            doors[number] = replace(door, unmoved=doors[number].unmoved)
    return replace(
        kept,
        doors=doors,
        operations=operations,
        waiting_pulses=(),
        supply_free_at=tried.supply_free_at,
        key_until=min(kept.key_until, tried.key_until),  # a key that was turned back stays so
    )


def instead(effects: Iterable[After]) -> list[After | Answer | TellCourier]:
    """Return what is still to be done: people are told that the locker is out of order."""
    told: list[After | Answer | TellCourier] = []
    for effect in effects:
        match effect:
            case Answer(ticket):
                told.append(Answer(ticket, "locker_out_of_order"))
            case TellCourier() | TellAtDoor():
                told.append(TellCourier("locker_out_of_order"))
            case Pulse() | WatchDoor() | Reply() | GoOn() | WarnOfTemperature():
                pass  # a command is decided when it comes again, if it still may
            case _:
                told.append(effect)
    return told


def report(outage: Outage, now: Instant) -> tuple[AnyEvent, ...]:
    """Return what to write first when the disk is back."""
    what = f"could not be written; {outage.lost} events are lost"
    return (
        *outage.events,
        Fault(part="journal", what=what, since=outage.since),
        Fault(part="journal", what="ok", since=now.wall),
    )


def unheard(
    controller: Controller,
    banks: Mapping[str, bool],
    readings: Mapping[int, Reading],
    items: Mapping[int, bool],
    *,
    powers: Mapping[str, bool],
) -> list[BankContact | BankPower | ContentSensed | DoorSensed]:
    """Return what the boards said meanwhile: who answers, contents and doors by compartment.

    `powers` says of the banks that have a pin for it whether they are fed.
    """
    contacts = [
        BankContact(bank, answering=answering)
        for bank, answering in sorted(banks.items())
        if answering != (bank in controller.answering)
    ]
    sensed = [
        DoorSensed(number, reading)
        for number, reading in sorted(readings.items())
        if reading != controller.doors[number].reading
    ]
    contents = [
        ContentSensed(number, occupied=lies)
        for number, lies in sorted(items.items())
        if lies != controller.occupied.get(number)
    ]
    powered = [
        BankPower(bank, on, "a relay stays on")
        for bank, on in sorted(powers.items())
        if on is (bank in controller.powerless)
    ]
    return [*contacts, *powered, *contents, *sensed]
