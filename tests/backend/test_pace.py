"""Rounds that others ask for: at once after quiet, and at most a part of the time under load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.pace import REST_S_MAX, Pace

SECONDS = st.floats(0.0, 3.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_round_rests_for_nothing() -> None:
    assert Pace(4, Clock()).wait_s == 0


def test_a_round_that_fails_is_rested_for_too() -> None:
    clock = Clock()
    pace = Pace(4, clock)

    def fails() -> None:
        with pace.round():
            clock.now += 0.01
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        fails()
    assert round(pace.wait_s, 6) == 0.04


@given(st.integers(1, 20), st.lists(st.tuples(SECONDS, SECONDS), max_size=20))
def test_rounds_take_their_part_and_no_rest_is_long(
    rests: int, rounds: list[tuple[float, float]]
) -> None:
    clock = Clock()
    pace = Pace(rests, clock)
    for took, quiet in rounds:
        with pace.round():
            clock.now += took
        rest = pace.wait_s
        assert rest <= REST_S_MAX + 1e-9
        assert rest >= min(REST_S_MAX, rests * took) - 1e-9
        clock.now += quiet
        assert quiet <= rest or pace.wait_s == 0
        clock.now += pace.wait_s
