"""Folds the rights of a locker: which changes were sent, which is in force, the allowance."""

from fellesskap_protocol.events import RightsApplied
from fellesskap_protocol.messages import Right
from tests.judge.state import Change, Lying, Place, World


def candidates(place: Place, event: RightsApplied) -> list[tuple[int, Change]]:
    """Return the changes that an edge in this position may have applied, each with its `from`."""
    generation, revision = place.position
    own = [revision] if generation == event.generation and revision else []
    names = [(place.epoch, event.generation, start, event.revision) for start in (*own, 0)]
    return [
        (name[2], place.changes[name])
        for name in names
        if name in place.changes and place.changes[name].whole
    ]


def applied(world: World, place: Place, event: RightsApplied) -> None:
    """Put a revision in force."""
    del world
    if place.blurred:
        place.drawn = dict(event.used)
    found = candidates(place, event)
    if found:
        start, change = found[0]
        put = [right for one in change.heard.values() for right in one.put]
        remove = {name for one in change.heard.values() for name in one.remove}
        holding = {one.right_id for one in place.lies.values()}
        if start == 0:
            remove |= set(place.force)
            place.blurred = False
        for name in remove - holding:
            place.force.pop(name, None)
        for right in put:
            _put(place, right)
        place.used &= set(place.force)
    place.position = (event.generation, event.revision)
    place.changes = {
        name: change
        for name, change in place.changes.items()
        if name[0] == place.epoch and name[1:2] + name[3:] > place.position
    }
    place.lost, place.room_moved = None, True


def _put(place: Place, right: Right) -> None:
    place.force[right.id] = right
    number = right.compartment
    if right.kind != "collect" or number is None:
        return
    lying = place.lies.get(number)
    if lying is not None and lying.parcel_id == right.parcel_id:
        lying.right_id = right.id  # the backend's right in the place of the edge's own
        return
    good = not right.revoked and right.id not in place.used
    if lying is None and good and number in place.unknown:
        place.unknown.discard(number)
        lying = Lying(right.parcel_id or "", right.id, place.booted_at, unclear=True)
        place.lies[number] = lying


def names(place: Place, right: Right, number: int) -> bool:
    """Say whether a right to remove names a door of which nothing is known since a card was lost.

    Not one that an operator only looked into, nor for what is known to lie elsewhere.
    """
    hidden = number in place.unknown and number not in place.perhaps and number not in place.lies
    named = right.kind == "remove" and right.compartment == number
    return hidden and named and place.where(right.parcel_id) is None


def granted_now(place: Place) -> dict[str, int]:
    """Return the allowance in force, units per class."""
    return {
        one.size_class: one.granted
        for one in place.force.values()
        if one.kind == "allowance" and one.size_class and not one.revoked
    }
