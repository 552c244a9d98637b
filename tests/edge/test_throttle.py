"""Guessing is slowed: five free failures, then waits, then a day; success resets nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.facts import decode, encode
from fellesskap_edge.throttle import (
    DAY,
    FAILURES_PER_DAY_MAX,
    Throttle,
    dated,
    failed,
    holds_until,
    locked_out,
)

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_waits_grow_as_documented() -> None:
    throttle, now, waits = Throttle(), START, []
    for _ in range(FAILURES_PER_DAY_MAX):
        throttle = failed(throttle, now)
        until = holds_until(throttle, now)
        waits.append((until - now).total_seconds() if until else 0)
        now = until or now
        assert holds_until(throttle, now) is None
    assert waits[:-1] == [0] * 5 + [30, 60, 120, 300, 900] + [900] * 9
    assert now == START + timedelta(hours=24)  # twenty: until the first of them is a day old


def test_a_count_that_cannot_be_read_locks_out_for_a_day() -> None:
    throttle = locked_out(START)
    assert holds_until(throttle, START) == START + DAY
    assert holds_until(throttle, START + DAY - timedelta(seconds=1)) == START + DAY
    assert holds_until(throttle, START + DAY) is None


@given(st.lists(st.sampled_from([1, 301, 901, 901, 1000, 1800, 4000]), min_size=30, max_size=60))
def test_within_any_day_there_are_never_more_than_twenty_short_codes_wrong(
    gaps_s: list[int],
) -> None:
    throttle, now, tried = Throttle(), START, []
    for gap_s in gaps_s:
        now += timedelta(seconds=gap_s)
        if holds_until(throttle, now) is None:
            throttle = failed(throttle, now)
            tried.append(now)
        assert len(throttle.failures) <= FAILURES_PER_DAY_MAX + 1
    for turn in range(len(tried) - FAILURES_PER_DAY_MAX):
        assert tried[turn + FAILURES_PER_DAY_MAX] - tried[turn] >= DAY


@given(st.lists(st.integers(0, 100_000), max_size=40))
def test_a_hold_that_nobody_prolongs_is_over_within_a_day(gaps_s: list[int]) -> None:
    throttle, now = Throttle(), START
    for gap_s in gaps_s:
        now += timedelta(seconds=gap_s)
        throttle = failed(throttle, now)
        until = holds_until(throttle, now)
        if until is not None:
            assert now < until <= now + DAY
    assert holds_until(throttle, now + DAY) is None


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_the_count_survives_a_restart(gaps_s: list[int]) -> None:
    throttle, now = Throttle(), START
    for gap_s in gaps_s:
        now += timedelta(seconds=gap_s)
        throttle = failed(throttle, now)
        assert decode("throttle", encode(throttle)) == throttle


@given(st.lists(st.integers(-(10**9), 10**9), max_size=30))
def test_a_clock_that_is_set_lets_off_no_failure_and_holds_nobody_for_more_than_a_day(
    steps_s: list[int],
) -> None:
    throttle, now = Throttle(), START
    for step_s in steps_s:
        now += timedelta(seconds=step_s)
        before = throttle
        throttle = dated(throttle, now)
        assert len(throttle.failures) == len(before.failures)
        assert throttle.failures == tuple(sorted(throttle.failures))
        assert max(throttle.failures, default=now) <= now
        until = holds_until(throttle, now)
        assert until is None or now < until <= now + DAY
        throttle = failed(throttle, now)
