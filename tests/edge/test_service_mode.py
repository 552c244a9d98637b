"""Service mode: the key inside the cabinet and two operators lift the limit on remote opens."""

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.commanding import TWO_OPERATORS
from fellesskap_edge.service import SERVICE_MODE_S
from fellesskap_edge.state import Reply
from fellesskap_protocol.events import Fault
from tests.edge.little_locker import DOORS, LittleLocker, command


def opened(locker: LittleLocker, times: int, actor_class: str) -> int:
    """Ask for openings one second apart, shut each door again; return how many were done."""
    done = 0
    for turn in range(times):
        number = turn % len(DOORS) + 1
        event = command("open_door", locker.new_id(), number, locker)
        asked = msgspec.structs.replace(event.command, actor_class=actor_class)
        effects = locker.give(ctl.CommandArrived(asked, True, "c", locker.new_id()))
        if next(one for one in effects if isinstance(one, Reply)).outcome == "done":
            done += 1
            locker.open_and_shut(number)
        locker.wait(1.0)
    return done


@pytest.mark.parametrize(
    ("key_turned", "actor_class", "expected"),
    [
        (True, TWO_OPERATORS, 20),
        (True, "operator", 5),
        (False, TWO_OPERATORS, 5),
        (False, "operator", 5),
    ],
)
def test_only_the_key_and_two_operators_together_lift_the_limit(
    key_turned: bool, actor_class: str, expected: int
) -> None:
    """20 in about 70 s: one in ten seconds are done, or all."""
    locker = LittleLocker().ready()
    if key_turned:
        locker.give(ctl.KeyTurned(on=True))
    assert opened(locker, 20, actor_class) == expected


def test_service_mode_ends_with_the_key() -> None:
    locker = LittleLocker().ready()
    locker.give(ctl.KeyTurned(on=True))
    assert opened(locker, 10, TWO_OPERATORS) == 10
    locker.give(ctl.KeyTurned(on=False))
    assert opened(locker, 1, TWO_OPERATORS) == 0
    faults = [one.what for one in locker.records if isinstance(one, Fault)]
    assert faults[-2:] == ["turned on", "ok"]


def test_service_mode_ends_by_itself() -> None:
    locker = LittleLocker().ready()
    locker.give(ctl.KeyTurned(on=True))
    locker.wait(SERVICE_MODE_S - 100.0)
    assert opened(locker, 8, TWO_OPERATORS) == 8
    locker.wait(100.0)
    assert opened(locker, 1, TWO_OPERATORS) == 0
    assert [one.what for one in locker.records if isinstance(one, Fault)][-1] == "ok"


def test_a_restart_ends_service_mode_until_the_key_is_read_again() -> None:
    locker = LittleLocker().ready()
    locker.give(ctl.KeyTurned(on=True))
    assert opened(locker, 10, TWO_OPERATORS) == 10
    locker.restart()
    locker.say_shut()
    assert opened(locker, 1, TWO_OPERATORS) == 0
