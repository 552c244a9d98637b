"""I2: no decision lowers the number of claims that can be served; the world's losses are told.

At the locker: whenever nothing is in hand, claims without room that had some are a breach, unless
something physical happened and `overcommitted` says so in that step. At the backend: a new hard
claim that is sent must have room beside every claim that the locker has *or may still have*, as a
right that is taken away counts until the locker applied it.
"""

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.messages import Right, Rights
from tests.judge import history
from tests.judge.matching import Claim, Doors, in_vain
from tests.judge.rules import HELD, Entry, Rules
from tests.judge.state import Place, World

RESERVES = ("reserve", "manifest")


def claim_of(right: Right) -> Claim:
    """Return what a claim needs."""
    return Claim(right.w_mm, right.h_mm, right.d_mm, right.g, right.needs)


def _room(place: Place) -> list[Compartment]:
    return [
        one
        for number, one in place.boxes.items()
        if place.service.get(number) == "in" and number not in place.lies
    ]


def _claims(place: Place) -> list[Right]:
    lying = {one.right_id for one in place.lies.values()}
    return [
        one
        for one in place.force.values()
        if one.kind == "claim" and one.hold == "hard" and not one.revoked
        if one.id not in lying and one.id not in place.used
    ]


def promises_kept(world: World, place: Place, entry: Entry | None = None) -> str | None:
    """Hold that whoever had room has it still, or it was said at once that the world took it."""
    if not place.room_moved:
        return None
    if entry is not None and entry.event is not None and entry.event.mono_ms == place.step:
        return None  # that step is not over yet
    if place.in_hand(world.at):
        return None
    place.room_moved = False
    steps = place.short_steps & place.physical_steps
    place.short_steps, place.physical_steps = set(), set()
    if place.blurred or place.custody_blurred or "" in place.service.values():
        place.lost = None
        return None
    claims = _claims(place)
    lost = in_vain(map(claim_of, claims), _room(place)) if claims else 0
    before, place.lost = place.lost, lost
    if before is None or not claims:
        return None
    if lost <= before:
        return HELD
    if steps:
        return None
    return f"{lost} claims have no room, {before} had none before, and nothing physical is told"


def kept_at_end(world: World, record: history.End) -> str | None:
    """Hold it for every locker at the end."""
    del record
    for place in world.places.values():
        wrong = promises_kept(world, place)
        if wrong:
            return f"{place.locker}: {wrong}"
    return HELD


def room_for_new(world: World, record: history.Sent) -> str | None:
    """Hold that a new hard claim has room beside all that may still be used."""
    place, rights = world.places.get(record.locker), record.rights
    if place is None or place.blurred or place.custody_blurred or rights.epoch != place.epoch:
        return None
    new = _new(place, rights)
    if not new or place.room_unrecorded or place.in_hand(world.at):
        return None
    broken = any(one != "in" for one in place.service.values())
    if broken or _asked_at(world, new) <= place.room_taken_at:
        return None  # what the backend knew when it promised is not known here
    doors = Doors(_room(place))
    for claim in [*map(claim_of, _claims(place)), *_allowance(place)]:
        doors.give(claim)
    for one in new:
        if not doors.give(claim_of(one)):
            return f"{one.id} was promised room that others hold until the locker says otherwise"
    return HELD


def _new(place: Place, rights: Rights) -> list[Right]:
    return [
        one
        for one in rights.put
        if one.kind == "claim" and one.hold == "hard" and not one.revoked
        if one.id not in place.force and one.id not in place.used
    ]


def _asked_at(world: World, new: list[Right]) -> float:
    """Return when the first of some claims was asked for, at the earliest."""
    known = [world.parcels.get(one.parcel_id or "") for one in new]
    asked = [one.asked_at for one in known if one is not None and "reserved" in one.facts]
    if len(asked) < len(new):  # the answer is on its way
        open_ones = [one.asked.at for one in world.questions.values() if one.asked.act in RESERVES]
        asked.append(min(open_ones, default=float("-inf")))
    return min(asked)


def _allowance(place: Place) -> list[Claim]:
    units = []
    for right in place.force.values():
        box = place.spec.classes.get(right.size_class or "")
        if right.kind == "allowance" and not right.revoked and box is not None:
            left = right.granted - place.drawn.get(right.size_class or "", 0)
            units += [Claim(*box, 0)] * max(left, 0)
    return units


I2: Rules = {
    history.Journalled: promises_kept,
    history.End: kept_at_end,
    history.Sent: room_for_new,
}
