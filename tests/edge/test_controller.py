"""What the locker decides, one behaviour each. The whole table is in `test_controller_table`."""

from datetime import timedelta

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.completing import REOPEN_S
from fellesskap_edge.door import AUTHORISATION_S, State
from fellesskap_edge.state import Answer, Effect, Record, TellCourier
from fellesskap_edge.throttle import FREE_FAILURES, WAITS_S
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    Jammed,
    Presented,
    Pulsed,
    ServiceChanged,
)
from tests.edge.little_locker import CONFIG, DOORS, LittleLocker, code, command, right


def answers(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.outcome for effect in effects if isinstance(effect, Answer | TellCourier)]


def of(kind: type[AnyEvent], locker: LittleLocker) -> list[AnyEvent]:
    return [record for record in locker.records if isinstance(record, kind)]


def test_a_label_opens_the_smallest_empty_door_and_only_after_the_record() -> None:
    locker = LittleLocker().ready(right("one"))
    effects = locker.scan("label-one")
    order = [
        type(effect.event).__name__ if isinstance(effect, Record) else type(effect).__name__
        for effect in effects
    ]
    assert order == [
        "Keep",
        "Presented",
        "Keep",
        "WatchDoor",
        "TellCourier",
        "Pulsed",
        "Pulse",
    ]
    assert locker.pulses == [ctl.Pulse(1, "auth-1")]


def test_a_parcel_goes_in_offline_and_out_again_with_its_code() -> None:
    locker = LittleLocker().ready(right("one"))
    number = locker.deposit("one")
    assert locker.controller.places[number].content == "parcel"
    assert answers(locker.enter("code-one")) == ["opens"]
    locker.door(number, "open")
    locker.wait(3.0)
    locker.door(number, "shut")
    assert [
        type(event) for event in locker.records if isinstance(event, Deposited | Collected)
    ] == [
        Deposited,
        Collected,
    ]
    assert locker.controller.places[number].content == "empty"
    spent = locker.controller.rights["one"]
    assert (spent.revoked, spent.compartment) == (True, None), "used up until it is taken away"


def test_a_door_with_a_parcel_is_never_chosen_for_another() -> None:
    names = ("one", "two", "three", "four", "five")
    locker = LittleLocker().ready(*(right(name) for name in names))
    numbers = [locker.deposit(name) for name in names]
    assert sorted(numbers) == sorted(DOORS)
    locker.put(right("six"))
    assert answers(locker.scan("label-six")) == ["no_room"]


def test_a_wrong_code_is_refused_counted_and_in_the_end_throttled() -> None:
    locker = LittleLocker().ready(right("one"))
    number = locker.deposit("one")
    for turn in range(FREE_FAILURES + 1):
        assert answers(locker.enter(f"code-wrong-{turn}")) == ["refused"]
    assert len(locker.controller.keypad.failures) == FREE_FAILURES + 1
    assert answers(locker.enter("code-one")) == ["long_code_needed"]
    (last,) = [event for event in of(Presented, locker)[-1:] if isinstance(event, Presented)]
    assert (last.outcome, last.right_id) == ("throttled", None)
    locker.wait(WAITS_S[0])
    assert answers(locker.enter("code-one")) == ["opens"]
    assert locker.pulses[-1].compartment == number


def test_during_a_wait_all_twelve_digits_and_the_qr_code_still_open() -> None:
    for present in ("long-one", "qr-one"):
        locker = LittleLocker().ready(right("one"))
        locker.deposit("one")
        for turn in range(FREE_FAILURES + 1):
            locker.enter(f"code-wrong-{turn}")
        assert answers(locker.enter(present)) == ["opens"]


def test_the_count_of_wrong_codes_survives_a_restart_and_success() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    for turn in range(FREE_FAILURES):
        locker.enter(f"code-wrong-{turn}")
    assert answers(locker.enter("code-one")) == ["opens"]
    locker.restart()
    locker.ready()
    locker.enter("code-wrong-again")
    assert answers(locker.enter("code-one")) == ["long_code_needed"]


def test_unknown_labels_are_counted_apart_from_codes() -> None:
    locker = LittleLocker().ready(right("one"))
    for turn in range(FREE_FAILURES + 1):
        assert answers(locker.scan(f"label-wrong-{turn}")) == ["unknown"]
    assert answers(locker.scan("label-wrong")) == ["badge_needed"]
    assert locker.controller.keypad.failures == ()


def test_wrong_expired_and_used_up_codes_get_the_same_answer() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    number = locker.deposit("one")
    locker.enter("code-one")
    locker.door(number, "open")
    locker.wait(3.0)
    locker.door(number, "shut")
    locker.wait(REOPEN_S + 1)
    other = locker.deposit("two")
    two = locker.controller.rights["two"]
    assert two.compartment == other
    locker.put(msgspec.structs.replace(two, revoked=True))
    said = [locker.enter(mac) for mac in ("code-none", "code-one", "code-two")]
    assert [answers(effects) for effects in said] == [["refused"]] * 3


def test_three_pulses_without_an_opening_take_the_door_out_of_service() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.wait(AUTHORISATION_S)
    assert [event.attempt for event in of(Pulsed, locker) if isinstance(event, Pulsed)] == [1, 2, 3]
    assert len(of(Jammed, locker)) == len(of(ServiceChanged, locker)) == 1
    assert locker.controller.places[1].service == "out"
    # The right is still good: the next try opens another door.
    assert answers(locker.scan("label-one")) == ["opens"]
    assert locker.pulses[-1].compartment == 2


def test_after_a_restart_nothing_fires_and_the_right_is_still_good() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.restart()
    pulses = len(locker.pulses)
    locker.ready()
    locker.wait(100.0)
    assert len(locker.pulses) == pulses
    assert answers(locker.scan("label-one")) == ["opens"]


def test_one_coil_at_a_time_per_supply() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    locker.scan("label-one")
    locker.scan("label-two")
    began = locker.mono_s
    assert [pulse.compartment for pulse in locker.pulses] == [1]
    while len(locker.pulses) < 2:
        locker.wait(0.05)
    assert locker.mono_s >= began + CONFIG.banks[0].gap_s - 0.001


def test_none_at_once_after_a_restart_that_cut_an_operation_off() -> None:
    """The coil that was switched on just before may still be on."""
    locker = LittleLocker().ready(right("one"), right("two"))
    locker.scan("label-one")
    locker.restart()
    locker.say_shut()
    locker.scan("label-two")
    began = locker.mono_s
    assert len(locker.pulses) == 1
    while len(locker.pulses) == 1:
        locker.wait(0.05)
    assert locker.mono_s >= began + CONFIG.banks[0].gap_s - 0.051


def test_a_pulse_whose_time_is_over_while_nobody_ticked_is_not_fired() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    locker.scan("label-one")
    locker.command("open_door", "j1", 2)
    locker.mono_s += AUTHORISATION_S + 1
    locker.give(ctl.DoorSensed(5, "shut"))
    assert [pulse.compartment for pulse in locker.pulses] == [1]
    locker.give(ctl.Tick())
    assert locker.controller.doors[2].state is State.SHUT
    assert 2 not in locker.controller.operations


def test_a_label_that_is_still_held_ends_no_operation() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.door(1, "unknown")
    locker.scan("label-one")
    locker.wait(1.0)
    assert locker.controller.doors[1].state is State.BLIND
    assert answers(locker.scan("label-one", repeated=True)) == ["opens"]
    assert locker.controller.doors[1].state is State.BLIND
    locker.put(right("two"))
    locker.scan("label-two")
    assert locker.controller.places[1].right_id == "one"


def test_the_emptied_compartment_opens_again_for_five_minutes() -> None:
    locker = LittleLocker().ready(right("one"))
    number = locker.deposit("one")
    locker.enter("code-one")
    locker.door(number, "open")
    locker.wait(3.0)
    locker.door(number, "shut")
    assert answers(locker.enter("code-one")) == ["opens"]
    locker.door(number, "open", "shut")
    locker.wait(REOPEN_S)
    assert answers(locker.enter("code-one")) == ["refused"]


@pytest.mark.parametrize("gap_s", [1, 9.9, 10, 60])
def test_remote_opens_keep_the_edges_own_limit(gap_s: float) -> None:
    locker = LittleLocker().ready()
    locker.wait(60.0)
    opened = []
    for turn in range(120):
        number = sorted(DOORS)[turn % len(DOORS)]
        locker.give(command("open_door", f"j{turn}", number, locker))
        if locker.controller.consumed[f"j{turn}"].outcome == "done":
            opened.append(locker.mono_s)
            locker.wait(0.9)
            locker.door(number, "open", "shut")
        locker.wait(gap_s)
    assert len(opened) > 5
    for at in opened:
        assert sum(at <= other < at + 600 for other in opened) <= 6
        assert sum(at <= other < at + 9.99 for other in opened) == 1


def test_the_limit_of_remote_opens_survives_a_restart() -> None:
    locker = LittleLocker().ready()
    locker.command("open_door", "j1", 1)
    locker.restart()
    locker.ready()
    locker.command("open_door", "j2", 4)
    assert locker.controller.consumed["j2"].reason == "limit"


def test_a_command_is_obeyed_once_and_a_stale_one_is_not_consumed() -> None:
    locker = LittleLocker().ready()
    locker.give(command("open_door", "j1", 1, locker, fresh=False))
    assert locker.controller.consumed == {}
    first = locker.command("open_door", "j1", 1)
    again = locker.command("open_door", "j1", 1)
    assert [e.outcome for e in first if isinstance(e, ctl.Reply)] == ["done"]
    (reply,) = [e for e in again if isinstance(e, ctl.Reply)]
    assert (reply.outcome, reply.first_outcome) == ("duplicate", "done")


def test_a_label_that_two_carriers_expect_opens_nothing() -> None:
    other = msgspec.structs.replace(right("two", carrier="blue"), label_macs=("label-one",))
    locker = LittleLocker().ready(right("one"), other)
    assert answers(locker.scan("label-one")) == ["badge_needed"]
    assert locker.pulses == []


def test_a_claim_is_good_until_its_deadline_and_not_after() -> None:
    locker = LittleLocker()
    deadline = locker.now.wall + timedelta(seconds=60)
    locker.ready(msgspec.structs.replace(right("one"), deposit_by=deadline))
    locker.wait(60.0)
    assert answers(locker.scan("label-one")) == ["expired"]


def test_a_code_that_is_entered_twice_opens_once() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.wait(5.0)
    pulses = len(locker.pulses)
    assert answers(locker.enter("code-one")) == ["opens"]
    assert answers(locker.give(code("code-one", "another"))) == ["busy"]
    assert len(locker.pulses) == pulses + 1
