"""The keys of the kiosk: what a person says of the door before them, and what goes on by itself.

Pure. One key each for "too small", "occupied" and "broken": another door opens without a rescan.
"It is empty" and "not mine" keep the evidence and the right. `HANDLERS` says what each key does.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from fellesskap_edge import door as doors
from fellesskap_edge.choosing import (
    PUTS_IN,
    bigger_than,
    choose_door,
    in_operation,
)
from fellesskap_edge.depositing import (
    carrier_chosen,
    door_in_the_way,
    label_scanned,
    open_for,
    size_chosen,
)
from fellesskap_edge.facts import Act, Operation
from fellesskap_edge.operating import authorise, end_blind
from fellesskap_edge.removing import sweep_on, take_out
from fellesskap_edge.service import change_service, out_of_reach
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import (
    Answer,
    Draft,
    GoOn,
    Keep,
    KeyPressed,
    Proceed,
    Record,
    TellCourier,
)
from fellesskap_edge.visiting import acted, asked_lately, current, end
from fellesskap_protocol.events import Content, DeliveryFailed, Reported, Service, Upsized

SWEEPS: frozenset[Act] = frozenset({"remove", "inspect"})
TAKES_OUT: frozenset[Act] = frozenset({"collect", "reopen", "remove", "inspect"})


def key_pressed(draft: Draft, event: KeyPressed) -> None:
    """Do what the key says and answer whoever pressed it."""
    said = HANDLERS[event.key](draft, event)
    draft.say(Answer(event.ticket, said.outcome, said.compartment, said.options))


def go_on(draft: Draft) -> None:
    """Ask to go on, if something waits and the way is free."""
    if _waits(draft):
        draft.say(GoOn())


def proceed(draft: Draft, event: Proceed) -> None:
    """Go on with the label that waited for the last door, or with the next parcel of a sweep."""
    if not _waits(draft):
        return
    waiting = draft.c.waiting
    if waiting is not None:
        draft.change(waiting=None)
        label = replace(waiting.label, authorisation_id=event.authorisation_id, repeated=False)
        label_scanned(draft, label)
    else:
        sweep_on(draft, event.authorisation_id)


def _waits(draft: Draft) -> bool:
    if draft.c.waiting is not None:
        return door_in_the_way(draft) is None
    return draft.c.sweep is not None and door_in_the_way(draft, SWEEPS) is None


def _at_hand(draft: Draft, acts: frozenset[Act]) -> tuple[int, Operation] | None:
    """Return the kiosk's last operation, if it goes on and is for one of the acts."""
    number = draft.c.at_hand
    operation = draft.c.operations.get(number or 0)
    if number is None or operation is None or operation.act not in acts:
        return None
    return number, operation


def _become(draft: Draft, number: int, act: Act) -> None:
    """Let an operation be for something else from now on."""
    operation = msgspec.structs.replace(draft.c.operations[number], act=act)
    draft.c.operations[number] = operation
    draft.say(Keep("operation", str(number), operation))


# Who puts something in ---------------------------------------------------------------------------


def _bigger(draft: Draft, event: KeyPressed) -> TellCourier:
    found = _at_hand(draft, PUTS_IN)
    if found is None:
        return TellCourier("nothing_in_hand")
    number, operation = found
    right = operation.right
    assert right is not None
    if not _still_good(draft, operation):
        return TellCourier("expired", number)
    larger = choose_door(draft, right, bigger_than(draft, number))
    if larger is None:
        return TellCourier("no_bigger", number)
    draft.say(Record(Upsized(right_id=right.id, from_=number, to=larger)))
    _become(draft, number, "abandoned")
    return _move_on(draft, event, operation, larger)


def _occupied(draft: Draft, event: KeyPressed) -> TellCourier:
    found = _at_hand(draft, PUTS_IN)
    if found is None:
        return TellCourier("nothing_in_hand")
    draft.say(Record(Reported(what="occupied", compartment=found[0])))
    return _another(draft, event, found, ("suspect", "occupied", "unknown"))


def _broken(draft: Draft, event: KeyPressed) -> TellCourier:
    found = _at_hand(draft, PUTS_IN)
    if found is not None:
        draft.say(Record(Reported(what="broken", compartment=found[0])))
        return _another(draft, event, found, ("out", "broken", None))
    taking = _at_hand(draft, TAKES_OUT)
    if taking is None:
        return TellCourier("nothing_in_hand")
    number, operation = taking
    parcel_id = operation.right.parcel_id if operation.right else None
    draft.say(Record(Reported(what="broken", compartment=number, parcel_id=parcel_id)))
    change_service(draft, number, "out", "broken")
    return TellCourier("noted", number)


def _another(
    draft: Draft,
    event: KeyPressed,
    found: tuple[int, Operation],
    becomes: tuple[Service, str, Content | None],
) -> TellCourier:
    """Take the door out of use and open another for the same right, without a rescan."""
    number, operation = found
    right = operation.right
    assert right is not None
    _become(draft, number, "abandoned")
    draft.change(at_hand=None)
    to, cause, content = becomes
    change_service(draft, number, to, cause, content=content)
    if not _still_good(draft, operation):
        return TellCourier("expired")
    other = choose_door(draft, right)
    if other is None:
        draft.say(Record(DeliveryFailed(right_id=right.id, reason="no_fitting_compartment")))
        return TellCourier("no_room")
    return _move_on(draft, event, operation, other)


def _still_good(draft: Draft, operation: Operation) -> bool:
    """Say whether what a door was opened for may open another.

    Its right may be taken away since, or the backend may know that the parcel lies somewhere: a
    store that went back in time does not.
    """
    before = operation.right
    if operation.label is not None or before is None:
        return True  # unannounced: its right is the edge's own
    newest = draft.c.rights.get(before.id)
    return newest is not None and not newest.revoked and newest.kind == before.kind


def _move_on(draft: Draft, event: KeyPressed, operation: Operation, other: int) -> TellCourier:
    """Open another door for what an operation is about."""
    moved = msgspec.structs.replace(
        operation, authorisation_id=event.authorisation_id, opened=False
    )
    return open_for(draft, other, moved, "key")


def _cancel(draft: Draft, event: KeyPressed) -> TellCourier:
    """Put nothing in after all; or take back what this visit put in last."""
    found = _at_hand(draft, PUTS_IN)
    if found is not None:
        _become(draft, found[0], "abandoned")
        draft.change(at_hand=None, waiting=None)
        return TellCourier("cancelled", found[0])
    if draft.c.waiting is not None or asked_lately(draft) is not None:
        draft.change(waiting=None, asked=None)
        return TellCourier("cancelled")
    session = current(draft)
    right = draft.c.rights.get((session.last_right_id if session else None) or "")
    number = right.compartment if right else None
    if right is None or right.revoked or number is None or in_operation(draft, number):
        return TellCourier("nothing_in_hand")
    if out_of_reach(draft, number):
        return TellCourier("out_of_order", number)
    authorise(draft, number, Operation(event.authorisation_id, "cancel", right), "key")
    return TellCourier("opens", number)


def _done(draft: Draft, _event: KeyPressed) -> TellCourier:
    end_blind(draft)
    end(draft)
    return TellCourier("done")


def _take_out(draft: Draft, event: KeyPressed) -> TellCourier:
    end_blind(draft)
    number = door_in_the_way(draft, SWEEPS)
    if number is not None:
        return TellCourier("busy", number)
    return take_out(draft, event.authorisation_id)


def _size(draft: Draft, event: KeyPressed) -> TellCourier:
    return size_chosen(draft, event.value, event.authorisation_id)


def _carrier(draft: Draft, event: KeyPressed) -> TellCourier:
    return carrier_chosen(draft, event.value)


# Who takes something out -------------------------------------------------------------------------


def _empty(draft: Draft, _event: KeyPressed) -> TellCourier:
    return _not_as_it_should(draft, "empty", "unknown")


def _not_me(draft: Draft, _event: KeyPressed) -> TellCourier:
    return _not_as_it_should(draft, "not_me", None)


def _not_as_it_should(draft: Draft, what: str, content: Content | None) -> TellCourier:
    """Keep the evidence, the right and the door out of use: people sort it out (DISPUTED)."""
    found = _at_hand(draft, TAKES_OUT)
    if found is not None:
        number, operation = found
        again = draft.c.reopenings.get(number)
        parcel_id = again.parcel_id if again else None
        if operation.right is not None:
            parcel_id = operation.right.parcel_id
            _become(draft, number, "inspect")
    else:
        number = max(draft.c.reopenings, key=lambda one: draft.c.reopenings[one].until, default=0)
        reopening = draft.c.reopenings.get(number)
        if reopening is None or draft.now.mono_s >= reopening.until:
            return TellCourier("nothing_in_hand")
        parcel_id = reopening.parcel_id
    said = Reported(what=what, compartment=number, parcel_id=parcel_id)  # type: ignore[arg-type]
    draft.say(Record(said))
    change_service(draft, number, "suspect", f"reported_{what}", content=content)
    return TellCourier("noted", number)


def _more_time(draft: Draft, _event: KeyPressed) -> TellCourier:
    """Let the door stand open longer before anybody is reminded, and the visit go on."""
    acted(draft)
    asked = asked_lately(draft)
    if asked is not None:
        draft.change(asked=replace(asked, at=draft.now.mono_s))
    number = draft.c.at_hand
    if number is None:
        return TellCourier("noted")
    draft.c.doors[number] = doors.longer(draft.c.doors[number])
    return TellCourier("noted", number)


HANDLERS: dict[Key, Callable[[Draft, KeyPressed], TellCourier]] = {
    "bigger": _bigger,
    "occupied": _occupied,
    "broken": _broken,
    "cancel": _cancel,
    "done": _done,
    "take_out": _take_out,
    "size": _size,
    "carrier": _carrier,
    "empty": _empty,
    "not_me": _not_me,
    "more_time": _more_time,
}
