"""The locker's judgement: every event to the machine it concerns, deadlines as state. Pure.

`step(controller, event, now)` returns the next controller and what to record, keep, pulse and say,
in order. It decides every opening alone, from what it holds; `drive` commits before anything moves.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fellesskap_edge.clock import Instant
from fellesskap_edge.collecting import code_entered
from fellesskap_edge.commanding import command_arrived
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.depositing import label_scanned
from fellesskap_edge.door import Door, resumed
from fellesskap_edge.excursion import judged, settle, unwatched, warn
from fellesskap_edge.facts import (
    BadgeUse,
    Consumed,
    Excursion,
    Fact,
    FactKind,
    Operation,
    Place,
    Position,
    Powerless,
    RemoteOpens,
    Session,
    Unmoved,
    Unseen,
    Used,
)
from fellesskap_edge.granting import rights_arrived
from fellesskap_edge.guessing import mind
from fellesskap_edge.keys import go_on, key_pressed, proceed
from fellesskap_edge.occupancy import content_sensed
from fellesskap_edge.operating import (
    fire_waiting,
    pulse_free_at,
    sensed,
    tick,
    unacknowledged,
)
from fellesskap_edge.service import (
    SERVING_S,
    contact,
    key_turned,
    power_changed,
    say_what_is_left,
)
from fellesskap_edge.state import (
    BadgeForged,
    BadgeShown,
    BankContact,
    BankPower,
    CodeEntered,
    CommandArrived,
    ContentSensed,
    Controller,
    DoorSensed,
    Draft,
    Effect,
    Event,
    KeyPressed,
    KeyTurned,
    LabelScanned,
    Proceed,
    PulseUnacknowledged,
    RightsArrived,
    TemperatureJudged,
    Tick,
    Wiring,
)
from fellesskap_edge.throttle import Throttle
from fellesskap_edge.visiting import badge_forged, badge_shown, forget_the_last
from fellesskap_protocol.messages import Right

Facts = Mapping[tuple[FactKind, str], Fact]


def restore(config: LockerConfig, facts: Facts, now: Instant) -> Controller:
    """Build the controller from what survived; nothing is pulsed by it.

    A compartment of which nothing is stored is empty: the first start vouches for it.
    """
    banks = {bank.name: bank for bank in config.banks}
    wiring = {
        one.number: Wiring(
            one.geometry,
            one.bank,
            banks[one.bank].supply,
            banks[one.bank].gap_s,
            banks[one.bank].retrying.gap_s,
        )
        for one in config.compartments
    }
    controller = Controller(
        wiring=wiring,
        limits=config.limits,
        kiosk=config.kiosk.name,
        locker_id=config.locker.id,
        site=config.locker.site,
        doors={number: Door() for number in wiring},
        places={number: Place() for number in wiring},
    )
    draft = Draft(controller, now)
    for (kind, key), fact in facts.items():
        if isinstance(fact, Powerless):
            draft.c.powerless[key] = fact
        elif isinstance(fact, Unseen):
            draft.c.unseen[int(key)] = fact
        else:
            _restore_fact(draft, kind, key, fact)
    unwatched(draft, {number for probe in config.probes for number in probe.compartments})
    return draft.c


def _restore_fact(draft: Draft, kind: FactKind, key: str, fact: Fact) -> None:
    match fact:
        case Right():
            draft.c.rights[key] = fact
        case Place() if int(key) in draft.c.wiring:
            draft.c.places[int(key)] = fact
        case Operation() if int(key) in draft.c.wiring:
            draft.c.operations[int(key)] = fact
            unmoved = draft.c.doors[int(key)].unmoved
            door = resumed(fact.authorisation_id, draft.now.mono_s)
            draft.c.doors[int(key)] = replace(door, unmoved=unmoved)
            # Its coil may have been switched on just before the end.
            wired = draft.c.wiring[int(key)]
            draft.c.supply_free_at[wired.supply] = draft.now.mono_s + wired.retry_gap_s
            draft.change(at_hand=int(key))
        case Unmoved() if int(key) in draft.c.wiring:
            draft.c.doors[int(key)] = replace(draft.c.doors[int(key)], unmoved=fact.uses)
        case Throttle():
            draft.change(**{key: fact})
        case Consumed():
            draft.c.consumed[key] = fact
        case RemoteOpens():
            # A moment ago, whatever a clock says: no restart with another time lifts the limit.
            draft.change(opened_remotely_at=(draft.now.mono_s,) * len(fact.at))
        case Used():
            draft.c.used[key] = fact.units
        case Session():
            draft.change(session=fact)
        case BadgeUse():
            draft.c.badges[key] = fact
        case Excursion() if int(key) in draft.c.wiring:
            draft.c.excursions[int(key)] = fact
        case Position() if kind == "position":
            draft.change(position=fact)


def step(
    controller: Controller, event: Event, now: Instant
) -> tuple[Controller, tuple[Effect, ...]]:
    """Return the next controller and what to do, in order."""
    draft = Draft(controller, now)
    forget_the_last(draft)
    mind(draft)
    HANDLERS[type(event)](draft, event)
    fire_waiting(draft)
    warn(draft)
    settle(draft)
    say_what_is_left(draft, controller)
    go_on(draft)
    return draft.c, tuple(draft.effects)


def wake_at(controller: Controller) -> float:
    """Return when a tick would do something, in monotonic seconds."""
    times = [door.wake_at for door in controller.doors.values()]
    times += [pulse_free_at(controller, number) for number in controller.waiting_pulses]
    if controller.key_until:
        times.append(controller.key_until)
    if controller.serving_since is not None:
        times.append(controller.serving_since + SERVING_S)
    return min(times)


HANDLERS: dict[type[Event], Callable[[Draft, Any], None]] = {
    DoorSensed: sensed,
    PulseUnacknowledged: unacknowledged,
    BankContact: contact,
    BankPower: power_changed,
    ContentSensed: content_sensed,
    KeyTurned: key_turned,
    LabelScanned: label_scanned,
    BadgeShown: badge_shown,
    BadgeForged: badge_forged,
    CodeEntered: code_entered,
    KeyPressed: key_pressed,
    Proceed: proceed,
    CommandArrived: command_arrived,
    RightsArrived: rights_arrived,
    TemperatureJudged: judged,
    Tick: tick,
}
