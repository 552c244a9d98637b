"""A parcel comes in: by the label of a claim, without login, or unannounced, by badge. Pure.

The courier's pace is the product: no screen between parcels, and a label that is scanned while the
last door stands open waits for it and then goes on by itself. Labels are compared by MAC.
"""

from dataclasses import replace
from typing import Literal

from fellesskap_edge.choosing import PUTS_IN, box_of, choose_door, class_for, classes_left
from fellesskap_edge.door import State
from fellesskap_edge.facts import Act, Operation
from fellesskap_edge.guessing import count, slowed
from fellesskap_edge.operating import authorise, end_blind
from fellesskap_edge.spoken import Told
from fellesskap_edge.state import Asked, Draft, LabelScanned, Record, TellCourier
from fellesskap_edge.visiting import asked_lately, badge_of, begin
from fellesskap_protocol.events import DeliveryFailed, Presentation
from fellesskap_protocol.messages import Badge, Right

STANDS_IN_THE_WAY = frozenset({State.QUEUED, State.PULSED, State.UNHEARD, State.BLIND, State.OPEN})
"""While a deposit's door is there, the next label waits: one open door for one pair of hands."""


def label_scanned(draft: Draft, event: LabelScanned) -> None:
    """Open one empty compartment for a label that is expected here, or ask what is missing."""
    if not event.repeated:
        end_blind(draft)  # a label still held before the scanner is no next act
    draft.say(_scanned(draft, event))


def _scanned(draft: Draft, event: LabelScanned) -> TellCourier:
    known, badge = _known_by(draft, event.macs), badge_of(draft, "deposit")
    if badge is None and slowed(draft, "labels"):
        if not event.repeated:
            draft.presented("label", "locked_out", "throttled")
        return _ask_badge(draft, event)
    number = _in_hand(draft, known)
    if number is not None:
        return TellCourier("opens", number)
    if known:
        return _expected(draft, event, known, badge)
    if badge is None:
        return _unknown(draft, event)
    return _queued(draft, event) or _unannounced(draft, Asked(event, draft.now.mono_s), badge)


def _queued(draft: Draft, event: LabelScanned) -> TellCourier | None:
    """Let a label wait for the last door; None if nothing is in the way."""
    number = door_in_the_way(draft)
    if number is None:
        return None
    draft.change(waiting=Asked(event, draft.now.mono_s))
    return TellCourier("queued", number)


def door_in_the_way(draft: Draft, acts: frozenset[Act] = PUTS_IN) -> int | None:
    """Return the door that the kiosk's last deposit (or other act) is still about."""
    number = draft.c.at_hand
    operation = draft.c.operations.get(number or 0)
    if number is None or operation is None or operation.act not in acts:
        return None
    return number if draft.c.doors[number].state in STANDS_IN_THE_WAY else None


def _known_by(draft: Draft, macs: tuple[str, ...]) -> list[Right]:
    """Return the live rights of the surest identifier that any right here knows; claims first."""
    rights = sorted(draft.c.rights.values(), key=lambda right: (right.kind != "claim", right.id))
    for mac in macs:
        found = [
            right
            for right in rights
            if mac in right.label_macs and right.parcel_id and not right.revoked
        ]
        if found:
            return found
    return []


def _in_hand(draft: Draft, known: list[Right]) -> int | None:
    """Return the door that is in operation for a label already: it is still held there."""
    mine = {right.id for right in known}
    for number, operation in draft.c.operations.items():
        if operation.act == "deposit" and operation.right and operation.right.id in mine:
            return number
    return None


def _unknown(draft: Draft, event: LabelScanned) -> TellCourier:
    if not event.repeated:
        draft.presented("label", "unknown")
        count(draft, "labels")
    draft.change(asked=Asked(event, draft.now.mono_s))
    return TellCourier("unknown")


def _ask_badge(draft: Draft, event: LabelScanned) -> TellCourier:
    """Keep the label: once the badge was shown it goes on without another scan."""
    draft.change(asked=Asked(event, draft.now.mono_s))
    return TellCourier("badge_needed")


def _expected(
    draft: Draft, event: LabelScanned, known: list[Right], badge: Badge | None
) -> TellCourier:
    """Go on with a label that some right here knows."""
    carriers = sorted({right.carrier_id or "" for right in known})
    if len(carriers) > 1:
        mine = [one for one in carriers if badge is not None and one in badge.carriers]
        if len(mine) > 1:
            return _ask(draft, Asked(event, draft.now.mono_s), "carrier", tuple(mine))
        if not mine:
            if not event.repeated:
                draft.presented("label", "ambiguous")
            return _ask_badge(draft, event)
        known = [right for right in known if right.carrier_id == mine[0]]
    right = known[0]
    refusal = _refusal(draft, right, badge)
    if refusal is None:
        return _queued(draft, event) or _deposit(draft, right, event)
    reason, told = refusal
    if not event.repeated:
        draft.presented("label", reason, right_id=right.id)
    if told == "badge_needed":
        return _ask_badge(draft, event)
    return TellCourier(told, right.compartment)


def _refusal(draft: Draft, right: Right, badge: Badge | None) -> tuple[str, Told] | None:
    """Return why a label that is known opens nothing, and what the courier is told."""
    if right.kind != "claim":
        return "used_up", "deposited"
    if right.deposit_by is not None and draft.now.wall >= right.deposit_by:
        return "expired", "expired"
    mine = badge is not None and right.carrier_id in badge.carriers
    wants_badge = any(
        one.kind == "carrier"
        and one.carrier_id == right.carrier_id
        and one.deposit_auth == "badge"
        and not one.revoked
        for one in draft.c.rights.values()
    )
    return ("badge_needed", "badge_needed") if wants_badge and not mine else None


def _deposit(draft: Draft, right: Right, event: LabelScanned) -> TellCourier:
    """Open a door for a claim: a hard one by the room that it holds, a soft one by the allowance.

    What cannot be served is said in the journal, once.
    """
    size_class = None if right.hold == "hard" else class_for(draft, right)
    lacking = right.hold == "soft" and size_class is None
    number = None if lacking else choose_door(draft, right)
    if number is None:
        reason = "allowance_used_up" if lacking else "no_fitting_compartment"
        if not event.repeated:
            draft.presented("label", reason, right_id=right.id)
            draft.say(Record(DeliveryFailed(right_id=right.id, reason=reason)))
        return TellCourier("no_room")
    operation = Operation(event.authorisation_id, "deposit", right, allowance_class=size_class)
    return open_for(draft, number, operation, "label")


def open_for(draft: Draft, number: int, operation: Operation, kind: Presentation) -> TellCourier:
    """Open a door to put something in; the courier's session goes on, or begins, with it."""
    unsure = draft.c.places[number].content == "unknown"
    if operation.act == "deposit":
        begin(draft, operation.authorisation_id)
    authorise(draft, number, operation, kind)
    return TellCourier("check_empty" if unsure else "opens", number)


# Without a claim ---------------------------------------------------------------------------------


def _unannounced(draft: Draft, asked: Asked, badge: Badge) -> TellCourier:
    """Ask for whom, if the badge speaks for several carriers, and how large."""
    if asked.carrier_id is None and len(badge.carriers) == 1:
        asked = replace(asked, carrier_id=badge.carriers[0])
    if asked.carrier_id is None:
        return _ask(draft, asked, "carrier", badge.carriers)
    sizes = tuple(
        name
        for name, allowance in classes_left(draft).items()
        if choose_door(draft, _made(asked, allowance)) is not None
    )
    if sizes:
        return _ask(draft, asked, "size", sizes)
    draft.change(asked=None)
    draft.presented("badge", "allowance_used_up", badge_jti=badge.jti)
    return TellCourier("no_room")


def _ask(
    draft: Draft, asked: Asked, choice: Literal["carrier", "size"], options: tuple[str, ...]
) -> TellCourier:
    """Let the courier choose; the label waits for it."""
    draft.change(asked=replace(asked, at=draft.now.mono_s, choice=choice, options=options))
    return TellCourier("choose_carrier" if choice == "carrier" else "choose_size", options=options)


def carrier_chosen(draft: Draft, carrier_id: str) -> TellCourier:
    """Go on with the label that waits, for one of the badge's carriers."""
    asked, badge = asked_lately(draft), badge_of(draft, "deposit")
    if asked is None or badge is None or carrier_id not in badge.carriers:
        return TellCourier("nothing_in_hand")
    known = [
        right for right in _known_by(draft, asked.label.macs) if right.carrier_id == carrier_id
    ]
    if known:
        draft.change(asked=None)
        return _expected(draft, asked.label, known, badge)
    return _unannounced(draft, replace(asked, carrier_id=carrier_id), badge)


def size_chosen(draft: Draft, size_class: str, authorisation_id: str) -> TellCourier:
    """Open a door of the chosen class for the label that waits."""
    asked, badge = asked_lately(draft), badge_of(draft, "deposit")
    if asked is None or asked.carrier_id is None or badge is None:
        return TellCourier("nothing_in_hand")
    in_the_way = door_in_the_way(draft)
    if in_the_way is not None:
        return TellCourier("busy", in_the_way)
    allowance = classes_left(draft).get(size_class)
    right = None if allowance is None else _made(asked, allowance)
    number = None if right is None else choose_door(draft, right)
    if number is None:
        return TellCourier("no_room")
    draft.change(asked=None)
    operation = Operation(
        authorisation_id,
        "deposit",
        right,
        badge_jti=badge.jti,
        allowance_class=size_class,
        label=asked.label.keys[0] if asked.label.keys else "",
    )
    return open_for(draft, number, operation, "badge")


def _made(asked: Asked, allowance: Right) -> Right:
    """Return the claim of a parcel that nobody announced; its ids are the edge's and stay."""
    box, parcel_id = box_of(allowance), asked.label.authorisation_id
    return Right(
        id=parcel_id,
        kind="claim",
        hold="soft",
        carrier_id=asked.carrier_id,
        parcel_id=parcel_id,
        label_macs=asked.label.macs[:1],
        w_mm=box.w_mm,
        h_mm=box.h_mm,
        d_mm=box.d_mm,
    )
