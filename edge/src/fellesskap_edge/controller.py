"""The locker's judgement: every event to the machine it concerns, deadlines as state. Pure.

`step(controller, event, now)` returns the next controller and what to record, keep, pulse and say,
in order. It decides every opening alone, from what it holds; `drive` commits before anything moves.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

from fellesskap_edge.clock import Instant
from fellesskap_edge.commanding import command_arrived
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.door import Door, resumed
from fellesskap_edge.facts import (
    Consumed,
    Fact,
    FactKind,
    Operation,
    Place,
    Position,
    RemoteOpens,
)
from fellesskap_edge.granting import rights_arrived
from fellesskap_edge.operating import (
    SERVING_S,
    contact,
    fire_waiting,
    sensed,
    tick,
    unacknowledged,
)
from fellesskap_edge.presenting import code_entered, label_scanned
from fellesskap_edge.state import (
    BankContact,
    CodeEntered,
    CommandArrived,
    Controller,
    DoorSensed,
    Draft,
    Effect,
    Event,
    LabelScanned,
    PulseUnacknowledged,
    RightsArrived,
    Tick,
    Wiring,
)
from fellesskap_edge.throttle import Throttle
from fellesskap_protocol.messages import Right

Facts = Mapping[tuple[FactKind, str], Fact]


def restore(config: LockerConfig, facts: Facts, now: Instant) -> Controller:
    """Build the controller from what survived; nothing is pulsed by it.

    A compartment of which nothing is stored is empty: the first start vouches for it.
    """
    banks = {bank.name: bank for bank in config.banks}
    wiring = {
        one.number: Wiring(one.geometry, one.bank, banks[one.bank].supply, banks[one.bank].gap_s)
        for one in config.compartments
    }
    controller = Controller(
        wiring=wiring,
        limits=config.limits,
        kiosk=config.kiosk.name,
        doors={number: Door() for number in wiring},
        places={number: Place() for number in wiring},
    )
    draft = Draft(controller, now)
    for (kind, key), fact in facts.items():
        _restore_fact(draft, kind, key, fact)
    return draft.c


def _restore_fact(draft: Draft, kind: FactKind, key: str, fact: Fact) -> None:
    match fact:
        case Right():
            draft.c.rights[key] = fact
        case Place() if int(key) in draft.c.wiring:
            draft.c.places[int(key)] = fact
        case Operation() if int(key) in draft.c.wiring:
            draft.c.operations[int(key)] = fact
            draft.c.doors[int(key)] = resumed(fact.authorisation_id, draft.now.mono_s)
            # Its coil may have been switched on just before the end.
            wiring = draft.c.wiring[int(key)]
            draft.c.supply_free_at[wiring.supply] = draft.now.mono_s + wiring.gap_s
        case Throttle():
            draft.change(**{key: fact})
        case Consumed():
            draft.c.consumed[key] = fact
        case RemoteOpens():
            draft.change(remote_opens=fact)
        case Position() if kind == "position":
            draft.change(position=fact)


def step(
    controller: Controller, event: Event, now: Instant
) -> tuple[Controller, tuple[Effect, ...]]:
    """Return the next controller and what to do, in order."""
    draft = Draft(controller, now)
    match event:
        case DoorSensed():
            sensed(draft, event)
        case PulseUnacknowledged():
            unacknowledged(draft, event)
        case BankContact():
            contact(draft, event)
        case LabelScanned():
            label_scanned(draft, event)
        case CodeEntered():
            code_entered(draft, event)
        case CommandArrived():
            command_arrived(draft, event)
        case RightsArrived():
            rights_arrived(draft, event)
        case Tick():
            tick(draft)
        case _:
            assert_never(event)
    fire_waiting(draft)
    return draft.c, tuple(draft.effects)


def wake_at(controller: Controller, now: Instant) -> float:
    """Return when a tick would do something, in monotonic seconds."""
    times = [door.wake_at for door in controller.doors.values()]
    times += [
        controller.supply_free_at.get(controller.wiring[number].supply, now.mono_s)
        for number in controller.waiting_pulses
    ]
    if controller.serving_since is not None:
        due = controller.serving_since + timedelta(seconds=SERVING_S) - now.wall
        times.append(now.mono_s + max(0.0, due.total_seconds()))
    return min(times)
