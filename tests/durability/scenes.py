"""The acts in which a daemon is let die: the state before, the act, what people do afterwards.

`test_crash_points` dies at each crash point that an act passes, and judges.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from fellesskap_edge.commanding import TWO_OPERATORS
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.facts import Place
from fellesskap_edge.spoken import Key
from fellesskap_protocol.events import (
    Collected,
    CustodyReported,
    Fault,
    LeftOpen,
    Presented,
    Temperature,
)
from tests.durability import doors, errands, wirings
from tests.durability.visits import Visits, code, label

Act = Callable[[Visits], object]
HOUR_S = 3600.0
WARM_C = 12.0
OPENS = 8
"""More than the limit on remote opens allows in ten minutes."""


def nothing(_: Visits) -> None:
    pass


def with_parcel(locker: Visits) -> None:
    locker.deposit(1)


def with_two(locker: Visits) -> None:
    locker.deposit(1)
    locker.announce(2)


def with_second(locker: Visits) -> None:
    locker.announce(2)


def collected(locker: Visits) -> None:
    locker.deposit(1)
    locker.collect(1)


def refuse(locker: Visits) -> None:
    """Let the backend know more of this journal than the locker does, and say so."""
    locker.backend.open_epoch.acked += 1000
    locker.partition(1)
    locker.wait(20)


def reconnect(locker: Visits) -> None:
    """Write while the network is down; send and be acknowledged when it is back."""
    locker.partition(5)
    locker.type_code("11112222")
    locker.wait(20)


def guess(locker: Visits) -> None:
    for turn in range(6):
        locker.type_code(f"1111222{turn}")


def scan_foreign(locker: Visits) -> None:
    locker.scan("FOREIGN-1")
    locker.wait(1)


def put_in(locker: Visits, *keys: Key) -> None:
    """Scan; press keys before the open door, one after the other; put it behind the last door."""
    locker.scan(label(1))
    locker.wait(1.5)
    for key in keys:
        locker.press(key)
        locker.wait(1.5)
    told = locker.shown()
    if told is not None and told.outcome == "opens" and told.compartment is not None:
        locker.wait_by("put_in", told.compartment)
    locker.wait(40)


def finds_nothing(locker: Visits) -> None:
    """Type the code, and say before the open door that it is empty."""
    locker.type_code(code(1)[:8])
    locker.wait(1.5)
    if locker.press("empty") is None:
        locker.press("empty")  # who gets no answer presses once more
    locker.shut_what_stands_open()
    locker.wait(40)


def unplug(locker: Visits) -> None:
    locker.unplug(30)
    locker.wait(40)


# With a code that lets one send something, with a badge -------------------------------------------


def may_send(locker: Visits) -> None:
    locker.wish(errands.allowance(2), errands.drop_off(locker, 9))


def nobody_looked(locker: Visits) -> bool:
    """Say whether a door was shut on the one parcel while the daemon was down."""
    [number] = errands.full_doors(locker)
    return locker.drive.controller.places[number].content == "unknown" and locker.deaths > 0


def send_if_at_hand(locker: Visits) -> None:
    """Come back, unless the parcel lies behind some door already."""
    if not errands.full_doors(locker):
        errands.send(locker, 9)


def sent_once(locker: Visits) -> None:
    sent = errands.dropped_off(locker, 9)
    assert nobody_looked(locker) or errands.full_doors(locker) == [sent[0].compartment]
    assert len(sent) == 1 - nobody_looked(locker)
    assert locker.drive.controller.used == ({"S": 1} if sent else {})


def bring_and_collect(locker: Visits) -> None:
    if not errands.full_doors(locker):
        errands.bring(locker, 7)
    if errands.unannounced(locker, 7):
        locker.wish(errands.found(locker, 7))
        errands.fetch(locker, 7)


def brought_once(locker: Visits) -> None:
    brought = errands.unannounced(locker, 7)
    assert len(brought) == 1 or nobody_looked(locker)
    assert len(errands.full_doors(locker)) == 1 - len(brought)
    assert locker.drive.controller.used == ({"S": 1} if brought else {})


def with_overdue(locker: Visits) -> None:
    """Two parcels whose time is over, and one that goes back."""
    locker.deposit(1)
    locker.announce(2)
    locker.deposit(2)
    may_send(locker)
    errands.send(locker, 9)
    locker.wish(*(errands.removal(number) for number in (1, 2, 9)))


def sweep_on(locker: Visits) -> None:
    """Finish by the same badge; in another visit it takes nothing out any more."""
    errands.sweep(locker, 1, 2, 9)
    locker.press("done")
    locker.announce(3)
    locker.deposit(3)
    locker.press("done")
    locker.wish(errands.removal(3))
    assert errands.sweep_once(locker, 1) == "badge_used"
    assert errands.sweep_once(locker, 1, "another") == "opens"


def swept_once(locker: Visits) -> None:
    removed = errands.removed_parcels(locker)
    assert sorted(removed[:3]) == ["parcel-000001", "parcel-000002", "parcel-000009"]
    assert removed[3:] == ["parcel-000003"]
    assert errands.full_doors(locker) == []


# Longer, colder, under the technician's eyes ------------------------------------------------------


def take_long(locker: Visits) -> None:
    """Ask for more time before the open door, and use it."""
    errands.stand_by(locker, "take_out", open_s=300)
    locker.type_code(code(1)[:8])
    locker.wait(3)
    locker.press("more_time")
    locker.wait(320)


def took_long(locker: Visits) -> None:
    events = Counter(type(one) for one in locker.checker.events)
    assert events[Collected] == 1
    assert events[LeftOpen] <= locker.deaths, "who asked for more time is not reminded"


def with_food(locker: Visits) -> None:
    locker.wish(errands.chilled(locker, 3))
    locker.deposit(3)


def warm(locker: Visits) -> None:
    locker.hardware.cooling.boxes[wirings.PROBE].faults.says_c = WARM_C
    locker.wait(1500)


def eat_warm(locker: Visits) -> None:
    assert locker.drive.controller.places[1] == Place("parcel", "suspect", "right-000003")
    locker.hardware.cooling.boxes[wirings.PROBE].faults.says_c = None
    locker.wait(600)
    locker.collect(3)


def was_warned(locker: Visits) -> None:
    alarms = [one for one in locker.checker.events if isinstance(one, Fault)]
    assert [one for one in alarms if one.part == "temperature 1" and "above 6.0 C" in one.what]
    assert locker.warned == {1}
    assert locker.drive.controller.places[1] == Place("empty")
    told = [one for one in locker.checker.events if isinstance(one, Temperature)]
    assert told
    for before, after in pairwise(told):
        assert before.to <= after.from_, "no time is told twice"


def serve_by_key(locker: Visits) -> None:
    """The key is turned inside the cabinet, and two operators open door after door."""
    locker.hardware.turn_key(on=True)
    locker.wait(20)
    for number in range(1, OPENS + 1):
        locker.command("open_door", f"key-{number}", number, actor_class=TWO_OPERATORS)


def turn_back(locker: Visits) -> None:
    locker.hardware.turn_key(on=False)
    locker.wait(20)
    locker.command("open_door", "key-off", OPENS + 1, actor_class=TWO_OPERATORS)


def only_by_key(locker: Visits) -> None:
    asked = [one for one in locker.checker.events if isinstance(one, Presented) and one.jti]
    opened = Counter(one.jti for one in asked if one.outcome == "authorised")
    assert max(opened.values()) == 1
    assert len(opened) >= OPENS - locker.deaths
    assert (asked[-1].jti, asked[-1].reason) == ("key-off", "limit")


def told_custody(locker: Visits) -> None:
    events = locker.backend.open_epoch.events
    assert [one.complete for one in events if isinstance(one, CustodyReported)] == [True]


@dataclass(frozen=True)
class Scene:
    """One act in one state; `again` is what somebody does after the crash.

    `judge` says what must be so at the end beside what is asked of all, `wired` how the locker is
    built; the act fires at most `pulses_max` times, crash or not.
    """

    before: Act
    act: Act
    again: Act
    judge: Act = nothing
    wired: Callable[[LockerConfig], LockerConfig] = wirings.as_usual
    pulses_max: int = 3


SCENES = {
    "start": Scene(with_parcel, lambda x: x.restart(), lambda x: x.collect(1)),
    "deposit": Scene(nothing, lambda x: x.deposit_once(1), lambda x: x.deposit(1)),
    "second deposit": Scene(with_two, lambda x: x.deposit_once(2), lambda x: x.deposit(2)),
    "too small": Scene(nothing, lambda x: put_in(x, "bigger"), lambda x: x.deposit(1)),
    "occupied": Scene(nothing, lambda x: put_in(x, "occupied"), lambda x: x.deposit(1)),
    "broken": Scene(nothing, lambda x: put_in(x, "broken"), lambda x: x.deposit(1)),
    "cancel": Scene(nothing, lambda x: put_in(x, "cancel"), lambda x: x.deposit(1)),
    "it is empty": Scene(with_parcel, finds_nothing, nothing),
    "collect": Scene(with_parcel, lambda x: x.collect_once(1), lambda x: x.collect(1)),
    "reopen": Scene(collected, lambda x: x.collect_once(1), nothing),
    "remote open": Scene(
        nothing,
        lambda x: x.command("open_door", "j1", 3),
        lambda x: x.command("open_door", "j2", 3),
    ),
    "out of service": Scene(nothing, lambda x: x.command("set_service", "j1", 3), nothing),
    "rights": Scene(with_parcel, lambda x: x.announce(2), lambda x: x.deposit(2)),
    "new epoch": Scene(with_parcel, refuse, lambda x: x.collect(1), told_custody),
    "acknowledged": Scene(with_parcel, reconnect, lambda x: x.collect(1)),
    "wrong codes": Scene(with_parcel, guess, lambda x: x.collect(1)),
    "wrong label": Scene(nothing, scan_foreign, lambda x: x.deposit(1)),
    "board lost": Scene(with_parcel, unplug, lambda x: x.collect(1)),
    "an hour": Scene(with_parcel, lambda x: x.wait(HOUR_S + 60), lambda x: x.collect(1)),
    "drop off": Scene(
        may_send,
        lambda x: errands.send_once(x, 9),
        send_if_at_hand,
        sent_once,
    ),
    "unannounced": Scene(
        lambda x: x.wish(errands.allowance(2)),
        lambda x: errands.bring_once(x, 7),
        bring_and_collect,
        brought_once,
    ),
    "sweep": Scene(with_overdue, lambda x: errands.sweep_once(x, 3), sweep_on, swept_once),
    "more time": Scene(with_parcel, take_long, lambda x: x.collect(1), took_long),
    "warm": Scene(with_food, warm, eat_warm, was_warned, wirings.chilled),
    "service key": Scene(
        nothing, serve_by_key, turn_back, only_by_key, wirings.with_key, pulses_max=OPENS
    ),
    "deposit on pins": Scene(
        nothing, lambda x: errands.put_in_once(x, 1), lambda x: x.deposit(1), wired=wirings.on_pins
    ),
    "collect on pins": Scene(
        with_parcel, lambda x: x.collect_once(1), lambda x: x.collect(1), wired=wirings.on_pins
    ),
    "second pulse": Scene(doors.gives_way, lambda x: x.collect_once(1), lambda x: x.collect(1)),
    "jammed": Scene(
        doors.stays_jammed,
        lambda x: x.collect_once(1),
        lambda x: x.collect_once(1),
        doors.still_lies_there,
    ),
    "left open": Scene(nothing, doors.left_open, lambda x: x.deposit(1), doors.was_reminded),
    "next label waits": Scene(
        with_second, doors.two_in_a_row, doors.bring_both, doors.both_lie_there, pulses_max=6
    ),
    "two codes at once": Scene(doors.with_both, doors.both_at_once, doors.take_both, pulses_max=6),
    "forced": Scene(nothing, doors.forced, lambda x: x.deposit(1), doors.was_told),
    "unheard": Scene(with_parcel, doors.unheard, lambda x: x.collect(1)),
    "deposit seen by nobody": Scene(
        nothing, lambda x: x.deposit_once(1), lambda x: x.deposit(1), wired=wirings.unseen
    ),
    "pins lost": Scene(with_parcel, unplug, lambda x: x.collect(1), wired=wirings.on_pins),
}
