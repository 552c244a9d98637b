"""What an act means once its door was shut: custody moves, the right is used up. Pure.

An operation that ended without being seen open never comes here: its right stays good. An occupancy
sensor has the last word, unless it is in doubt: an act that it contradicts was not done.
"""

from collections.abc import Callable

import msgspec

from fellesskap_edge import at_door, occupancy
from fellesskap_edge.facts import Act, Operation, Place, Used
from fellesskap_edge.state import Draft, Forget, Keep, Record, Reopening, sees
from fellesskap_edge.visiting import acted
from fellesskap_protocol.events import Collected, Deposited, DroppedOff, Evidence, Removed
from fellesskap_protocol.messages import Right

REOPEN_S = 300.0


def complete(draft: Draft, number: int, operation: Operation, evidence: Evidence) -> None:
    """Write down what the act did; `evidence` is what the door showed."""
    if operation.right is None or operation.act not in DONE:
        return
    seen = sees(draft.c, number)
    if draft.c.wiring[number].compartment.occupancy_sensor and seen is not None:
        puts_in = operation.act in ("deposit", "drop_off")
        if seen != puts_in:
            occupancy.contradicted(draft, number)
            at_door.contradicted(draft, number, operation)
            return
        evidence = "sensor"
    DONE[operation.act](draft, number, operation, evidence)


def _deposited(draft: Draft, number: int, operation: Operation, evidence: Evidence) -> None:
    right = operation.right
    assert right is not None
    unannounced = operation.label is not None
    label_mac = right.label_macs[0] if right.label_macs else None
    draft.say(
        Record(
            Deposited(
                parcel_id=right.parcel_id or "",
                carrier_id=right.carrier_id or "",
                label_mac=None if unannounced else label_mac,
                label=operation.label,
                compartment=number,
                right_id=None if unannounced else right.id,
                allowance_class=operation.allowance_class,
                evidence=evidence,
            )
        )
    )
    _draw(draft, operation)
    # The claim keeps its id: what was deposited offline can be collected offline.
    newest = draft.c.rights.get(right.id, right)
    _put_in(draft, number, msgspec.structs.replace(newest, kind="collect", compartment=number))
    acted(draft, last_right_id=right.id)


def _dropped_off(draft: Draft, number: int, operation: Operation, evidence: Evidence) -> None:
    right = operation.right
    assert right is not None
    draft.say(
        Record(
            DroppedOff(
                parcel_id=right.parcel_id or "",
                right_id=right.id,
                allowance_class=operation.allowance_class or "",
                compartment=number,
                evidence=evidence,
            )
        )
    )
    _draw(draft, operation)
    newest = draft.c.rights.get(right.id, right)
    _put_in(draft, number, msgspec.structs.replace(newest, compartment=number))
    _may_reopen(draft, number, newest)


def _collected(draft: Draft, number: int, operation: Operation, evidence: Evidence) -> None:
    right = operation.right
    assert right is not None
    parcel_id = right.parcel_id or ""
    draft.say(
        Record(
            Collected(parcel_id=parcel_id, right_id=right.id, compartment=number, evidence=evidence)
        )
    )
    _taken_out(draft, number, parcel_id)
    _may_reopen(draft, number, draft.c.rights.get(right.id, right))


def _removed(draft: Draft, number: int, operation: Operation, evidence: Evidence) -> None:
    right = operation.right
    assert right is not None
    parcel_id = right.parcel_id or ""
    draft.say(
        Record(
            Removed(parcel_id=parcel_id, right_id=right.id, compartment=number, evidence=evidence)
        )
    )
    _taken_out(draft, number, parcel_id)
    acted(draft, last_right_id=None)


def _put_in(draft: Draft, number: int, right: Right) -> None:
    draft.c.rights[right.id] = right
    draft.say(Keep("right", right.id, right))
    draft.place(number, Place("parcel", draft.c.places[number].service, right.id))


def _taken_out(draft: Draft, number: int, parcel_id: str) -> None:
    """Use up every right to the parcel.

    They are kept until the backend takes them away: sent anew they would open another door.
    """
    for right in sorted(draft.c.rights.values(), key=lambda one: one.id):
        if right.parcel_id == parcel_id and right.kind in ("collect", "remove", "drop_off"):
            if right.id == parcel_id:  # the edge's own, of an unannounced parcel
                del draft.c.rights[right.id]
                draft.say(Forget("right", right.id))
                continue
            spent = msgspec.structs.replace(right, revoked=True, compartment=None)
            draft.c.rights[right.id] = spent
            draft.say(Keep("right", right.id, spent))
    draft.place(number, Place("empty", draft.c.places[number].service))


def _may_reopen(draft: Draft, number: int, right: Right) -> None:
    macs = tuple(mac for mac in (right.code_mac, right.long_code_mac, right.qr_mac) if mac)
    until = draft.now.mono_s + REOPEN_S
    draft.c.reopenings[number] = Reopening(macs, until, right.parcel_id)


def _draw(draft: Draft, operation: Operation) -> None:
    name = operation.allowance_class
    if name is not None:
        units = draft.c.used.get(name, 0) + 1
        draft.c.used[name] = units
        draft.say(Keep("used", name, Used(units)))


DONE: dict[Act, Callable[[Draft, int, Operation, Evidence], None]] = {
    "deposit": _deposited,
    "drop_off": _dropped_off,
    "collect": _collected,
    "remove": _removed,
    "cancel": _removed,
}
"""The acts that move custody; the others (open, reopen, inspect, abandoned) only move a door."""
