"""Histories with one wrong line: what lies where, and what is recorded, promised and proven."""

from datetime import timedelta

import msgspec

from fellesskap_protocol.events import (
    Collected,
    CustodyReported,
    Deposited,
    DoorClosed,
    Overcommitted,
    Presented,
    RightsApplied,
    ServiceChanged,
    Serving,
    StoreCreated,
    Upsized,
)
from fellesskap_protocol.messages import decode_event
from tests.judge import history, stories, wrong_doors
from tests.judge.spoil import (
    Records,
    added,
    changed,
    entered,
    find,
    following,
    moved,
    said,
    unsaid,
    without,
)
from tests.judge.story import HERE
from tests.judge.wrong_doors import Wrong, put

# I1 ----------------------------------------------------------------------------------------------


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


# I2 ----------------------------------------------------------------------------------------------


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


# I7 ----------------------------------------------------------------------------------------------


def an_entry_recorded_twice() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Recorded, 2)
    return added(records, at, records[at])


def an_entry_that_is_left_out() -> Records:
    records = stories.a_parcel()
    return without(records, find(records, history.Recorded, 5))


def two_entries_in_the_wrong_order() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Recorded, 4)
    return moved(records, at + 1, at)


def another_entry_than_was_written() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Recorded, -1)
    event = decode_event(records[at].event)
    stored = msgspec.json.encode(msgspec.structs.replace(event, mono_ms=1))
    return changed(records, at, event=stored)


def a_hole_in_the_journal() -> Records:
    records = stories.a_parcel()
    return without(records, find(records, history.Journalled, 6))


def a_gap_where_none_is() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Acked, 1)
    gap = history.Gap(at=records[at].at, locker=HERE, epoch="epoch-1", first=2, last=3)
    return added(records, at, gap)


def a_ledger_of_other_bytes() -> Records:
    records = stories.a_parcel()
    return changed(records, find(records, history.Head, of="ledger"), hash="0" * 64)


# I8 ----------------------------------------------------------------------------------------------


def _look(records: Records, nth: int, **body: str) -> Records:
    op = records[find(records, history.Asked, nth, act="look")].op
    at = find(records, history.Answered, op=op)
    return changed(records, at, body=records[at].body | body)


def a_reservation_that_is_not_found() -> Records:
    records = stories.a_parcel()
    op = records[find(records, history.Asked, act="look")].op
    at = find(records, history.Answered, op=op)
    return changed(records, at, outcome="fail", status=404, body={})


def a_deposit_that_is_forgotten() -> Records:
    return _look(stories.a_parcel(), 1, state="expected")


def a_collection_that_is_forgotten() -> Records:
    return _look(stories.offline(), 0, state="deposited")


def a_cancelled_one_that_lives() -> Records:
    return _look(stories.a_full_locker(), 0, reservation="confirmed")


def an_acknowledgement_before_the_commit() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Acked, 1)
    return moved(records, at, find(records, history.Recorded, 3))


def a_store_that_lost_its_end() -> Records:
    records = stories.offline()
    at = find(records, history.Head, 1, of="store")
    return changed(records, at, seq=4)


def a_ledger_that_lost_its_end() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Head, of="ledger")
    return changed(records, at, seq=4)


def an_event_that_is_skipped() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Delivered, 1)
    return changed(records, at, position=4)


def an_event_of_nothing() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Delivered, 1)
    return changed(records, at, type="parcel.collected")


def a_new_store_without_a_reason() -> Records:
    records = stories.a_lost_store()
    return without(records, find(records, history.Fault))


def a_store_that_did_not_go_back() -> Records:
    records = stories.a_lost_store()
    at = find(records, StoreCreated, 1)
    return without(said(records, at, reason="went_back"), find(records, history.Fault))


# I9 ----------------------------------------------------------------------------------------------


def another_answer_to_a_key() -> Records:
    records = stories.asked_again()
    at = find(records, history.Answered, 2)
    answer = {"parcel_id": "parcel-2", "state": "confirmed"}
    return changed(records, at, body=answer)


def a_refusal_that_is_taken_back() -> Records:
    records = stories.asked_again()
    at = find(records, history.Answered, 4)
    return changed(records, at, outcome="ok", status=201)


def a_second_parcel_of_a_key() -> Records:
    records = stories.asked_again()
    at = find(records, history.Delivered)
    more = msgspec.structs.replace(
        records[at], position=2, event_id="event-2", parcel_id="parcel-2", at=records[-2].at
    )
    return added(records, len(records) - 1, more)


def a_command_more_than_was_asked_for() -> Records:
    records = stories.asked_again()
    at = find(records, history.Commanded)
    command = records[at].command
    other = msgspec.structs.replace(command, jti="jti-9")
    return added(records, at, msgspec.structs.replace(records[at], command=other))


# I13 ---------------------------------------------------------------------------------------------


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


# I16 ---------------------------------------------------------------------------------------------


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


# Liveness ----------------------------------------------------------------------------------------


def an_entry_that_is_never_delivered() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Head, of="ledger") + 1
    last = records[find(records, history.Journalled, -1)]
    return added(records, at, following(last, at=records[at - 1].at))


def a_reservation_in_limbo() -> Records:
    records = stories.a_broken_door()
    return without(records, find(records, history.Delivered, type="reservation.diverted"))


def a_door_operation_without_an_end() -> Records:
    records = stories.a_courier_removes()
    op = records[find(records, history.Asked, -1, act="look")].op
    at = find(records, history.Answered, op=op)
    return changed(records, at, body=records[at].body | {"state": "pulsed"})


def a_door_that_never_shuts() -> Records:
    records = stories.a_parcel()
    return unsaid(records, find(records, DoorClosed, -1))


def a_parcel_that_is_stuck() -> Records:
    records = stories.a_large_and_a_small()
    return unsaid(records, find(records, Collected))


WRONG: dict[str, tuple[Wrong, ...]] = {
    "I1": (
        a_second_parcel_where_one_lies,
        a_door_given_away_where_one_lies,
        one_parcel_in_two_compartments,
        another_parcel_is_collected,
        a_collection_where_nothing_lay,
        custody_out_of_nothing,
    ),
    "I2": (
        a_lost_room_that_is_not_told,
        a_lost_room_that_is_told_later,
        a_door_out_of_service_in_silence,
        room_given_away_before_it_was_let_go,
        an_allowance_that_takes_promised_room,
    ),
    "I7": (
        an_entry_recorded_twice,
        an_entry_that_is_left_out,
        two_entries_in_the_wrong_order,
        another_entry_than_was_written,
        a_hole_in_the_journal,
        a_gap_where_none_is,
        a_ledger_of_other_bytes,
    ),
    "I8": (
        a_reservation_that_is_not_found,
        a_deposit_that_is_forgotten,
        a_collection_that_is_forgotten,
        a_cancelled_one_that_lives,
        an_acknowledgement_before_the_commit,
        a_store_that_lost_its_end,
        a_ledger_that_lost_its_end,
        an_event_that_is_skipped,
        an_event_of_nothing,
        a_new_store_without_a_reason,
        a_store_that_did_not_go_back,
    ),
    "I9": (
        another_answer_to_a_key,
        a_refusal_that_is_taken_back,
        a_second_parcel_of_a_key,
        a_command_more_than_was_asked_for,
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
    "liveness": (
        an_entry_that_is_never_delivered,
        a_reservation_in_limbo,
        a_door_operation_without_an_end,
        a_door_that_never_shuts,
        a_parcel_that_is_stuck,
    ),
} | wrong_doors.WRONG
