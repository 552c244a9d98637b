"""What a recipient can do at the locker beside typing a good code, one behaviour each."""

from datetime import timedelta

import msgspec

from fellesskap_edge.completing import REOPEN_S
from fellesskap_edge.door import LEFT_OPEN_S, LONGER_S
from fellesskap_edge.facts import Place
from fellesskap_protocol.events import Collected, DroppedOff, LeftOpen, Presented, Reported
from tests.edge.little_locker import LittleLocker, allowance, right
from tests.edge.test_courier import count, last, told

DROP_OFF = right("four", "drop_off")


def holding(*names: str) -> LittleLocker:
    locker = LittleLocker().ready(*(right(name) for name in names))
    for name in names:
        locker.deposit(name)
    locker.wait(10.0)
    return locker


def test_several_parcels_are_collected_one_after_the_other() -> None:
    locker = holding("one", "two")
    locker.enter("code-one")
    locker.open_and_shut(1)
    assert told(locker.enter("code-two")) == [("opens", 2)]
    locker.open_and_shut(2)
    assert count(Collected, locker) == 2


def test_the_emptied_door_opens_again_for_five_minutes() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.open_and_shut(1)
    locker.wait(REOPEN_S - 10.0)
    assert told(locker.enter("qr-one")) == [("opens", 1)]
    locker.open_and_shut(1)
    locker.wait(REOPEN_S)
    assert told(locker.enter("code-one")) == [("refused", None)]
    assert count(Collected, locker) == 1


def test_in_the_instant_in_which_the_five_minutes_end_the_door_stays_shut() -> None:
    for later_s, outcome in ((-0.1, ("opens", 1)), (0.0, ("refused", None))):
        locker = holding("one")
        locker.enter("code-one")
        locker.open_and_shut(1)
        locker.mono_s = locker.controller.reopenings[1].until + later_s
        assert told(locker.enter("code-one")) == [outcome]


def test_it_is_empty_keeps_the_right_and_the_evidence() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.door(1, "open")
    assert told(locker.press("empty")) == [("noted", 1)]
    locker.door(1, "shut")
    assert last(Reported, locker) == Reported(what="empty", compartment=1, parcel_id="parcel-one")
    assert count(Collected, locker) == 0
    assert locker.controller.places[1] == Place("unknown", "suspect", "one")
    locker.wait(3.0)
    assert told(locker.enter("code-one")) == [("opens", 1)]


def test_a_disputed_place_is_given_away_only_when_the_right_is_taken_away() -> None:
    """I1: put into service again, it still holds a parcel by the journal."""
    locker = holding("one")
    locker.enter("code-one")
    locker.door(1, "open")
    locker.press("empty")
    locker.wait(3.0)
    locker.door(1, "shut")
    place = locker.controller.places[1]
    locker.controller.places[1] = msgspec.structs.replace(place, service="in")
    for number in (2, 3, 4, 5):
        locker.controller.places[number] = Place("empty", "out")
    locker.put(right("two"))
    assert told(locker.scan("label-two")) == [("no_room", None)]
    locker.put(msgspec.structs.replace(right("one"), revoked=True))
    assert told(locker.scan("label-two")) == [("check_empty", 1)]


def test_it_was_empty_can_be_said_after_the_door_was_shut() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.open_and_shut(1)
    assert told(locker.press("empty")) == [("noted", 1)]
    assert last(Reported, locker).parcel_id == "parcel-one"
    assert locker.controller.places[1] == Place("unknown", "suspect")


def test_not_mine_leaves_the_parcel_where_it_lies() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.door(1, "open")
    assert told(locker.press("not_me")) == [("noted", 1)]
    locker.door(1, "shut")
    assert locker.controller.places[1] == Place("parcel", "suspect", "one")
    assert count(Collected, locker) == 0


def test_a_broken_door_is_noted_and_the_parcel_still_counts_as_collected() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.door(1, "open")
    assert told(locker.press("broken")) == [("noted", 1)]
    locker.wait(3.0)
    locker.door(1, "shut")
    assert count(Collected, locker) == 1
    assert locker.controller.places[1] == Place("empty", "out")


def test_who_needs_more_time_gets_ten_minutes() -> None:
    locker = holding("one")
    locker.enter("code-one")
    locker.door(1, "open")
    assert told(locker.press("more_time")) == [("noted", 1)]
    locker.wait(LEFT_OPEN_S + 10.0)
    assert count(LeftOpen, locker) == 0
    locker.wait(LONGER_S)
    assert count(LeftOpen, locker) == 1


def test_nothing_at_hand_is_said_so() -> None:
    locker = holding("one")
    for key in ("empty", "not_me", "broken"):
        assert told(locker.press(key)) == [("nothing_in_hand", None)]


def test_a_code_opens_an_empty_door_for_a_drop_off() -> None:
    locker = LittleLocker().ready(DROP_OFF, allowance("S", 1))
    assert told(locker.enter("code-four")) == [("opens", 1)]
    locker.open_and_shut(1)
    assert last(DroppedOff, locker) == DroppedOff(
        parcel_id="parcel-four",
        right_id="four",
        allowance_class="S",
        compartment=1,
        evidence="door",
    )
    assert locker.controller.places[1] == Place("parcel", "in", "four")
    assert told(locker.enter("code-four")) == [("opens", 1)]


def test_a_drop_off_opens_no_second_door() -> None:
    locker = LittleLocker().ready(DROP_OFF, allowance("S", 2))
    locker.enter("code-four")
    locker.door(1, "open")
    assert told(locker.enter("code-four")) == [("busy", 1)]
    locker.door(1, "shut")
    locker.wait(REOPEN_S + 1)
    assert told(locker.enter("code-four")) == [("refused", None)]
    assert count(DroppedOff, locker) == 1


def test_a_drop_off_does_not_wait_for_the_doors_of_others() -> None:
    locker = LittleLocker().ready(right("one"), DROP_OFF, allowance("S", 1))
    locker.deposit("one")
    locker.enter("code-one")
    locker.command("open_door", "j1", 5)
    assert sorted(locker.controller.operations) == [1, 5]
    assert told(locker.enter("code-four")) == [("opens", 2)]


def test_a_drop_off_that_is_too_large_gets_a_bigger_door() -> None:
    locker = LittleLocker().ready(DROP_OFF, allowance("S", 1))
    locker.enter("code-four")
    locker.door(1, "open")
    assert told(locker.press("bigger")) == [("opens", 3)]
    locker.door(1, "shut")
    locker.open_and_shut(3)
    assert last(DroppedOff, locker).compartment == 3
    assert locker.controller.used == {"S": 1}


def test_without_allowance_a_drop_off_finds_no_room() -> None:
    locker = LittleLocker().ready(DROP_OFF, allowance("S", 0))
    assert told(locker.enter("code-four")) == [("no_room", None)]
    assert last(Presented, locker).reason == "allowance_used_up"


def test_a_drop_off_leaves_room_for_claims() -> None:
    claims = [right(name) for name in ("one", "two", "three", "five", "six")]
    locker = LittleLocker().ready(DROP_OFF, allowance("S", 1), *claims)
    assert told(locker.enter("code-four")) == [("no_room", None)]
    assert last(Presented, locker).reason == "no_fitting_compartment"


def test_a_drop_off_expires() -> None:
    until = LittleLocker().now.wall + timedelta(hours=1)
    expiring = msgspec.structs.replace(DROP_OFF, deposit_by=until)
    locker = LittleLocker().ready(expiring, allowance("S", 1))
    locker.mono_s += (until - locker.now.wall).total_seconds()
    assert told(locker.enter("code-four")) == [("expired", None)]
    assert (last(Presented, locker).reason, locker.pulses) == ("expired", [])
    locker.mono_s -= 0.1
    assert told(locker.enter("code-four")) == [("opens", 1)]


def test_a_low_compartment_is_given_when_the_right_says_low_and_never_a_high_one() -> None:
    """I13: of the five doors number 2 alone is wholly within reach (600 to 710 mm)."""
    low = msgspec.structs.replace(right("one"), needs=("low",))
    another = msgspec.structs.replace(right("two"), needs=("low",), hold="soft")
    locker = LittleLocker().ready(low, another, allowance("S", 1))
    assert locker.deposit("one") == 2
    assert told(locker.scan("label-two")) == [("no_room", None)]
    drop_off = msgspec.structs.replace(DROP_OFF, needs=("low",))
    locker.put(drop_off)
    assert told(locker.enter("code-four")) == [("no_room", None)]
