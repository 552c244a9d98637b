"""Fifteen minutes of temperature: nothing is left out, nothing counted twice, no fault counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.climate import HOLD_S, SILENT_S, Read, Tick
from fellesskap_edge.state import Record
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from fellesskap_protocol.events import Fault
from tests.edge.little_climate import COLD, GOOD, START, Watch

Move = tuple[str, float, float]
CELSIUS = st.integers(-10 * 16, 20 * 16).map(lambda sixteenths: sixteenths / 16)
SECONDS = st.integers(1, 400).map(float)
HEARS = st.tuples(st.just("hears"), SECONDS, CELSIUS)
BADS = st.tuples(st.just("bad"), SECONDS, st.just(0.0))
SETS = st.tuples(st.just("sets"), st.just(0.0), st.integers(-90_000, 90_000).map(float))
STEADY = st.tuples(st.just("hears"), st.just(30.0), CELSIUS)


def play(moves: list[Move], *, ticks: bool) -> tuple[Watch, list[tuple[float, float]]]:
    """Let a probe live; return what was heard when. In the end it falls silent."""
    watch, heard = Watch(), []
    for what, seconds, value in moves:
        watch.wait(seconds, ticks=ticks)
        if what == "hears":
            watch.give(Read(COLD, w1_slave(scratchpad(value))))
            heard.append((watch.mono_s, value))
        elif what == "bad":
            watch.give(Read(COLD, GOOD.replace("YES", "NO")))
        else:
            watch.offset += timedelta(seconds=value)
    watch.wait(SILENT_S)
    return watch, heard


@given(st.lists(st.one_of(STEADY, STEADY, STEADY, HEARS, BADS, SETS), max_size=120), st.booleans())
def test_figures_cover_all_time_that_was_heard_and_no_other(moves: list[Move], ticks: bool) -> None:
    watch, heard = play(moves, ticks=ticks)
    watch.give(Tick())
    covered_s, degree_s = 0.0, 0.0
    for (at, c), (then, _) in zip(heard, [*heard[1:], (float("inf"), 0.0)], strict=False):
        holds_s = then - at if then - at < SILENT_S else HOLD_S
        covered_s, degree_s = covered_s + holds_s, degree_s + c * holds_s
    lengths = [(one.to - one.from_).total_seconds() for one in watch.figures]
    assert sum(lengths) == pytest.approx(covered_s)
    means = [one.mean_c * s for one, s in zip(watch.figures, lengths, strict=True)]
    assert sum(means) == pytest.approx(degree_s, abs=0.006 * covered_s + 0.001)
    said = {round(c, 2) for _, c in heard}
    for one, length_s in zip(watch.figures, lengths, strict=True):
        assert 0 < length_s <= 900
        assert one.min_c <= one.mean_c <= one.max_c
        assert {one.min_c, one.max_c} <= said


@given(st.lists(st.one_of(STEADY, STEADY, HEARS, BADS), max_size=120))
def test_figures_follow_each_other_without_gap_or_overlap_but_for_faults(moves: list[Move]) -> None:
    watch, _ = play(moves, ticks=True)
    pauses: list[tuple[datetime, datetime]] = []
    for effect in watch.effects:
        if isinstance(effect, Record) and isinstance(fault := effect.event, Fault):
            if fault.what != "ok":
                pauses.append((fault.since, datetime.max.replace(tzinfo=UTC)))
            else:
                pauses[-1] = (pauses[-1][0], fault.since)
    for one, following in zip(watch.figures, watch.figures[1:], strict=False):
        assert one.to == following.from_ or (one.to, following.from_) in pauses
        assert one.to.timestamp() % 900 == 0 or one.to in {since for since, _ in pauses}


@given(st.lists(st.one_of(STEADY, HEARS, BADS), max_size=120))
def test_what_is_said_does_not_depend_on_how_often_it_ticks(moves: list[Move]) -> None:
    often, seldom = play(moves, ticks=True)[0], play(moves, ticks=False)[0]
    for one in (often, seldom):
        one.give(Tick())
    assert often.effects == seldom.effects
    assert often.climate == seldom.climate


def test_a_clock_that_is_set_ends_a_figure_and_the_next_begins_by_the_new_clock() -> None:
    watch = Watch().hold(4.0, 300)
    watch.offset -= timedelta(hours=2)
    watch.hold(4.0, 900).silence(SILENT_S)
    first, second, *_ = watch.figures
    assert first.from_ == START + timedelta(seconds=30)
    assert (first.to - first.from_).total_seconds() == 300
    assert second.from_ == first.to - timedelta(hours=2)
    assert second.to == START - timedelta(hours=2) + timedelta(minutes=15)
