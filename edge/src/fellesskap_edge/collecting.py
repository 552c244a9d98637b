"""What recipients present: codes and QR codes, to collect, to look again, to drop something off.

Pure. Wrong, expired and used-up codes get one and the same answer. Codes are compared by MAC.
"""

from fellesskap_edge.choosing import choose_door, class_for, in_operation
from fellesskap_edge.depositing import open_for
from fellesskap_edge.facts import Act, Operation
from fellesskap_edge.guessing import count, slowed
from fellesskap_edge.operating import authorise, end_blind
from fellesskap_edge.removing import lies_in
from fellesskap_edge.service import out_of_reach
from fellesskap_edge.state import Answer, CodeEntered, Draft
from fellesskap_protocol.messages import Right


def code_entered(draft: Draft, event: CodeEntered) -> None:
    """Open the compartment whose parcel the code belongs to, or one that it used just now."""
    end_blind(draft)
    if event.kind == "code" and slowed(draft, "keypad"):
        draft.presented("code", "throttled", outcome="throttled")
        draft.say(Answer(event.ticket, "long_code_needed"))
        return
    right = next((one for one in draft.c.rights.values() if _knows(one, event)), None)
    if right is not None and right.kind == "collect":
        # A second code has no compartment of its own: it opens where the parcel lies.
        number = right.compartment or lies_in(draft, right)
        if number is not None:
            _open(draft, number, event, right)
            return
    for number, reopening in draft.c.reopenings.items():
        if event.mac in reopening.macs and draft.now.mono_s < reopening.until:
            _open(draft, number, event, None)
            return
    if right is not None and right.kind == "drop_off" and right.compartment is None:
        _drop_off(draft, event, right)
        return
    draft.presented(event.kind, "unknown")
    if event.kind != "qr":
        count(draft, "keypad")
    draft.say(Answer(event.ticket, "refused"))


def _knows(right: Right, event: CodeEntered) -> bool:
    if right.kind not in ("collect", "drop_off") or right.revoked:
        return False
    macs = {"code": right.code_mac, "long_code": right.long_code_mac, "qr": right.qr_mac}
    return macs[event.kind] == event.mac


def _open(draft: Draft, number: int, event: CodeEntered, right: Right | None) -> None:
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


def _drop_off(draft: Draft, event: CodeEntered, right: Right) -> None:
    """Open an empty compartment for somebody who sends something, drawn from the allowance."""
    if right.deposit_by is not None and draft.now.wall >= right.deposit_by:
        draft.presented(event.kind, "expired", right_id=right.id)
        draft.say(Answer(event.ticket, "expired"))
        return
    for number, operation in draft.c.operations.items():
        if operation.right is not None and operation.right.id == right.id:
            draft.presented(event.kind, "busy", right_id=right.id)
            draft.say(Answer(event.ticket, "busy", number))
            return
    size_class = class_for(draft, right)
    number_free = None if size_class is None else choose_door(draft, right)
    if number_free is None:
        reason = "no_fitting_compartment" if size_class else "allowance_used_up"
        draft.presented(event.kind, reason, right_id=right.id)
        draft.say(Answer(event.ticket, "no_room"))
        return
    operation = Operation(event.authorisation_id, "drop_off", right, allowance_class=size_class)
    said = open_for(draft, number_free, operation, event.kind)
    draft.say(Answer(event.ticket, said.outcome, said.compartment))
