"""Histories with one wrong line: what lies where, and what served (I1, I2, I13, I16)."""

from datetime import timedelta

from fellesskap_protocol.events import (
    Collected,
    CustodyReported,
    Deposited,
    DoorClosed,
    Jammed,
    NotOpened,
    Overcommitted,
    Presented,
    RightsApplied,
    ServiceChanged,
    Serving,
    Upsized,
)
from fellesskap_protocol.messages import decode_event
from tests.judge import history, stories
from tests.judge.spoil import (
    Records,
    added,
    entered,
    find,
    moved,
    said,
    unsaid,
    without,
)
from tests.judge.story import HERE
from tests.judge.wrong_doors import Wrong, put

# I1 -----------------------------------------------------------------------------------------------


def a_second_parcel_where_one_lies() -> Records:
    records = stories.two_low_parcels()
    return said(records, find(records, Deposited, 1), compartment=2)


def a_door_given_away_where_one_lies() -> Records:
    records = stories.a_full_locker()
    return said(records, find(records, Presented, 1), compartment=1)


def one_parcel_in_two_compartments() -> Records:
    records = stories.two_low_parcels()
    return said(records, find(records, Deposited, 1), parcel_id="parcel-1")


def another_parcel_is_collected() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Collected), parcel_id="parcel-9")


def a_collection_where_nothing_lay() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Collected), compartment=2)


def custody_out_of_nothing() -> Records:
    records = stories.a_lost_store()
    return said(records, find(records, CustodyReported), compartment=3, parcel_id="parcel-7")


def a_door_that_did_not_open() -> Records:
    records = stories.a_parcel()
    return without(records, find(records, history.Door, 1, open=True))


def a_collection_behind_a_door_that_stayed_shut() -> Records:
    records = stories.a_parcel()
    at = find(records, DoorClosed, authorisation_id="take-1")
    jammed = Jammed(compartment=1, authorisation_id="take-1")
    return entered(records, at + 1, jammed)


def a_door_that_stayed_shut_after_a_collection() -> Records:
    records = stories.a_parcel()
    at = find(records, Presented, authorisation_id="again-1")
    return entered(records, at, NotOpened(compartment=1, authorisation_id="take-1"))


# I2 -----------------------------------------------------------------------------------------------


def a_lost_room_that_is_not_told() -> Records:
    records = stories.a_broken_door()
    return unsaid(records, find(records, Overcommitted))


def a_lost_room_that_is_told_later() -> Records:
    records = stories.a_broken_door()
    at = find(records, Overcommitted)
    mono_ms = decode_event(records[at].event).mono_ms
    return said(records, at, mono_ms=mono_ms + 50)


def a_door_out_of_service_in_silence() -> Records:
    records = stories.a_full_locker()
    at = find(records, Presented)
    out = ServiceChanged(compartment=4, from_="in", to="out", cause="broken")
    return entered(records, at, out)


def room_given_away_before_it_was_let_go() -> Records:
    records = stories.a_full_locker()
    return unsaid(records, find(records, RightsApplied, 4))


def an_allowance_that_takes_promised_room() -> Records:
    return put(stories.the_allowance(), 0, granted=3)


# I13 ----------------------------------------------------------------------------------------------


def a_locker_that_is_not_told_low() -> Records:
    return put(stories.two_low_parcels(), 0, needs=())


def a_high_door_for_a_low_request() -> Records:
    records = stories.two_low_parcels()
    return said(records, find(records, Presented), compartment=1)


def a_parcel_too_high_up() -> Records:
    records = stories.two_low_parcels()
    return said(records, find(records, Deposited), compartment=4)


def a_larger_door_that_is_too_high() -> Records:
    records = stories.two_low_parcels()
    at = find(records, Deposited, 0)
    return entered(records, at, Upsized(right_id="right-1", from_=2, to=4))


# I16 ----------------------------------------------------------------------------------------------


def overdue_by_time_that_did_not_serve() -> Records:
    records = stories.a_courier_removes()
    return unsaid(records, find(records, Serving))


def overdue_at_once() -> Records:
    records = stories.a_courier_removes()
    at = find(records, history.Delivered)
    return moved(records, at, find(records, Serving, 2))


def service_while_the_daemon_was_dead() -> Records:
    records = stories.offline()
    at = find(records, Serving)
    event = decode_event(records[at].event)
    assert isinstance(event, Serving)
    return said(records, at, from_=event.from_ - timedelta(seconds=300))


def the_same_time_twice() -> Records:
    records = stories.offline()
    at = find(records, Serving)
    event = decode_event(records[at].event)
    return entered(records, at, event)


def service_of_a_silent_board() -> Records:
    records = stories.offline()
    silent = history.Fault(
        at=records[find(records, Serving)].at - 800.0,
        layer="board",
        kind="silent",
        where=f"{HERE}/a",
        state="begun",
        compartments=(1, 2),
    )
    return added(records, find(records, Serving), silent)


WRONG: dict[str, tuple[Wrong, ...]] = {
    "I1": (
        a_second_parcel_where_one_lies,
        a_door_given_away_where_one_lies,
        one_parcel_in_two_compartments,
        another_parcel_is_collected,
        a_collection_where_nothing_lay,
        custody_out_of_nothing,
        a_door_that_did_not_open,
        a_collection_behind_a_door_that_stayed_shut,
        a_door_that_stayed_shut_after_a_collection,
    ),
    "I2": (
        a_lost_room_that_is_not_told,
        a_lost_room_that_is_told_later,
        a_door_out_of_service_in_silence,
        room_given_away_before_it_was_let_go,
        an_allowance_that_takes_promised_room,
    ),
    "I13": (
        a_locker_that_is_not_told_low,
        a_high_door_for_a_low_request,
        a_parcel_too_high_up,
        a_larger_door_that_is_too_high,
    ),
    "I16": (
        overdue_by_time_that_did_not_serve,
        overdue_at_once,
        service_while_the_daemon_was_dead,
        the_same_time_twice,
        service_of_a_silent_board,
    ),
}
