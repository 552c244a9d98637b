"""Scenes of doors that do not do as usual: jammed, forced, left open, unheard, seen by nobody."""

from functools import partial

from fellesskap_protocol.events import Deposited, Forced, Jammed, LeftOpen
from tests.durability import errands
from tests.durability.visits import Visits, code, label

LONG_S = 400.0
"""Longer than a door may stand open before people are reminded."""


def leaned_on(locker: Visits, *, gives_way: bool) -> None:
    """Deposit a parcel; then a load leans on its door, and the second pulse frees it, or none."""
    locker.deposit(1)
    [number] = errands.full_doors(locker)
    faults = locker.hardware.plant.locks[number].faults
    faults.jammed, faults.jam_frees_after = True, 1 if gives_way else None


gives_way = partial(leaned_on, gives_way=True)
stays_jammed = partial(leaned_on, gives_way=False)


def still_lies_there(locker: Visits) -> None:
    """Nothing was taken from behind a door that nobody could open, and it is out of service."""
    [number] = errands.full_doors(locker)
    place = locker.drive.controller.places[number]
    assert (place.content, place.service) == ("parcel", "out")
    assert [one for one in locker.checker.events if isinstance(one, Jammed)]


def left_open(locker: Visits) -> None:
    """Put a parcel in and shut the door only minutes later."""
    errands.stand_by(locker, "put_in", open_s=LONG_S)
    locker.scan(label(1))
    locker.wait(LONG_S + 30)


def was_reminded(locker: Visits) -> None:
    events = locker.checker.events
    assert [one for one in events if isinstance(one, LeftOpen)] or locker.deaths


def two_in_a_row(locker: Visits) -> None:
    """Scan the next label while the door of the last one still stands open."""
    errands.stand_by(locker, "put_in", open_s=6.0)
    locker.scan(label(1))
    locker.wait(2.5)
    locker.scan(label(2))
    locker.wait(1.0)
    errands.stand_by(locker, "put_in")
    locker.wait(60)


def both_lie_there(locker: Visits) -> None:
    put_in = [one for one in locker.checker.events if isinstance(one, Deposited)]
    assert len({one.parcel_id for one in put_in}) == len(put_in) == 2
    assert len({one.compartment for one in put_in}) == 2


def bring_both(locker: Visits) -> None:
    for number in (1, 2):
        locker.deposit(number)


def forced(locker: Visits) -> None:
    """Force an empty door; somebody shuts it a while after."""
    locker.hardware.plant.force(5, locker.now_s)
    locker.wait(20)
    locker.shut_what_stands_open()
    locker.wait(20)


def was_told(locker: Visits) -> None:
    told = [one.compartment for one in locker.checker.events if isinstance(one, Forced)]
    assert told in ([5], []) if locker.deaths else told == [5]


def with_both(locker: Visits) -> None:
    locker.announce(2)
    bring_both(locker)


def both_at_once(locker: Visits) -> None:
    """Two codes within a moment: the second door waits until the supply is free."""
    errands.stand_by(locker, "take_out", 2)
    for number in (1, 2):
        locker.type_code(code(number)[:8])
    locker.wait(60)


def take_both(locker: Visits) -> None:
    for number in (1, 2):
        locker.collect(number)


def unheard(locker: Visits) -> None:
    """The board falls silent in the moment in which a code is typed, and comes back."""
    for board in locker.hardware.boards.values():
        board.faults.silent = True
    locker.after(4.0, partial(speak_again, locker))
    locker.type_code(code(1)[:8])
    errands.stand_by(locker, "take_out")
    locker.wait(60)


def speak_again(locker: Visits) -> None:
    for board in locker.hardware.boards.values():
        board.faults.silent = False
