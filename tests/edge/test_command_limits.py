"""Until when a command is good, how often doors open from afar, and how long that is remembered."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.commanding import TWO_OPERATORS
from fellesskap_edge.service import SERVICE_MODE_S
from fellesskap_edge.state import Effect, Reply
from tests.edge.little_locker import LittleLocker, command

LIMIT, INTERVAL_S, WINDOW_S = 6, 10.0, 600.0
"""What `docs/protocol.md` 5 says, as long as `locker.toml` says nothing else."""


def reply(effects: tuple[Effect, ...]) -> tuple[str, str | None]:
    (said,) = [one for one in effects if isinstance(one, Reply)]
    return said.outcome, said.reason


def asked(locker: LittleLocker, number: int = 1) -> tuple[str, str | None]:
    return reply(locker.command("open_door", locker.new_id(), number))


def used_up(number: int = 1) -> LittleLocker:
    """A locker whose limit is reached; the first of its openings was 60 s ago."""
    locker = LittleLocker().ready()
    for _ in range(LIMIT):
        assert asked(locker, number) == ("done", None)
        locker.open_and_shut(number)
        locker.mono_s += INTERVAL_S - 6.0
    return locker


@pytest.mark.parametrize(("for_s", "answer"), [(0, ("refused", "expired")), (1, ("done", None))])
def test_in_the_second_of_its_exp_a_command_is_no_longer_good(
    for_s: int, answer: tuple[str, str | None]
) -> None:
    locker = LittleLocker().ready()
    assert locker.now.wall.microsecond == 0
    assert reply(locker.give(command("open_door", "j", 1, locker, for_s=for_s))) == answer


def test_a_service_that_is_not_named_is_refused() -> None:
    locker = LittleLocker().ready()
    event = command("set_service", "j", 1, locker)
    unnamed = replace(event, command=msgspec.structs.replace(event.command, service=None))
    assert reply(locker.give(unnamed)) == ("refused", "no_service_named")


@pytest.mark.parametrize(("later_s", "done"), [(9.9, False), (10.0, True)])
def test_doors_open_from_afar_ten_seconds_apart(later_s: float, done: bool) -> None:
    locker = LittleLocker().ready()
    assert asked(locker) == ("done", None)
    locker.mono_s += later_s
    assert asked(locker, 4) == (("done", None) if done else ("refused", "limit"))


@pytest.mark.parametrize(("later_s", "done"), [(599.9, False), (600.0, True)])
def test_the_seventh_opening_waits_until_the_first_is_ten_minutes_old(
    later_s: float, done: bool
) -> None:
    locker = used_up()
    locker.mono_s += later_s - LIMIT * INTERVAL_S
    assert asked(locker) == (("done", None) if done else ("refused", "limit"))


def test_a_restart_counts_what_was_opened_as_opened_just_now() -> None:
    locker = used_up()
    locker.restart()
    locker.say_shut()
    locker.mono_s += WINDOW_S - 0.1
    assert asked(locker) == ("refused", "limit")
    locker.mono_s += 0.1
    assert asked(locker) == ("done", None)


def test_two_operators_are_limited_again_in_the_moment_in_which_service_mode_ends() -> None:
    locker = used_up()
    locker.give(ctl.KeyTurned(on=True))
    locker.mono_s += SERVICE_MODE_S
    locker.controller = replace(
        locker.controller, opened_remotely_at=(locker.mono_s - INTERVAL_S,) * LIMIT
    )
    event = command("open_door", "j", 4, locker)
    both = replace(event, command=msgspec.structs.replace(event.command, actor_class=TWO_OPERATORS))
    assert reply(locker.give(both)) == ("refused", "limit")


def test_a_command_is_remembered_for_a_day_and_then_forgotten_durably() -> None:
    locker = LittleLocker().ready()
    locker.command("report_custody", "first")
    locker.mono_s += timedelta(hours=24).total_seconds()
    locker.command("report_custody", "second")
    assert ("consumed", "first") in locker.facts
    locker.mono_s += 1.0
    locker.command("report_custody", "third")
    assert ("consumed", "first") not in locker.facts
    assert ("consumed", "second") in locker.facts
    assert set(locker.controller.consumed) == {"second", "third"}
