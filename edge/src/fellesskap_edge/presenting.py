"""What people present: labels at the scanner, codes at the kiosk. Pure.

Wrong, expired and used-up codes get one and the same answer. Labels and codes are compared by MAC.
"""

from fellesskap_edge.facts import Act, Operation
from fellesskap_edge.operating import authorise, end_blind, in_operation, out_of_reach
from fellesskap_edge.state import (
    Answer,
    CodeEntered,
    CourierOutcome,
    Draft,
    Keep,
    LabelScanned,
    TellCourier,
    demand_of,
    stands_open,
)
from fellesskap_edge.throttle import failed, holds_until
from fellesskap_protocol.capacity import choose, usable
from fellesskap_protocol.messages import Right


def label_scanned(draft: Draft, event: LabelScanned) -> None:
    """Open one empty compartment for a label that is expected here."""
    if not event.repeated:
        end_blind(draft)  # a label still held before the scanner is no next act
    known = _known_by(draft, event.macs)
    if holds_until(draft.c.labels, draft.now.wall):
        draft.presented("label", "throttled", throttled=True)
        draft.say(TellCourier("wait"))
        return
    if not known:
        if not event.repeated:
            draft.presented("label", "unknown")
            draft.change(labels=failed(draft.c.labels, draft.now.wall))
            draft.say(Keep("throttle", "labels", draft.c.labels))
        draft.say(TellCourier("unknown"))
        return
    right, number = known[0], _in_hand(draft, known[0])
    if number is not None:
        draft.say(TellCourier("opens", number))
        return
    refusal = _refusal(draft, known)
    number = None if refusal else _choose(draft, right)
    if number is not None:
        authorise(draft, number, Operation(event.authorisation_id, "deposit", right), "label")
        draft.say(TellCourier("opens", number))
        return
    reason, outcome = refusal or ("no_fitting_compartment", "no_room")
    if not event.repeated:
        draft.presented("label", reason, right_id=right.id)
    draft.say(TellCourier(outcome, right.compartment))


def _known_by(draft: Draft, macs: tuple[str, ...]) -> list[Right]:
    """Return the live rights of the surest identifier that any right here knows."""
    rights = sorted(draft.c.rights.values(), key=lambda right: right.id)
    for mac in macs:
        found = [
            right
            for right in rights
            if mac in right.label_macs and right.parcel_id and not right.revoked
        ]
        if found:
            return found
    return []


def _in_hand(draft: Draft, right: Right) -> int | None:
    """Return the door that is in operation for a right already: its label is still held there."""
    for number, operation in draft.c.operations.items():
        if operation.right is not None and operation.right.id == right.id:
            return number
    return None


def _refusal(draft: Draft, known: list[Right]) -> tuple[str, CourierOutcome] | None:
    """Return why a label that is known opens nothing, and what the courier is told."""
    right = known[0]
    if len({one.carrier_id for one in known}) > 1:
        return "ambiguous", "badge_needed"
    if right.kind != "claim":
        return "used_up", "deposited"
    if right.deposit_by is not None and draft.now.wall >= right.deposit_by:
        return "expired", "expired"
    return ("badge_needed", "badge_needed") if _wants_badge(draft, right) else None


def _wants_badge(draft: Draft, right: Right) -> bool:
    return any(
        one.kind == "carrier"
        and one.carrier_id == right.carrier_id
        and one.deposit_auth == "badge"
        and not one.revoked
        for one in draft.c.rights.values()
    )


def _choose(draft: Draft, right: Right) -> int | None:
    """Bind the compartment: the shared rule over what is usable at this moment."""
    c = draft.c
    offered = [
        wired.compartment
        for number, wired in c.wiring.items()
        if usable(c.places[number].content, c.places[number].service)
        and not in_operation(draft, number)
        and not stands_open(c, number)
        and not out_of_reach(draft, number)
    ]
    # A claim in operation has its door already, which is not offered.
    bound = {op.right.id for op in c.operations.values() if op.right is not None}
    others = [
        demand_of(other)
        for other in sorted(c.rights.values(), key=lambda one: one.id)
        if other.kind == "claim" and other.id != right.id and not other.revoked
        if other.id not in bound
        if other.hold == "hard"
    ]
    unsure = {number for number, place in c.places.items() if place.content == "unknown"}
    return choose(demand_of(right), others, offered, avoid=unsure | set(c.reopenings))


def code_entered(draft: Draft, event: CodeEntered) -> None:
    """Open the compartment whose parcel the code belongs to, or one that it emptied just now."""
    end_blind(draft)
    if event.kind == "code" and holds_until(draft.c.keypad, draft.now.wall):
        draft.presented("code", "throttled", throttled=True)
        draft.say(Answer(event.ticket, "long_code_needed"))
        return
    right = next((one for one in draft.c.rights.values() if _opens(one, event)), None)
    if right is not None and right.compartment is not None:
        _open_for_recipient(draft, right.compartment, event, right)
        return
    for number, reopening in draft.c.reopenings.items():
        if event.mac in reopening.macs and draft.now.wall < reopening.until:
            _open_for_recipient(draft, number, event, None)
            return
    draft.presented(event.kind, "unknown")
    if event.kind != "qr":
        draft.change(keypad=failed(draft.c.keypad, draft.now.wall))
        draft.say(Keep("throttle", "keypad", draft.c.keypad))
    draft.say(Answer(event.ticket, "refused"))


def _opens(right: Right, event: CodeEntered) -> bool:
    if right.kind != "collect" or right.revoked:
        return False
    macs = {"code": right.code_mac, "long_code": right.long_code_mac, "qr": right.qr_mac}
    return macs[event.kind] == event.mac


def _open_for_recipient(draft: Draft, number: int, event: CodeEntered, right: Right | None) -> None:
    right_id = right.id if right else None
    if in_operation(draft, number):
        draft.presented(event.kind, "busy", right_id=right_id)
        draft.say(Answer(event.ticket, "busy", number))
        return
    if out_of_reach(draft, number):
        draft.presented(event.kind, "out_of_order", right_id=right_id)
        draft.say(Answer(event.ticket, "out_of_order", number))
        return
    act: Act = "collect" if right else "reopen"
    authorise(draft, number, Operation(event.authorisation_id, act, right), event.kind)
    draft.say(Answer(event.ticket, "opens", number))
