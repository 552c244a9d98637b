"""I1: one parcel in custody per compartment. I13: who asks for a low door gets a low one."""

from fellesskap_protocol.events import (
    Collected,
    CustodyReported,
    Deposited,
    DoorClosed,
    DoorOpened,
    DroppedOff,
    Forced,
    Jammed,
    NotOpened,
    Presented,
    Removed,
    Upsized,
)
from tests.judge import history
from tests.judge.fold_rights import names
from tests.judge.rules import HELD, Rules, puts_in
from tests.judge.state import Place, World

Done = Deposited | DroppedOff | Collected | Removed
TOLD_S = 30.0
"""How old a door's movement may be that is written down: an idle line is polled every 5 s."""


def given_to_put_in(world: World, place: Place, event: Presented) -> str | None:
    """Hold that no door is opened to put something in where a parcel lies."""
    del world
    number = event.compartment
    if event.outcome != "authorised" or number is None or place.custody_blurred:
        return None
    if not puts_in(place, event):
        return None
    if place.holds(number):
        return f"door {number} was given away, and {place.lies[number].parcel_id} lies there"
    return HELD


def put_in(world: World, place: Place, event: Deposited | DroppedOff) -> str | None:
    """Hold that nothing lies where something is put, nor that lies elsewhere."""
    del world
    if place.custody_blurred:
        return None
    if place.holds(event.compartment):
        lying = place.lies[event.compartment].parcel_id
        return f"{event.parcel_id} and {lying} in {event.compartment}"
    elsewhere = place.where(event.parcel_id)
    if elsewhere is not None:
        return f"{event.parcel_id} in {elsewhere} and in {event.compartment}"
    return HELD


def taken_out(world: World, place: Place, event: Collected | Removed) -> str | None:
    """Hold that what is taken lay there."""
    del world
    if place.custody_blurred:
        return None
    lying = place.lies.get(event.compartment) or place.perhaps.get(event.compartment)
    if lying is None and _was_named(place, event):
        return None
    if lying is None:
        return f"{event.parcel_id} was taken from {event.compartment}, where nothing lay"
    if lying.parcel_id != event.parcel_id:
        return f"{event.parcel_id} was taken from {event.compartment}: {lying.parcel_id} lay there"
    return HELD


def it_opened(world: World, place: Place, event: Done) -> str | None:
    """Hold that nothing is done behind a door of which was said that it did not open."""
    del world
    by = place.latest.get(event.compartment)
    if by is None:
        return None
    words = f"{event.parcel_id} is said to be moved by {by.presented.authorisation_id}"
    return f"{words}, whose door did not open" if by.shut else HELD


def nothing_done(world: World, place: Place, event: Jammed | NotOpened) -> str | None:
    """Hold that a door by which something was moved is not said to have stayed shut."""
    del world
    by = place.live.get(event.authorisation_id or "")
    if by is None:
        return None
    done = f"{event.authorisation_id} moved what lies there, and its door did not open"
    return done if by.done else HELD


def _was_named(place: Place, event: Collected | Removed) -> bool:
    """Say whether the door was opened by a right that says what lies there, if nobody else can."""
    by = place.latest.get(event.compartment)
    right = by.right if by is not None and by.presented.kind == "badge" else None
    if right is None or not isinstance(event, Removed):
        return False
    is_its = (right.id, right.parcel_id) == (event.right_id, event.parcel_id)
    return is_its and names(place, right, event.compartment)


def reported(world: World, place: Place, event: CustodyReported) -> str | None:
    """Hold that a new store tells what lay where, no more and no less."""
    del world
    if place.custody_blurred:
        return None
    number = event.compartment
    if number:
        lying = place.lies.get(number)
        if lying is None or lying.parcel_id != event.parcel_id:
            return f"{event.parcel_id} is told to lie in {number}, and does not"
    held = {one for one in place.lies if place.holds(one)}
    if event.complete and not held <= place.reported | {number}:
        return "not all that lies there is told"
    return HELD


def truly_moved(world: World, place: Place, event: DoorOpened | DoorClosed | Forced) -> str | None:
    """Hold that a door of which custody depends moved as the journal says, or just before."""
    number, opens = event.compartment, not isinstance(event, DoorClosed)
    at = place.written(world.at)
    if not place.moved or number not in place.spec.sensors:
        return None
    if at <= place.misread.get(number, float("-inf")) + TOLD_S:
        return None
    if (number in place.open_doors) is opens:
        return HELD
    stood_s = sum(ran - stood for stood, ran in place.stalls if ran > at - 2 * TOLD_S)
    moved_at = place.moved.get(number, {}).get(opens, float("-inf"))
    if at - moved_at <= TOLD_S + stood_s + place.slack():
        return HELD
    return f"the journal says that {number} was {'opened' if opens else 'shut'}, and it was not"


I1: Rules = {
    DoorOpened: truly_moved,
    DoorClosed: truly_moved,
    Forced: truly_moved,
    Presented: given_to_put_in,
    Deposited: (put_in, it_opened),
    DroppedOff: (put_in, it_opened),
    Collected: (taken_out, it_opened),
    Removed: (taken_out, it_opened),
    Jammed: nothing_done,
    NotOpened: nothing_done,
    CustodyReported: reported,
}


def _low_enough(place: Place, right_id: str | None, number: int | None) -> str | None:
    right = place.force.get(right_id or "")
    box = place.boxes.get(number or 0)
    if right is None or box is None or "low" not in right.needs:
        return None
    return HELD if box.low else f"{right.id} needs a low door and got {number}"


def given_low(world: World, place: Place, event: Presented) -> str | None:
    """Hold it of the door that is opened to put something in."""
    del world
    if event.outcome != "authorised" or not puts_in(place, event):
        return None
    return _low_enough(place, event.right_id, event.compartment)


def put_in_low(world: World, place: Place, event: Deposited | DroppedOff) -> str | None:
    """Hold it of where it lies."""
    del world
    return _low_enough(place, event.right_id, event.compartment)


def upsized_low(world: World, place: Place, event: Upsized) -> str | None:
    """Hold it of a larger door."""
    del world
    return _low_enough(place, event.right_id, event.to)


def promised_low(world: World, record: history.Sent) -> str | None:
    """Hold that the backend tells the locker what was asked for."""
    looked = None
    for right in record.rights.put:
        parcel = world.parcels.get(right.parcel_id or "")
        if right.kind not in ("claim", "drop_off") or right.revoked or parcel is None:
            continue
        if "low" in parcel.needs:
            looked = HELD
            if "low" not in right.needs:
                return f"{right.id}: a low door was asked for, and the locker is not told"
    return looked


I13: Rules = {
    Presented: given_low,
    Deposited: put_in_low,
    DroppedOff: put_in_low,
    Upsized: upsized_low,
    history.Sent: promised_low,
}
