"""Histories with one wrong line: what is recorded, promised, and settled (I7 to I9, liveness)."""

import msgspec

from fellesskap_protocol.events import (
    Booted,
    Collected,
    DoorClosed,
    StoreCreated,
    stamped,
)
from fellesskap_protocol.messages import decode_event, encode, event_hash
from tests.judge import history, stories
from tests.judge.spoil import (
    Records,
    added,
    changed,
    find,
    following,
    moved,
    said,
    unsaid,
    without,
)
from tests.judge.story import HERE
from tests.judge.wrong_doors import Wrong

# I7 -----------------------------------------------------------------------------------------------


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


def a_gap_of_what_was_never_recorded() -> Records:
    records = stories.a_parcel()
    at = find(records, history.Recorded, 8)
    gap = history.Gap(at=records[at].at, locker=HERE, epoch="epoch-1", first=9, last=9)
    return added(records, at, gap)


def an_entry_of_an_epoch_that_is_over() -> Records:
    records = stories.a_lost_store()
    down = find(records, history.Part, state="down")
    last = records[find(records, history.Journalled, -1, epoch="epoch-1")]
    seq, prev = decode_event(last.event).seq + 1, event_hash(last.event)
    booted = decode_event(records[find(records, Booted)].event)
    entry = encode(stamped(booted, seq=seq, prev=prev))
    unsent = msgspec.structs.replace(last, at=records[down].at, event=entry)
    late = history.Recorded(at=records[-1].at, locker=HERE, epoch="epoch-1", event=unsent.event)
    records = added(records, down, unsent)
    return added(records, len(records) - 1, late)


def a_ledger_of_other_bytes() -> Records:
    records = stories.a_parcel()
    return changed(records, find(records, history.Head, of="ledger"), hash="0" * 64)


# I8 -----------------------------------------------------------------------------------------------


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


def a_feed_that_leaps_twice() -> Records:
    records = stories.a_backup_of_a_time_before()
    return changed(records, find(records, history.Delivered, 1), position=500)


def a_webhook_out_of_turn() -> Records:
    records = stories.a_parcel()
    told = [one for one in records if isinstance(one, history.Delivered)]
    late = [msgspec.structs.replace(one, via="webhook", at=records[-1].at) for one in told]
    return added(records, len(records) - 1, late[0], late[2], late[1])


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


# I9 -----------------------------------------------------------------------------------------------


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


# Liveness -----------------------------------------------------------------------------------------


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


def a_recalled_parcel_that_can_be_collected() -> Records:
    records = stories.a_full_locker()
    recall = history.Asked(
        at=records[-5].at, op="op-x", who="carrier:nordpost", act="recall", target="parcel-3"
    )
    answer = history.Answered(at=records[-5].at, op="op-x", outcome="ok", status=200)
    at = find(records, history.Calm)
    early = [msgspec.structs.replace(one, at=records[at].at) for one in (recall, answer)]
    return added(records, at, *early)


def a_collection_that_is_never_told() -> Records:
    records = stories.two_low_parcels()
    return without(records, find(records, history.Delivered, -1))


def events_that_come_by_no_webhook() -> Records:
    records = stories.two_low_parcels()
    at = find(records, history.Delivered)
    return added(records, at + 1, msgspec.structs.replace(records[at], via="webhook"))


WRONG: dict[str, tuple[Wrong, ...]] = {
    "I7": (
        an_entry_recorded_twice,
        an_entry_that_is_left_out,
        two_entries_in_the_wrong_order,
        another_entry_than_was_written,
        a_hole_in_the_journal,
        a_gap_where_none_is,
        a_gap_of_what_was_never_recorded,
        an_entry_of_an_epoch_that_is_over,
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
        a_feed_that_leaps_twice,
        a_webhook_out_of_turn,
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
    "liveness": (
        an_entry_that_is_never_delivered,
        a_reservation_in_limbo,
        a_door_operation_without_an_end,
        a_door_that_never_shuts,
        a_parcel_that_is_stuck,
        a_collection_that_is_never_told,
        events_that_come_by_no_webhook,
        a_recalled_parcel_that_can_be_collected,
    ),
}
