"""Which door for a parcel that is here: what may be given, and what must stay for claims. Pure.

The rule itself is `fellesskap_protocol.capacity.choose`; here is what it is asked about: doors that
may open at this moment, other claims, and the allowance from which deposits without one draw.
"""

from collections.abc import Iterable

from fellesskap_edge import door as doors
from fellesskap_edge.facts import Act
from fellesskap_edge.state import Controller, Draft, demand_of, sees, stands_open
from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, Demand, choose, usable
from fellesskap_protocol.messages import Right

PUTS_IN: frozenset[Act] = frozenset({"deposit", "drop_off"})


def in_operation(draft: Draft, number: int) -> bool:
    """Say whether an operation is in hand at a door."""
    return draft.c.doors[number].state in doors.IN_OPERATION


def bound(controller: Controller) -> dict[str, int]:
    """Return the doors that rights have already: those of the operations that put something in."""
    return {
        operation.right.id: number
        for number, operation in controller.operations.items()
        if operation.right is not None and operation.act in PUTS_IN
    }


def hard_claims(draft: Draft) -> list[Right]:
    """Return the claims that hold capacity, the oldest first."""
    return sorted(
        (
            right
            for right in draft.c.rights.values()
            if right.kind == "claim" and right.hold == "hard" and not right.revoked
        ),
        key=lambda right: right.id,
    )


def may_hold(draft: Draft, number: int) -> bool:
    """Say whether a compartment may be given away, by what is known to lie there.

    Where a parcel is disputed ("it is empty") nothing else goes until its right was taken away.
    """
    place = draft.c.places[number]
    held = draft.c.rights.get(place.right_id or "")
    return usable(place.content, place.service) and (held is None or held.revoked)


def offered(draft: Draft) -> list[Compartment]:
    """Return the compartments that may be given away at this moment."""
    c = draft.c
    return [
        wired.compartment
        for number, wired in c.wiring.items()
        if may_hold(draft, number)
        and wired.bank in c.answering
        and wired.bank not in c.powerless
        and not in_operation(draft, number)
        and not stands_open(c, number)
        and not sees(c, number)
    ]


def bigger_than(draft: Draft, number: int) -> list[Compartment]:
    """Return what may be given and is larger than a compartment in every way that counts."""
    small = draft.c.wiring[number].compartment
    return [
        one
        for one in offered(draft)
        if one.volume_mm3 > small.volume_mm3 and _holds(_sides(one), _sides(small))
    ]


def choose_door(
    draft: Draft, right: Right, among: Iterable[Compartment] | None = None
) -> int | None:
    """Bind the compartment for a right: the shared rule over what is usable at this moment.

    What is not known to be empty, and what its last user may open again, is offered last.
    """
    c, taken = draft.c, bound(draft.c)
    others = [
        demand_of(other)
        for other in hard_claims(draft)
        if other.id != right.id and other.id not in taken
    ]
    free = offered(draft)
    if among is None:
        unsure = {number for number, place in c.places.items() if place.content == "unknown"}
        return choose(demand_of(right), others, free, unsure | set(c.reopenings))
    # The others may be served by every free door, also by those that are not asked about.
    not_asked = {one.number for one in free} - {one.number for one in among}
    found = choose(demand_of(right), others, free, not_asked)
    return None if found in not_asked else found


def classes_left(draft: Draft) -> dict[str, Right]:
    """Return the allowances of which a unit is left, by size class, the smallest box first."""
    drawn = [op.allowance_class for op in draft.c.operations.values() if op.act in PUTS_IN]
    left = {
        right.size_class: right
        for right in draft.c.rights.values()
        if right.kind == "allowance" and right.size_class and not right.revoked
        if draft.c.used.get(right.size_class, 0) + drawn.count(right.size_class) < right.granted
    }
    return dict(sorted(left.items(), key=lambda item: (_volume(box_of(item[1])), item[0])))


def class_for(draft: Draft, right: Right) -> str | None:
    """Return the smallest size class with a unit left whose box holds what a right is for."""
    if right.size_class:
        return right.size_class if right.size_class in classes_left(draft) else None
    need = demand_of(right)
    for name, allowance in classes_left(draft).items():
        if _holds(_edges(box_of(allowance)), _edges(need)):
            return name
    return None


def box_of(allowance: Right) -> Demand:
    """Return the box of an allowance's size class."""
    if allowance.w_mm:
        return demand_of(allowance)
    known = {one.name: one.demand() for one in SIZE_CLASSES}
    return known.get(allowance.size_class or "", SIZE_CLASSES[-1].demand())


def _edges(demand: Demand) -> list[int]:
    return sorted((demand.w_mm, demand.h_mm, demand.d_mm))


def _sides(one: Compartment) -> list[int]:
    return sorted((one.width_mm, one.height_mm, one.depth_mm))


def _volume(demand: Demand) -> int:
    return demand.w_mm * demand.h_mm * demand.d_mm


def _holds(outer: list[int], inner: list[int]) -> bool:
    return all(small <= large for small, large in zip(inner, outer, strict=True))
