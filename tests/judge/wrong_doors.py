"""Histories with one wrong line: what moves doors, and who may (I3 to I6, I12)."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from fellesskap_protocol.events import (
    Deposited,
    DoorOpened,
    Fault,
    Presented,
    Pulsed,
    RightsApplied,
    ServiceChanged,
)
from fellesskap_protocol.messages import Rights
from tests.judge import history, stories
from tests.judge.spoil import (
    Records,
    added,
    changed,
    entered,
    find,
    moved,
    said,
    unsaid,
    without,
)
from tests.judge.story import HERE, START

Wrong = Callable[[], Records]


def coil(records: Records, nth: int, on: bool) -> int:
    """Return where a coil is switched on, or off."""
    return find(records, history.Coil, nth, on=on)


# I3 ----------------------------------------------------------------------------------------------


def a_pulse_that_is_not_written() -> Records:
    records = stories.a_parcel()
    return unsaid(records, find(records, Pulsed))


def a_coil_that_nobody_asked_for() -> Records:
    records = stories.a_parcel()
    on = history.Coil(at=records[-2].at, locker=HERE, compartment=4, on=True)
    return added(records, len(records) - 1, on)


def a_pulse_before_its_commit() -> Records:
    records = stories.offline()
    return moved(records, find(records, Pulsed), coil(records, 0, True) + 1)


def a_pulse_of_no_authorisation() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Pulsed, 1), authorisation_id="nobody")


def a_pulse_of_another_door() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Pulsed), compartment=2)


def a_coil_long_after_its_pulse() -> Records:
    records = stories.a_parcel()
    at = coil(records, 0, True)
    return changed(records, at, at=records[at].at + 5.0)


# I4 ----------------------------------------------------------------------------------------------


def an_authorisation_twice() -> Records:
    records = stories.a_parcel()
    at = find(records, Presented, authorisation_id="again-1")
    return said(records, at, authorisation_id="take-1")


def a_pulse_after_it_was_seen_open() -> Records:
    records = stories.a_parcel()
    at = find(records, DoorOpened) + 1
    later = find(records, history.Journalled, 0, at=_next_entry(records, at))
    pulse = Pulsed(authorisation_id="put-1", compartment=1, attempt=2)
    return entered(records, later, pulse)


def _next_entry(records: Records, at: int) -> float:
    return next(one.at for one in records[at:] if isinstance(one, history.Journalled))


def a_pulse_too_many() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Pulsed), attempt=4)


def a_pulse_half_a_minute_later() -> Records:
    records = stories.a_parcel()
    at = find(records, Pulsed)
    return changed(records, at, at=records[at].at + 30.5)


def a_pulse_after_a_restart() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Pulsed), boot_id="boot-9")


# I5 ----------------------------------------------------------------------------------------------


def put(records: Records, nth: int, **fields: object) -> Records:
    """Change the first right of a message of rights."""
    at = find(records, history.Sent, nth)
    rights: Rights = records[at].rights
    right = msgspec.structs.replace(rights.put[0], **fields)
    rights = msgspec.structs.replace(rights, put=(right, *rights.put[1:]))
    return changed(records, at, rights=rights)


def a_code_that_nobody_typed() -> Records:
    records = stories.a_parcel()
    return without(records, find(records, history.Asked, act="type_code"))


def a_label_that_nobody_scanned() -> Records:
    records = stories.a_parcel()
    return without(records, find(records, history.Asked, act="scan"))


def a_revoked_right() -> Records:
    return put(stories.a_parcel(), 0, revoked=True)


def an_expired_right() -> Records:
    return put(stories.a_parcel(), 0, deposit_by=START + timedelta(seconds=60))


def a_right_that_was_never_sent() -> Records:
    records = stories.a_parcel()
    return said(records, find(records, Presented), right_id="right-9")


def a_used_up_right() -> Records:
    records = stories.a_parcel()
    at = find(records, Presented, authorisation_id="again-1")
    return said(records, at, right_id="right-1")


def a_badge_that_nobody_signed() -> Records:
    records = stories.a_courier_removes()
    return without(records, find(records, history.Badged))


def a_badge_of_another_locker() -> Records:
    records = stories.a_courier_removes()
    at = find(records, history.Badged)
    badge = records[at].badge
    return changed(records, at, badge=msgspec.structs.replace(badge, lockers=("torget-2",)))


def a_badge_that_may_not_remove() -> Records:
    records = stories.a_courier_removes()
    at = find(records, history.Badged)
    badge = records[at].badge
    return changed(records, at, badge=msgspec.structs.replace(badge, may=("deposit",)))


def a_command_of_another_boot() -> Records:
    records = stories.a_courier_removes()
    return changed(records, find(records, history.Challenged), boot_id="boot-9")


def a_stale_challenge() -> Records:
    records = stories.a_courier_removes()
    at = find(records, history.Challenged, 1)
    return changed(records, at, at=records[at].at - 70.0)


def a_command_that_nobody_signed() -> Records:
    records = stories.a_courier_removes()
    return without(records, find(records, history.Commanded))


def a_command_twice() -> Records:
    records = stories.remote_opens()
    at = find(records, Presented, jti="jti-4")  # of the same door
    return said(records, at, jti="jti-0")


def an_obeyed_command_that_is_answered_as_new() -> Records:
    records = stories.remote_opens()
    at = find(records, history.Challenged, 1)
    return changed(records, at, jti="jti-0", outcome="stale_challenge")


def an_allowance_of_one() -> Records:
    return put(stories.the_allowance(), 0, granted=1)


def a_deposit_that_draws_nothing() -> Records:
    records = stories.the_allowance()
    return said(records, find(records, Deposited), allowance_class=None)


def a_change_that_was_not_sent() -> Records:
    records = stories.a_full_locker()
    return without(records, find(records, history.Sent, 1))


def a_change_on_a_wrong_from() -> Records:
    records = stories.a_full_locker()
    at = find(records, history.Sent, 2)
    rights = records[at].rights
    return changed(records, at, rights=msgspec.structs.replace(rights, from_=1))


def a_part_of_a_change() -> Records:
    records = stories.a_full_locker()
    at = find(records, history.Sent, 2)
    rights = records[at].rights
    return changed(records, at, rights=msgspec.structs.replace(rights, parts=2))


def an_allowance_that_is_not_counted() -> Records:
    records = stories.the_allowance()
    return said(records, find(records, RightsApplied, -1), used={"S": 1})


def wrong_codes(records: Records, times: int) -> Records:
    """Have so many wrong codes typed just before the first good one."""
    at = find(records, Presented, kind="code")
    for _ in range(times):
        records = entered(records, at, Presented(kind="code", outcome="refused", reason="unknown"))
    return records


def eight_digits_in_a_wait() -> Records:
    return wrong_codes(stories.a_parcel(), 6)


def a_label_in_a_wait() -> Records:
    records = stories.a_full_locker()
    at = find(records, Presented)
    for _ in range(6):
        records = entered(records, at, Presented(kind="label", outcome="refused", reason="unknown"))
    return records


def a_door_that_is_too_small() -> Records:
    return put(stories.a_parcel(), 0, w_mm=580)


def a_suspect_door() -> Records:
    records = stories.a_parcel()
    at = find(records, Presented)
    suspect = ServiceChanged(compartment=1, from_="in", to="suspect", cause="sensor")
    return entered(records, at, suspect)


# I6 ----------------------------------------------------------------------------------------------


def a_lower_limit() -> Records:
    records = stories.remote_opens()
    return changed(records, 0, remote_opens_max=5)


def a_remote_open_too_soon() -> Records:
    records = stories.remote_opens()
    at = find(records, Presented, 2, kind="command")
    return changed(records, at, at=records[at].at - 6.0)


def a_seventh_in_ten_minutes() -> Records:
    records = stories.remote_opens()
    at = find(records, Presented, 6, kind="command")
    return changed(records, at, at=records[at].at - 80.0)


def two_operators_without_a_key() -> Records:
    records = stories.remote_opens()
    return unsaid(records, find(records, Fault, what="turned on"))


# I12 ---------------------------------------------------------------------------------------------


def a_door_that_stays_shut_offline() -> Records:
    records = stories.offline()
    return without(records, coil(records, 1, True))


def a_door_that_opens_much_later() -> Records:
    records = stories.offline()
    at = coil(records, 1, True)
    return changed(records, at, at=records[at].at + 20.0)


def a_good_code_that_nobody_heeds() -> Records:
    records = stories.offline()
    at = find(records, history.Asked, act="type_code")
    before = msgspec.structs.replace(records[at], op="op-x", at=records[at].at - 400.0)
    at = next(n for n, one in enumerate(records) if one.at > before.at)
    return added(records, at, before)


def a_good_qr_code_in_the_calm() -> Records:
    records = stories.a_full_locker()
    ask = history.Asked(
        at=records[-2].at,
        op="op-x",
        who="resident:3",
        act="show_qr",
        target=HERE,
        body={"macs": ["mac-qr-3"]},
    )
    return added(records, len(records) - 1, ask)


WRONG: dict[str, tuple[Wrong, ...]] = {
    "I3": (
        a_pulse_that_is_not_written,
        a_coil_that_nobody_asked_for,
        a_pulse_before_its_commit,
        a_pulse_of_no_authorisation,
        a_pulse_of_another_door,
        a_coil_long_after_its_pulse,
    ),
    "I4": (
        an_authorisation_twice,
        a_pulse_after_it_was_seen_open,
        a_pulse_too_many,
        a_pulse_half_a_minute_later,
        a_pulse_after_a_restart,
    ),
    "I5": (
        a_code_that_nobody_typed,
        a_label_that_nobody_scanned,
        a_revoked_right,
        an_expired_right,
        a_right_that_was_never_sent,
        a_used_up_right,
        a_badge_that_nobody_signed,
        a_badge_of_another_locker,
        a_badge_that_may_not_remove,
        a_command_of_another_boot,
        a_stale_challenge,
        a_command_that_nobody_signed,
        a_command_twice,
        an_obeyed_command_that_is_answered_as_new,
        an_allowance_of_one,
        a_deposit_that_draws_nothing,
        a_change_that_was_not_sent,
        a_change_on_a_wrong_from,
        a_part_of_a_change,
        an_allowance_that_is_not_counted,
        eight_digits_in_a_wait,
        a_label_in_a_wait,
        a_door_that_is_too_small,
        a_suspect_door,
    ),
    "I6": (
        a_lower_limit,
        a_remote_open_too_soon,
        a_seventh_in_ten_minutes,
        two_operators_without_a_key,
    ),
    "I12": (
        a_door_that_stays_shut_offline,
        a_door_that_opens_much_later,
        a_good_code_that_nobody_heeds,
        a_good_qr_code_in_the_calm,
    ),
}
