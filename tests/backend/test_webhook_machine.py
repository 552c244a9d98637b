"""The lives of subscriptions and deliveries as reviewed tables, the pauses, and the lanes."""

from collections import Counter
from pathlib import Path
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import given

from fellesskap_backend.webhooks.lanes import FAILING_PLACES, PLACES, PROVEN_MAX, Lanes
from fellesskap_backend.webhooks.machine import (
    DELIVERY,
    DELIVERY_EVENTS,
    ENDED,
    PAUSES_S,
    SUBSCRIPTION,
    SUBSCRIPTION_EVENTS,
    Table,
    event_of,
    pause,
)
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden/webhooks.txt"


def rows(table: Table, events: tuple[str, ...]) -> list[str]:
    """Print every state x event; a refusal is an outcome too."""
    printed = []
    for state, cells in table.items():
        assert set(cells) <= set(events)
        for event in events:
            step = cells.get(event)
            told = (
                "refused" if step is None else " ".join((step.to, *map("+{}".format, step.effects)))
            )
            printed.append(f"{state:<9} {event:<10} -> {told}")
    return printed


def test_every_state_and_event_has_the_outcome_that_was_reviewed() -> None:
    parts = (
        *("A subscription", *rows(SUBSCRIPTION, SUBSCRIPTION_EVENTS)),
        *("", "A delivery", *rows(DELIVERY, DELIVERY_EVENTS)),
    )
    assert_golden(GOLDEN, "\n".join(parts) + "\n")


def test_what_has_ended_ends_no_second_time() -> None:
    for state in ENDED:
        for event in ("accepted", "failed", "exhausted", "gone"):
            assert DELIVERY[state][event].to in ENDED
            assert "next" not in DELIVERY[state][event].effects


def test_pauses_grow_and_take_about_three_days() -> None:
    assert list(PAUSES_S) == sorted(PAUSES_S)
    assert 3 * 86_400 <= sum(PAUSES_S) <= 4 * 86_400


@given(st.integers(1, 40), st.floats(0, 1), st.floats(0, 1))
def test_jitter_makes_no_pause_shorter(attempts: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert pause(attempts, 0) <= pause(attempts, low) <= pause(attempts, high)


@given(st.none() | st.integers(100, 999), st.integers(1, 40))
def test_every_answer_is_an_event_of_the_table(status: int | None, attempts: int) -> None:
    event = event_of(status, attempts)
    assert event in DELIVERY["due"]
    assert (event == "accepted") == (status is not None and 200 <= status < 300)
    assert (event == "exhausted") <= (attempts > len(PAUSES_S))


def many(count: int) -> list[UUID]:
    return [UUID(int=number) for number in range(count)]


def test_a_new_endpoint_has_one_place_and_a_proven_one_several() -> None:
    lanes, one = Lanes(), UUID(int=1)
    assert lanes.room(one) == 1
    lanes.begin(one)
    assert lanes.room(one) == 0
    lanes.end(one, taken=True)
    assert lanes.room(one) == PROVEN_MAX
    lanes.begin(one)
    lanes.end(one, taken=False)
    assert lanes.room(one) == 1


def test_whoever_hangs_takes_no_place_of_those_that_do_not() -> None:
    lanes = Lanes()
    hanging = many(FAILING_PLACES + 50)
    for one in hanging:
        lanes.begin(one)
        lanes.end(one, taken=False)
    for one in hanging:
        if lanes.room(one):
            lanes.begin(one)
    assert sum(map(lanes.under_way, hanging)) == FAILING_PLACES
    good = UUID(int=2**64)
    lanes.begin(good)
    lanes.end(good, taken=True)
    assert lanes.room(good) == PROVEN_MAX


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["begin", "took", "failed"]))))
def test_places_are_counted_right_whatever_happens(acts: list[tuple[int, str]]) -> None:
    lanes = Lanes(places=12, failing_places=6)
    flying: Counter[UUID] = Counter()
    for number, act in acts:
        one = UUID(int=number)
        if act == "begin":
            if lanes.room(one):
                lanes.begin(one)
                flying[one] += 1
        elif flying[one]:
            flying[one] -= 1
            lanes.end(one, taken=act == "took")
        assert lanes.under_way(one) == flying[one]
        assert sum(flying.values()) <= 18
    assert PLACES > FAILING_PLACES
