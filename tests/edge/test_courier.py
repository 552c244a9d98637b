"""What a courier can do at the locker, one behaviour each."""

from typing import TypeVar

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.door import State
from fellesskap_edge.facts import Place
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, Effect, TellCourier
from fellesskap_edge.visiting import SESSION_S
from fellesskap_protocol.events import (
    AnyEvent,
    DeliveryFailed,
    Deposited,
    Event,
    Overcommitted,
    Removed,
    Reported,
    ServiceChanged,
    Upsized,
)
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import LittleLocker, right

BADGE_CARRIER = Right(id="carrier-red", kind="carrier", carrier_id="red", deposit_auth="badge")


def told(effects: tuple[Effect, ...] | list[Effect]) -> list[tuple[str, int | None]]:
    return [
        (effect.outcome, effect.compartment)
        for effect in effects
        if isinstance(effect, Answer | TellCourier)
    ]


E = TypeVar("E", bound=Event)


def last(kind: type[E], locker: LittleLocker) -> E:
    return [record for record in locker.records if isinstance(record, kind)][-1]


def count(kind: type[AnyEvent], locker: LittleLocker) -> int:
    return sum(isinstance(record, kind) for record in locker.records)


# At the pace of the hand ---------------------------------------------------------------------


@pytest.mark.parametrize(("open_s", "evidence"), [(1.9, "weak"), (2.0, "door")])
def test_a_door_open_for_less_than_two_seconds_is_weak_evidence(
    open_s: float, evidence: str
) -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    locker.wait(open_s - 1.0)  # `door` waits one more
    locker.door(1, "shut")
    assert last(Deposited, locker).evidence == evidence


def test_a_label_scanned_while_the_last_door_stands_open_is_queued_and_goes_on_by_itself() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.scan("label-two")) == [("queued", 1)]
    locker.wait(3.0)
    assert told(locker.give(ctl.DoorSensed(1, "shut"))) == [("opens", 2)]
    assert last(Deposited, locker).right_id == "one"
    assert [pulse.compartment for pulse in locker.pulses] == [1, 2]


def test_the_label_in_the_hand_is_the_one_that_waits() -> None:
    locker = LittleLocker().ready(right("one"), right("two"), right("three"))
    locker.scan("label-one")
    locker.door(1, "open")
    locker.scan("label-two")
    assert told(locker.scan("label-three")) == [("queued", 1)]
    locker.door(1, "shut")
    assert locker.controller.operations[2].right == right("three")


def test_a_label_that_would_be_refused_is_refused_at_once_though_a_door_stands_open() -> None:
    late = msgspec.structs.replace(right("late"), deposit_by=LittleLocker().now.wall)
    locker = LittleLocker().ready(right("one"), late)
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.scan("label-late")) == [("expired", None)]


def test_a_door_that_was_left_open_keeps_nobody_waiting() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    locker.scan("label-one")
    locker.door(1, "open")
    locker.wait(200.0)
    assert told(locker.scan("label-two")) == [("opens", 2)]


def test_a_lock_is_not_pulsed_again_before_its_coil_has_cooled() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    pulsed_at = locker.mono_s
    locker.wait(0.5)
    locker.give(ctl.DoorSensed(1, "open"))
    locker.wait(0.5)
    locker.give(ctl.DoorSensed(1, "shut"))
    locker.enter("code-one")
    assert len(locker.pulses) == 1
    locker.wait(pulsed_at + 2.99 - locker.mono_s)
    assert len(locker.pulses) == 1
    locker.wait(0.02)
    assert len(locker.pulses) == 2


# Too small, occupied, broken -----------------------------------------------------------------


def test_too_small_opens_a_bigger_one_without_a_rescan() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.press("bigger")) == [("opens", 3)]
    assert last(Upsized, locker) == Upsized(right_id="one", from_=1, to=3)
    locker.door(1, "shut")
    assert locker.controller.places[1] == Place("empty")
    locker.open_and_shut(3)
    assert last(Deposited, locker).compartment == 3
    assert count(Deposited, locker) == 1


def test_no_bigger_one_leaves_everything_as_it_is() -> None:
    locker = LittleLocker().ready(right("one", large=True))
    locker.scan("label-one")
    locker.door(3, "open")
    assert told(locker.press("bigger")) == [("no_bigger", 3)]
    locker.wait(3.0)
    locker.door(3, "shut")
    assert last(Deposited, locker).compartment == 3


def test_a_bigger_one_that_others_need_is_not_given() -> None:
    locker = LittleLocker().ready(
        right("one"), right("two", large=True), right("three", large=True)
    )
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.press("bigger")) == [("no_bigger", 1)]


@pytest.mark.parametrize("key", ["bigger", "occupied", "broken"])
@pytest.mark.parametrize("revoked", [True, False])
def test_a_claim_that_was_taken_away_meanwhile_opens_no_second_door(
    key: Key, revoked: bool
) -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    if revoked:
        locker.put(msgspec.structs.replace(right("one"), revoked=True))
    else:
        locker.put(remove=("one",))
    assert [outcome for outcome, _ in told(locker.press(key))] == ["expired"]
    locker.wait(1.0)
    assert [pulse.compartment for pulse in locker.pulses] == [1]


@pytest.mark.parametrize("key", ["bigger", "occupied", "broken"])
def test_a_parcel_of_which_the_backend_knows_where_it_lies_opens_no_second_door(key: Key) -> None:
    """A store that went back in time still has its deposit in hand; the right is one to collect."""
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    locker.put(msgspec.structs.replace(right("one"), kind="collect", compartment=1))
    assert [outcome for outcome, _ in told(locker.press(key))] == ["expired"]
    locker.wait(1.0)
    assert [pulse.compartment for pulse in locker.pulses] == [1]


def test_occupied_makes_the_door_suspect_and_opens_another() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.press("occupied")) == [("opens", 2)]
    assert last(Reported, locker).what == "occupied"
    assert locker.controller.places[1] == Place("unknown", "suspect")
    locker.door(1, "shut")
    locker.open_and_shut(2)
    assert last(Deposited, locker).compartment == 2
    assert told(locker.scan("label-one")) == [("deposited", 2)]


def test_broken_takes_the_door_out_of_service_and_opens_another() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.press("broken")) == [("opens", 2)]
    assert last(ServiceChanged, locker) == ServiceChanged(
        compartment=1, from_="in", to="out", cause="broken"
    )


def test_what_is_lost_to_a_claim_is_said_in_the_same_step() -> None:
    """I2: five claims for five doors, and one door turns out to be occupied."""
    rights = [
        right(name, large=name in ("four", "five"))
        for name in ("one", "two", "three", "four", "five")
    ]
    locker = LittleLocker().ready(*rights)
    locker.scan("label-one")
    locker.door(1, "open")
    effects = locker.press("occupied")
    assert told(effects) == [("no_room", None)]
    assert last(Overcommitted, locker).right_ids == ("two",)
    assert last(DeliveryFailed, locker).right_id == "one"


def test_a_door_that_does_not_open_for_somebody_who_went_on_is_not_pulsed_again() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.wait(1.0)
    locker.press("broken")
    locker.wait(40.0)
    assert [pulse.compartment for pulse in locker.pulses].count(1) == 1
    assert locker.controller.doors[1].state is State.SHUT


# Cancel --------------------------------------------------------------------------------------


def test_cancel_before_the_door_is_shut_puts_nothing_in() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.scan("label-one")
    locker.door(1, "open")
    assert told(locker.press("cancel")) == [("cancelled", 1)]
    locker.door(1, "shut")
    assert count(Deposited, locker) == 0
    assert told(locker.scan("label-one")) == [("opens", 1)]


def test_cancel_after_it_was_shut_gives_the_parcel_back() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.wait(5.0)
    assert told(locker.press("cancel")) == [("opens", 1)]
    locker.open_and_shut(1)
    removed = last(Removed, locker)
    assert (removed.parcel_id, removed.right_id) == ("parcel-one", "one")
    assert locker.controller.places[1] == Place("empty")
    assert told(locker.enter("code-one")) == [("refused", None)]


def test_nothing_is_given_back_after_the_visit() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.wait(SESSION_S + 1)
    assert told(locker.press("cancel")) == [("nothing_in_hand", None)]
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.press("done")
    assert told(locker.press("cancel")) == [("nothing_in_hand", None)]


def test_a_restart_resumes_the_visit() -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.restart()
    locker.say_shut()
    locker.wait(5.0)
    assert told(locker.press("cancel")) == [("opens", 1)]


@pytest.mark.parametrize(("later_s", "back_s"), [(10, 100), (310, 200)])
def test_a_clock_that_is_set_back_does_not_bring_a_visit_back(later_s: int, back_s: int) -> None:
    locker = LittleLocker().ready(right("one"))
    locker.deposit("one")
    locker.wait(later_s)
    locker.give(ctl.Tick())
    locker.clock_off_s -= back_s
    locker.give(ctl.Tick())
    locker.wait(100)
    assert ("session", "courier") not in locker.facts
    assert told(locker.press("cancel")) == [("nothing_in_hand", None)]


@pytest.mark.parametrize("how", ["cancelled", "interrupted"])
def test_who_leaves_a_door_that_was_taken_out_of_service_has_lost_its_room(how: str) -> None:
    """I2: two claims for two doors; the one that is in use has its room until it is left."""
    locker = LittleLocker().ready(right("one", large=True), right("two", large=True))
    locker.scan("label-one")
    locker.door(3, "open")
    locker.command("set_service", "j1", 3)
    assert not [one for one in locker.records if isinstance(one, Overcommitted)]
    if how == "cancelled":
        locker.press("cancel")
    else:
        locker.restart()
        locker.say_shut()
        locker.wait(60.0)
    (said,) = [one for one in locker.records if isinstance(one, Overcommitted)]
    assert said.right_ids == ("two",)
