"""The collect clock runs only over time that is proven to have been served (I16)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.parcels.clock import GAP_MAX, Interval, merged, proven, runs_out

START = datetime(2027, 3, 1, 8, tzinfo=UTC)
STEP_S = 10
"""Longer than the gap that is overlooked: the reference knows no gaps."""
SPAN = 60


def at(step: int) -> datetime:
    return START + timedelta(seconds=step * STEP_S)


def interval(began: int, ended: int) -> Interval:
    return Interval(at(began), at(ended))


INTERVALS = st.lists(
    st.tuples(st.integers(0, SPAN), st.integers(0, SPAN)).map(lambda ends: interval(*sorted(ends))),
    max_size=8,
)


def reference(intervals: list[Interval], begins: int, within: int) -> tuple[int, bool]:
    """Walk step by step: return where the time ran out, or how much is left and False."""
    for step in range(begins, SPAN):
        if any(one.began_at <= at(step) < one.ended_at for one in intervals):
            within -= 1
            if within == 0:
                return step + 1, True
    return within, False


@given(INTERVALS, st.integers(0, SPAN), st.integers(1, SPAN))
def test_time_runs_out_as_a_walk_over_every_step_finds(
    intervals: list[Interval], begins: int, within: int
) -> None:
    newest = max((one.ended_at for one in intervals), default=None)
    found = runs_out(intervals, begins=at(begins), within=_steps(within), newest=newest)
    number, ran_out = reference(intervals, begins, within)
    if ran_out:
        assert found == at(number)
        assert newest is not None
        assert found <= newest
    else:
        assert found == max(newest or at(begins), at(begins)) + _steps(number)
        assert newest is None or found > newest


@given(INTERVALS, st.randoms(use_true_random=False), st.integers(0, SPAN), st.integers(1, SPAN))
def test_order_of_proofs_and_repeats_change_nothing(
    intervals: list[Interval], chance: object, begins: int, within: int
) -> None:
    newest = max((one.ended_at for one in intervals), default=None)
    again = intervals + intervals[:3]
    chance.shuffle(again)  # type: ignore[attr-defined]
    first, second = (
        runs_out(some, begins=at(begins), within=_steps(within), newest=newest)
        for some in (intervals, again)
    )
    assert first == second
    assert merged(intervals) == merged(again)


@given(INTERVALS, st.integers(0, SPAN), st.integers(1, SPAN), st.integers(0, 7))
def test_a_late_proof_never_gives_more_time_than_was_promised_before(
    intervals: list[Interval], begins: int, within: int, left_out: int
) -> None:
    """What is proven later was served: it can only have used up time."""
    newest = max((one.ended_at for one in intervals), default=None)
    known = intervals[:left_out] + intervals[left_out + 1 :]
    with_all, before = (
        runs_out(some, begins=at(begins), within=_steps(within), newest=newest)
        for some in (intervals, known)
    )
    assert with_all <= before


def test_intervals_a_second_apart_are_one() -> None:
    first = interval(0, 1)
    second = Interval(first.ended_at + GAP_MAX, at(5))
    third = Interval(second.ended_at + GAP_MAX + timedelta(microseconds=1), at(9))
    assert merged([third, second, first]) == [Interval(at(0), at(5)), third]


def test_a_clock_that_is_not_believed_proves_the_length_alone() -> None:
    told = Interval(START - timedelta(days=400), START - timedelta(days=400, minutes=-15))
    recorded = START + timedelta(hours=1)
    believed = proven(told, clock="untrusted", recorded_at=recorded)
    assert believed == Interval(recorded - timedelta(minutes=15), recorded)
    assert proven(told, clock="trusted", recorded_at=recorded) == told


def test_a_proof_reaches_never_beyond_its_recording() -> None:
    recorded = at(3)
    assert proven(interval(0, 9), clock="trusted", recorded_at=recorded) == interval(0, 3)
    assert proven(interval(4, 9), clock="trusted", recorded_at=recorded) is None
    assert proven(interval(4, 4), clock="untrusted", recorded_at=recorded) is None


def _steps(count: int) -> timedelta:
    return timedelta(seconds=count * STEP_S)
