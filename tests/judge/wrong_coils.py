"""Histories with one wrong line: how long a coil is on, and which are at once (I14)."""

from tests.judge import stories
from tests.judge.spoil import Records, changed, without
from tests.judge.wrong_doors import Wrong, coil


def a_coil_that_is_let_go_late() -> Records:
    records = stories.a_parcel()
    at = coil(records, 0, False)
    return changed(records, at, at=records[at].at + 0.2)


def a_coil_that_stays_on() -> Records:
    records = stories.a_parcel()
    return without(records, coil(records, -1, False))


def a_lock_that_bears_less() -> Records:
    records = stories.a_parcel()
    return changed(records, 0, coil_s_max={1: 0.1})


def two_coils_of_one_supply() -> Records:
    records = stories.two_doors_at_once()
    return changed(records, 0, supplies=dict.fromkeys((1, 2, 3, 4), "psu-a"))


WRONG: dict[str, tuple[Wrong, ...]] = {
    "I14": (
        a_coil_that_is_let_go_late,
        a_coil_that_stays_on,
        a_lock_that_bears_less,
        two_coils_of_one_supply,
    ),
}
