"""I12: with the network down, a recipient with a valid code gets the door opened.

Judged of a locker that is out of contact, and of all once faults have stopped. Excused: a daemon
that does not run or has just begun to, a fault of board, plant, disk or process there, a door that
is in use, and the eight digits where failures make the keypad ask for all twelve.
"""

from fellesskap_protocol.events import Presented
from fellesskap_protocol.messages import Right
from tests.judge import history
from tests.judge.fold import macs_of
from tests.judge.rules import HELD, Rules
from tests.judge.state import Place, Waiting, World

OPENS_S = 15.0
"""From the code to the coil, behind other doors on the same supply and line."""
READY_S = 60.0
"""From the start of a daemon, or the end of a fault, until it must serve."""
FREE_FAILURES = 5
DAY_S = 86_400.0


def typed(world: World, record: history.Asked) -> str | None:
    """Expect a door to open, if the code is good and nothing stands in the way."""
    place = world.places.get(record.target)
    if place is None or record.act not in ("type_code", "show_qr"):
        return None
    macs = set(macs_of(record))
    for number, lying in place.lies.items():
        for right in place.force.values():
            if right.parcel_id == lying.parcel_id and _knows(place, right, macs):
                if _free(world, place, number) and not _asks_for_twelve(world, place, right, macs):
                    until = record.at + OPENS_S + place.slack()
                    world.waiting.append(Waiting(until, place, number, right.id))
                    world.parcel(lying.parcel_id).came = record.at
                return None
    return None


def _knows(place: Place, right: Right, macs: set[str]) -> bool:
    if right.kind not in ("claim", "collect") or right.revoked or right.id in place.used:
        return False
    return bool(macs & {right.code_mac, right.long_code_mac, right.qr_mac})


def _asks_for_twelve(world: World, place: Place, right: Right, macs: set[str]) -> bool:
    recent = sum(world.at - at < DAY_S for at in place.refused)
    return recent >= FREE_FAILURES and not macs & {right.long_code_mac, right.qr_mac}


def _free(world: World, place: Place, number: int) -> bool:
    """Say whether nothing that is known keeps this door from opening."""
    judged = not place.contact or world.calm is not None
    runs = place.up and not place.stopped and world.at - place.up_since > READY_S
    well = world.at - place.fault_at > READY_S and not any(
        not where or number in where
        for (layer, _, _), where in place.faults.items()
        if layer not in ("wire", "clock")
    )
    before = place.latest.get(number)
    in_use = before is not None and not before.ended and world.at - before.at < 600.0
    open_door = number in place.open_doors
    unclear = place.blurred or place.custody_blurred
    return judged and runs and well and not (in_use or open_door or unclear)


def lapsed(world: World, record: history.Record) -> str | None:
    """Hold that the door that is waited for has opened in time."""
    while world.waiting and world.waiting[0].until < record.at:
        waiting = world.waiting.popleft()
        right = waiting.place.force.get(waiting.right_id)
        if right is not None and not right.revoked:
            name = waiting.place.locker
            return f"{name}: a good code was typed, and {waiting.number} did not open"
    return None


def opened(world: World, record: history.Coil) -> str | None:
    """Take in that a door opens for whoever waits."""
    if record.on and world.waiting and _forget(world, record.locker, record.compartment):
        return HELD
    return None


def throttled(world: World, place: Place, event: Presented) -> str | None:
    """Take in that the locker said why not, where it may."""
    if event.outcome == "throttled" and world.waiting:
        _forget(world, place.locker, None)
    return None


def _forget(world: World, locker: str, number: int | None) -> bool:
    found = [
        one for one in world.waiting if one.place.locker == locker and number in (None, one.number)
    ]
    for one in found:
        world.waiting.remove(one)
    return bool(found)


I12: Rules = {
    history.Record: lapsed,
    history.Asked: typed,
    history.Coil: opened,
    Presented: throttled,
}
