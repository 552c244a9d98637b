"""A kiosk that was guessed at too often: what it tells, how it ends, and clocks that were wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fellesskap_edge.guessing import LOCKED_OUT
from fellesskap_edge.throttle import FAILURES_PER_DAY_MAX, FREE_FAILURES
from fellesskap_protocol.events import Fault
from tests.edge.little_locker import LittleLocker, right
from tests.edge.test_courier import told

DAY_S = 86_400.0
TEN_YEARS_S = 3653 * DAY_S
WAIT_S = 900.0


@dataclass(frozen=True)
class Guessed:
    """One counter: how a wrong one is tried, and how somebody honest finds it."""

    wrong: Callable[[LittleLocker], object]
    honest: Callable[[LittleLocker], list[tuple[str, int | None]]]
    slowed: str


BY = {
    "keypad": Guessed(
        lambda locker: locker.enter("code-wrong"),
        lambda locker: told(locker.enter("code-kept")),
        "long_code_needed",
    ),
    "labels": Guessed(
        lambda locker: locker.scan(f"label-wrong-{locker.new_id()}"),
        lambda locker: told(locker.scan("label-one")),
        "badge_needed",
    ),
}


def alarms(locker: LittleLocker, counter: str) -> list[str]:
    """What operators were told of a counter, in order."""
    faults = [event for event in locker.records if isinstance(event, Fault)]
    return [fault.what for fault in faults if fault.part == counter]


def a_locker() -> LittleLocker:
    locker = LittleLocker().ready(right("kept"))
    locker.deposit("kept")
    locker.wait(10.0)
    locker.put(right("one"))
    return locker


def guess(locker: LittleLocker, counter: str, times: int) -> None:
    for _ in range(times):
        BY[counter].wrong(locker)
        locker.wait(WAIT_S)


@pytest.mark.parametrize("counter", BY)
def test_a_lock_out_is_told_once_and_its_end_too_by_itself(counter: str) -> None:
    locker = a_locker()
    guess(locker, counter, FAILURES_PER_DAY_MAX - 1)
    assert alarms(locker, counter) == []
    guess(locker, counter, 1)
    locker.restart()
    guess(locker, counter, 3)
    assert alarms(locker, counter) == [LOCKED_OUT]
    assert BY[counter].honest(locker) == [(BY[counter].slowed, None)]
    locker.say_shut()
    locker.wait(DAY_S)
    assert alarms(locker, counter) == [LOCKED_OUT, "ok"]
    assert [word for word, _ in BY[counter].honest(locker)] == ["opens"]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("times", [FREE_FAILURES + 1, FAILURES_PER_DAY_MAX])
@pytest.mark.parametrize("counter", BY)
def test_what_was_guessed_while_a_clock_was_ten_years_ahead_is_over_after_a_day(
    counter: str, times: int, *, again: bool
) -> None:
    """Also after a restart, which finds the failures as they were dated."""
    locker = a_locker()
    locker.clock_off_s = TEN_YEARS_S
    guess(locker, counter, times - 1)
    BY[counter].wrong(locker)
    locker.clock_off_s = 0.0
    if again:
        locker.restart()
        locker.say_shut()
    assert BY[counter].honest(locker) == [(BY[counter].slowed, None)], "nobody is let off either"
    locker.wait(DAY_S)
    assert [word for word, _ in BY[counter].honest(locker)] == ["opens"]
