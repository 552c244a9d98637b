"""What a badge lets a courier do: unannounced parcels, rivals' labels, sweeps."""

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.facts import Place
from fellesskap_edge.throttle import FREE_FAILURES
from fellesskap_edge.visiting import ASKED_S
from fellesskap_protocol.events import DeliveryFailed, Deposited, Presented, Removed, Reported
from fellesskap_protocol.messages import Badge, Right
from tests.edge.little_locker import LittleLocker, allowance, badge, removal, right
from tests.edge.test_courier import count, last, told

BADGE_CARRIER = Right(id="carrier-red", kind="carrier", carrier_id="red", deposit_auth="badge")


# Badges --------------------------------------------------------------------------------------


def test_a_carrier_that_asks_for_a_badge_gets_it_and_the_label_goes_on_without_a_rescan() -> None:
    locker = LittleLocker().ready(right("one"), BADGE_CARRIER)
    assert told(locker.scan("label-one")) == [("badge_needed", None)]
    assert told(locker.show_badge(badge("red"))) == [("badge_accepted", None), ("opens", 1)]


def test_a_label_that_waited_too_long_for_its_badge_is_scanned_again() -> None:
    locker = LittleLocker().ready(right("one"), BADGE_CARRIER)
    locker.scan("label-one")
    locker.wait(ASKED_S)
    assert told(locker.show_badge(badge("red"))) == [("badge_accepted", None)]


def test_a_rivals_badge_does_not_stand_for_a_carrier() -> None:
    locker = LittleLocker().ready(right("one"), BADGE_CARRIER)
    locker.show_badge(badge("blue"))
    assert told(locker.scan("label-one")) == [("badge_needed", None)]


def test_a_label_that_two_carriers_expect_opens_when_a_badge_says_which() -> None:
    blue = msgspec.structs.replace(right("two", carrier="blue"), label_macs=("label-one",))
    locker = LittleLocker().ready(right("one"), blue)
    assert told(locker.scan("label-one")) == [("badge_needed", None)]
    locker.show_badge(badge("blue"))
    assert locker.controller.operations[1].right == blue
    both = LittleLocker().ready(right("one"), blue)
    both.show_badge(badge("red", "blue"))
    assert told(both.scan("label-one")) == [("choose_carrier", None)]
    assert told(both.press("carrier", "red")) == [("opens", 1)]
    assert both.controller.operations[1].right == right("one")


@pytest.mark.parametrize(
    ("shown", "timely", "reason"),
    [
        (badge(lockers=("oslo-9",)), True, "another_locker"),
        (badge(lockers=(), site="oslo"), True, "another_locker"),
        (badge(for_s=0), True, "expired"),
        (badge(), False, "clock_untrusted"),
        (badge(jti="stolen"), True, "revoked"),
    ],
)
def test_a_badge_that_does_not_hold_here_and_now_is_refused(
    shown: Badge, timely: bool, reason: str
) -> None:
    revoking = msgspec.structs.replace(BADGE_CARRIER, revoked_badges=("stolen",))
    locker = LittleLocker().ready(right("one"), revoking)
    locker.show_badge(shown, timely=timely)
    assert last(Presented, locker).reason == reason
    assert told(locker.scan("label-one")) == [("badge_needed", None)]


def test_a_badge_that_is_revoked_during_the_visit_is_over() -> None:
    locker = swept()
    locker.show_badge(badge("red"))
    assert told(locker.press("take_out")) == [("opens", 1)]
    locker.put(msgspec.structs.replace(BADGE_CARRIER, revoked_badges=("badge-1",)))
    assert told(locker.open_and_shut(1)) == [("badge_needed", None)]
    assert told(locker.press("take_out")) == [("badge_needed", None)]
    assert told(locker.scan("label-new")) == [("unknown", None)]
    locker.show_badge(badge("red"))
    assert last(Presented, locker).reason == "revoked"


def test_a_badge_for_the_site_holds_at_every_locker_of_it() -> None:
    locker = LittleLocker().ready(right("one"), BADGE_CARRIER)
    assert told(locker.show_badge(badge(lockers=(), site="fornebu"))) == [("badge_accepted", None)]


def test_a_badge_that_expires_during_the_visit_is_over() -> None:
    locker = LittleLocker().ready(right("one"), BADGE_CARRIER)
    locker.show_badge(badge(for_s=60))
    locker.wait(60.0)
    assert told(locker.scan("label-one")) == [("badge_needed", None)]


def test_a_label_lock_out_asks_for_a_badge_and_nobody_is_locked_out() -> None:
    locker = LittleLocker().ready(right("one"))
    for turn in range(FREE_FAILURES + 1):
        locker.scan(f"label-wrong-{turn}")
    assert told(locker.scan("label-one")) == [("badge_needed", None)]
    assert told(locker.show_badge(badge()))[-1] == ("opens", 1)


def test_forged_badges_are_counted_like_unknown_labels() -> None:
    locker = LittleLocker().ready(right("one"))
    for _ in range(FREE_FAILURES + 1):
        locker.give(ctl.BadgeForged())
    assert told(locker.scan("label-one")) == [("badge_needed", None)]


# Without a claim -----------------------------------------------------------------------------


def test_an_unannounced_parcel_draws_on_the_allowance_by_the_class_the_courier_picks() -> None:
    locker = LittleLocker().ready(allowance("S", 1), allowance("L", 1))
    locker.show_badge(badge())
    assert told(locker.scan("label-new")) == [("choose_size", None)]
    assert told(locker.press("size", "S")) == [("opens", 1)]
    locker.open_and_shut(1)
    deposited = last(Deposited, locker)
    assert (deposited.label, deposited.label_mac, deposited.right_id) == ("opaque:new", None, None)
    assert (deposited.carrier_id, deposited.allowance_class) == ("red", "S")
    assert locker.controller.used == {"S": 1}
    assert told(locker.scan("label-other")) == [("choose_size", None)]
    assert told(locker.press("size", "S")) == [("no_room", None)]


def test_the_backends_right_to_an_unannounced_parcel_takes_the_place_of_the_edges_own() -> None:
    locker = LittleLocker().ready(allowance("S", 1))
    locker.show_badge(badge())
    locker.scan("label-new")
    locker.press("size", "S")
    locker.open_and_shut(1)
    parcel_id = last(Deposited, locker).parcel_id
    collect = msgspec.structs.replace(right("new", "collect"), parcel_id=parcel_id, compartment=1)
    locker.put(collect)
    assert told(locker.enter("code-new")) == [("opens", 1)]
    assert set(locker.controller.rights) == {"allowance-S", "new"}


def test_a_claim_that_came_after_its_parcel_becomes_the_right_to_collect_it() -> None:
    """The reservation was under way when the parcel was put in; its code opens all the same."""
    locker = LittleLocker().ready(allowance("S", 1))
    locker.show_badge(badge())
    locker.scan("label-late")
    locker.press("size", "S")
    locker.open_and_shut(1)
    parcel_id = last(Deposited, locker).parcel_id
    locker.put(right("late"))
    collect = msgspec.structs.replace(right("late", "collect"), parcel_id=parcel_id, compartment=1)
    locker.put(collect)
    assert set(locker.controller.rights) == {"allowance-S", "late"}
    assert told(locker.scan("label-late")) == [("deposited", 1)]
    assert told(locker.enter("code-late")) == [("opens", 1)]


def test_a_consolidator_says_for_whom_it_deposits() -> None:
    locker = LittleLocker().ready(allowance("S", 2))
    locker.show_badge(badge("red", "blue"))
    assert told(locker.scan("label-new")) == [("choose_carrier", None)]
    assert told(locker.press("carrier", "green")) == [("nothing_in_hand", None)]
    assert told(locker.press("carrier", "blue")) == [("choose_size", None)]
    locker.press("size", "S")
    locker.open_and_shut(1)
    assert last(Deposited, locker).carrier_id == "blue"


def test_a_badge_that_may_only_remove_deposits_nothing_unannounced() -> None:
    locker = LittleLocker().ready(allowance("S", 1))
    locker.show_badge(badge(may=("remove",)))
    assert told(locker.scan("label-new")) == [("unknown", None)]


def test_a_soft_claim_opens_without_login_while_the_allowance_lasts() -> None:
    soft = [msgspec.structs.replace(right(name), hold="soft") for name in ("one", "two")]
    locker = LittleLocker().ready(*soft, allowance("S", 1))
    locker.deposit("one")
    assert last(Deposited, locker).allowance_class == "S"
    assert told(locker.scan("label-two")) == [("no_room", None)]
    assert last(DeliveryFailed, locker).reason == "allowance_used_up"
    locker.put(allowance("S", 2))
    assert told(locker.scan("label-two")) == [("opens", 2)]


def test_an_open_operation_counts_as_drawn() -> None:
    soft = [msgspec.structs.replace(right(name), hold="soft") for name in ("one", "two")]
    locker = LittleLocker().ready(*soft, allowance("S", 1))
    locker.scan("label-one")
    locker.door(1, "open")
    locker.wait(200.0)
    assert told(locker.scan("label-two")) == [("no_room", None)]


# Sweeps --------------------------------------------------------------------------------------


def swept() -> LittleLocker:
    locker = LittleLocker().ready(right("one"), right("two", carrier="blue"), right("three"))
    for name in ("one", "two", "three"):
        locker.deposit(name)
    locker.put(removal("one"), removal("two", "blue"), removal("three"))
    return locker


def test_one_badge_takes_out_all_that_its_carriers_may_one_door_after_the_other() -> None:
    locker = swept()
    locker.show_badge(badge("red"))
    assert told(locker.press("take_out")) == [("opens", 1)]
    assert told(locker.open_and_shut(1)) == [("opens", 4)]
    assert told(locker.open_and_shut(4)) == [("swept", None)]
    assert count(Removed, locker) == 2
    assert last(Removed, locker) == Removed(
        parcel_id="parcel-three", right_id="remove-three", compartment=4, evidence="door"
    )
    assert told(locker.enter("code-one")) == [("refused", None)]
    assert told(locker.enter("code-two")) == [("opens", 2)]


def test_overdue_recalled_and_returned_parcels_go_out_in_one_sweep() -> None:
    """Why a parcel goes is the backend's; here each is a right to remove, also what was sent."""
    sent = right("sent", "drop_off")
    locker = LittleLocker().ready(right("overdue"), right("recalled"), sent, allowance("S", 1))
    locker.deposit("overdue")
    locker.deposit("recalled")
    assert told(locker.enter("code-sent")) == [("opens", 4)]
    locker.open_and_shut(4)
    locker.put(removal("overdue"), removal("recalled"), removal("sent"))
    locker.show_badge(badge("red"))
    opened = told(locker.press("take_out"))
    while opened[-1] != ("swept", None):
        (number,) = (door for outcome, door in opened if outcome == "opens" and door)
        opened = told(locker.open_and_shut(number))
    removed = [event for event in locker.records if isinstance(event, Removed)]
    names = ("overdue", "recalled", "sent")
    assert sorted(event.parcel_id for event in removed) == [f"parcel-{one}" for one in names]


def test_a_badge_removes_in_one_session_only_also_after_a_restart() -> None:
    locker = swept()
    locker.show_badge(badge("red"))
    locker.press("take_out")
    locker.open_and_shut(1)
    locker.press("done")
    locker.open_and_shut(4)
    locker.put(removal("two", "red"))
    locker.restart()
    locker.say_shut()
    locker.show_badge(badge("red"))
    assert told(locker.press("take_out")) == [("badge_used", None)]
    locker.show_badge(badge("red", jti="badge-2"))
    assert told(locker.press("take_out")) == [("opens", 2)]


def test_a_restart_in_the_middle_of_a_sweep_goes_on_with_the_same_badge() -> None:
    locker = swept()
    locker.show_badge(badge("red"))
    locker.press("take_out")
    locker.open_and_shut(1)
    locker.restart()
    locker.say_shut()
    assert told(locker.press("take_out")) == [("opens", 4)]


def test_a_door_whose_board_is_silent_is_left_for_later() -> None:
    locker = swept()
    locker.give(ctl.BankContact("a", answering=False))
    locker.show_badge(badge("red"))
    assert told(locker.press("take_out")) == [("opens", 4)]
    assert told(locker.open_and_shut(4)) == [("swept", None)]
    locker.give(ctl.BankContact("a", answering=True))
    assert told(locker.press("take_out")) == [("opens", 1)]


def test_an_empty_compartment_in_a_sweep_is_reported_and_nothing_is_removed() -> None:
    locker = swept()
    locker.show_badge(badge("red"))
    locker.press("take_out")
    locker.door(1, "open")
    assert told(locker.press("empty"))[0] == ("noted", 1)
    locker.door(1, "shut")
    assert count(Removed, locker) == 0
    assert last(Reported, locker) == Reported(what="empty", compartment=1, parcel_id="parcel-one")
    assert locker.controller.places[1].service == "suspect"


def test_nobody_takes_anything_out_without_a_badge_that_may() -> None:
    locker = swept()
    assert told(locker.press("take_out")) == [("badge_needed", None)]
    locker.show_badge(badge("red", may=("deposit",)))
    assert told(locker.press("take_out")) == [("badge_needed", None)]


def test_a_returned_parcel_is_taken_out_too() -> None:
    locker = LittleLocker().ready(right("four", "drop_off"), allowance("S", 1))
    locker.enter("code-four")
    locker.open_and_shut(1)
    locker.put(removal("four"))
    locker.show_badge(badge("red"))
    assert told(locker.press("take_out")) == [("opens", 1)]
    locker.open_and_shut(1)
    assert last(Removed, locker).parcel_id == "parcel-four"
    assert locker.controller.places[1] == Place("empty")


def test_an_unannounced_parcel_that_lies_elsewhere_opens_no_second_door() -> None:
    """A store that went back in time has its deposit in hand; the backend knows where it lies."""
    locker = LittleLocker().ready(allowance("S", 1))
    locker.show_badge(badge("red"))
    locker.scan("label-new")
    assert told(locker.press("size", "S")) == [("opens", 1)]
    locker.door(1, "open")
    made = locker.controller.operations[1].right
    assert made is not None
    locker.controller.places[4] = Place("unknown")
    found = msgspec.structs.replace(
        right("found", "collect"), parcel_id=made.parcel_id, compartment=4
    )
    locker.put(found)
    assert told(locker.press("bigger")) == [("expired", 1)]
    locker.wait(1.0)
    assert [pulse.compartment for pulse in locker.pulses] == [1]
    assert locker.controller.places[4] == Place("parcel", "in", "found")
