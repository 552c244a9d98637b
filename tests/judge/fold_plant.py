"""Folds what an outsider sees of coils, doors and things, and what the world does to a locker."""

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf

from tests.judge import history
from tests.judge.state import SPANS_KEPT, Place, World

HARDWARE = ("plant", "board")
LATE = ("late", "slow")
"""What is wrong with a board that tells the truth of its doors, but late: a reply that is late is
not to be taken for another's, so such a board excuses no door that moves in the journal alone."""


def coil(world: World, record: history.Coil) -> None:
    """Take in that a coil is on, or off; the pulse that it was is no longer owed."""
    place = world.places.get(record.locker)
    if place is None:
        return
    if record.on:
        place.coils.setdefault(record.compartment, record.at)
        place.owed[record.compartment] = place.owed.get(record.compartment, 0) - 1
    else:
        place.coils.pop(record.compartment, None)


def door(world: World, record: history.Door) -> None:
    """Take in how a door stands."""
    place = world.places.get(record.locker)
    if place is not None:
        (place.open_doors.add if record.open else place.open_doors.discard)(record.compartment)
        place.moved.setdefault(record.compartment, {})[record.open] = record.at


def laid(world: World, record: history.Laid) -> None:
    """Take in what somebody put in."""
    place = world.places.get(record.locker)
    if place is not None:
        place.items.setdefault(record.compartment, []).append(record.item)


def taken(world: World, record: history.Taken) -> None:
    """Take in what somebody took out."""
    place = world.places.get(record.locker)
    if place is not None and record.item in place.items.get(record.compartment, ()):
        place.items[record.compartment].remove(record.item)


def part(world: World, record: history.Part) -> None:
    """Take in that a part runs, or does not."""
    world.parts[record.part] = record.state
    place = world.places.get(record.part.removeprefix("edge:"))
    if place is None or not record.part.startswith("edge:"):
        return
    if record.state == "up":
        if not place.up:
            place.down.append((place.down_since, record.at))
        if place.stopped:
            place.stalls.append((place.stopped_since, record.at))
        place.up_since = record.at
    else:
        place.fault_at = record.at
        excuse(world, place)
    if record.state == "down" and place.up:
        place.down_since = record.at
    if record.state == "stopped":
        place.stopped_since = record.at
    place.up, place.stopped = record.state != "down", record.state == "stopped"


def excuse(world: World, place: Place) -> None:
    """Wait for no door of this locker any more: something happened to it."""
    if world.waiting:
        world.waiting = deque(one for one in world.waiting if one.place is not place)


def contact(world: World, record: history.Contact) -> None:
    """Take in whether messages pass."""
    place = world.places.get(record.locker)
    if place is not None and place.contact is not record.up:
        place.contact, place.contact_since = record.up, record.at


def clock(world: World, record: history.Clock) -> None:
    """Take in a clock that is believed and wrong, or right again: for what comes from then on."""
    place = world.places.get(record.part.removeprefix("edge:"))
    if place is None:
        return
    place.odd_clock = record.trusted and abs(record.offset_s) > 60.0
    if place.odd_clock:
        for lying in place.lies.values():
            lying.unclear = True


def fault(world: World, record: history.Fault) -> None:
    """Take in that something is broken, or mended."""
    for place, number in touched(world, record.where):
        name = (record.layer, record.kind, record.where)
        if record.layer in HARDWARE:
            _hurt(place, record, {number} if number is not None else set(place.boxes))
        if record.layer == "disk":
            place.copy_at = record.at
        if record.kind == "service_key":
            place.key_seen = True
            place.key_on_until = inf if record.state == "begun" else record.at
            return
        if record.kind == "relay_welded" and number is not None:
            (place.welded.discard if record.state == "over" else place.welded.add)(number)
        keeps_from = record.compartments or ((number,) if number is not None else ())
        if record.state == "begun":
            place.faults[name] = keeps_from
            _silent(place, record.compartments, record.at, begins=True)
        elif record.state == "over":
            kept_from = place.faults.pop(name, ())
            _silent(place, {*kept_from, *record.compartments}, record.at, begins=False)
        if record.layer not in ("wire", "clock"):
            place.fault_at = record.at
            excuse(world, place)


def _hurt(place: Place, record: history.Fault, numbers: set[int]) -> None:
    """Take in from when to when doors are not what they should be: `once` may be for good."""
    if record.state == "once":
        place.spoilt |= numbers
    name = (record.layer, record.kind, record.where)
    others = any(one[0] in HARDWARE and one != name for one in place.faults)
    for number in numbers:
        ends = record.state == "over" and not others and number not in place.spoilt
        until = record.at if ends else inf
        place.broken[number] = until
        if record.kind not in LATE:
            place.misread[number] = until


def _silent(place: Place, numbers: Iterable[int], at: float, *, begins: bool) -> None:
    """Take in that compartments cannot be reached from now on, or can."""
    for number in numbers:
        spans = place.silent.setdefault(number, deque(maxlen=SPANS_KEPT))
        stands = bool(spans) and spans[-1][1] == inf
        if begins and not stands:
            spans.append((at, inf))
        elif not begins and stands:
            spans[-1] = (spans[-1][0], at)


def touched(world: World, where: str) -> Iterator[tuple[Place, int | None]]:
    """Yield the locker that a fault is at, and its compartment if it is of one."""
    name, _, number = where.removeprefix("edge:").partition("/")
    place = world.places.get(name)
    if place is not None:
        yield place, int(number) if number.isdecimal() else None
