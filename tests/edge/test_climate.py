"""Temperatures: when a probe is a fault, when somebody is warned or told; and after a restart."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge.climate import HOLD_S, SILENT_S, Effect, Event, Read, Tick
from fellesskap_edge.state import Keep, Record, TemperatureJudged
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from fellesskap_protocol.events import Fault, Temperature
from tests.edge.little_climate import BAD, COLD, GOOD, START, Watch
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "climate.txt"

# Faults of the probe -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", BAD)
def test_bad_readings_are_a_fault_after_two_minutes_and_in_no_figure(what: str) -> None:
    watch = Watch().hold(4.0, 600)
    for _ in range(20):
        watch.wait(30)
        watch.give(Read(COLD, BAD[what]))
    assert watch.faults == [what]
    assert [(one.min_c, one.max_c) for one in watch.figures] == [(4.0, 4.0)]
    assert watch.figures[0].to == START + timedelta(seconds=600 + HOLD_S)
    assert watch.climate.shown_c == {}
    assert watch.climate.faults == [f"probe {COLD}: {what}"]
    watch.hear(4.0)
    assert watch.faults == [what, "ok"]
    assert watch.climate.faults == []
    assert watch.climate.shown_c == {1: 4.0}


def test_one_bad_reading_is_no_fault() -> None:
    watch = Watch().hold(4.0, 60)
    for _ in range(3):
        watch.wait(25)
        watch.give(Read(COLD, BAD["bad checksum"]))
    watch.hear(4.5)
    assert watch.faults == []


def test_a_probe_that_nobody_reads_is_silent() -> None:
    assert Watch().silence(SILENT_S).faults == ["silent"]


# Limits ------------------------------------------------------------------------------------------


def test_an_open_door_is_no_alarm_and_no_warning() -> None:
    watch = Watch().hold(3.5, 1200).hear(8.0, 11.0, 9.0, 7.0, 5.5, 5.2, 4.9, 4.6, 4.2)
    assert watch.hold(3.8, 900).standings == ["good"]


def test_a_slow_rise_is_warned_of_before_the_limit_and_alarms_after_it() -> None:
    watch = Watch().hold(3.0, 900)
    rising = [3.0 + 0.05 * minute for minute in range(90) for _ in range(2)]
    warned = next(c for c in rising if "near" in watch.hear(c).standings)
    assert 4.5 < warned < 6.0
    watch.hear(*rising[rising.index(warned) :])
    assert watch.standings == ["good", "near", "outside"]
    crossed, alarmed = watch.judged[-1].since, watch.now.wall
    assert watch.judged[-1].what == "above 6.0 C"
    assert alarmed - crossed > timedelta(minutes=15)
    assert watch.climate.faults == ["temperature 1: outside its limits"]


def test_too_cold_is_told_as_well() -> None:
    watch = Watch().hold(-1.0, 1200)
    assert watch.judged[-1].what == "below 0.0 C"


def test_it_is_within_its_limits_again_only_well_inside() -> None:
    watch = Watch().hold(7.0, 1000)
    assert watch.standings[-1] == "outside"
    watch.hear(5.8, 5.6, 5.7, 6.1)
    assert watch.standings[-1] == "outside"
    watch.hear(5.0)
    assert watch.hear(4.9).standings[-1] == "good"


def test_a_temperature_around_the_limit_alarms_too() -> None:
    watch = Watch().hear(*[5.9, 6.1] * 20)
    assert watch.standings[-1] == "outside"


def test_a_long_silence_is_not_known_and_a_short_one_is_lifted_when_it_is_still_cold() -> None:
    watch = Watch().hold(4.0, 900).silence(1000)
    assert watch.standings == ["good", "unknown"]
    assert watch.judged[-1].since == START + timedelta(seconds=900)
    watch.hear(4.2)
    assert watch.standings == ["good", "unknown", "good"]
    assert watch.judged[-1].lifts
    watch.silence(3 * 3600).hear(4.2)
    assert watch.standings[-2:] == ["unknown", "good"]
    assert not watch.judged[-1].lifts


def test_what_is_warm_after_a_silence_counts_as_warm_since_before() -> None:
    watch = Watch().hold(4.0, 900).silence(800).hear(7.0)
    assert watch.standings == ["good"]
    watch.hear(7.0, 7.0, 7.0)
    assert watch.standings == ["good", "outside"]
    assert watch.judged[-1].since == START + timedelta(seconds=900)


def test_what_was_warm_before_a_silence_is_warm_in_it() -> None:
    watch = Watch().hold(4.0, 600).hold(8.0, 600).silence(400)
    assert watch.standings == ["good", "near", "outside"]
    assert watch.judged[-1].since == START + timedelta(seconds=630)


# Restarts ----------------------------------------------------------------------------------------


def test_a_quick_restart_says_nothing_but_that_it_is_well() -> None:
    watch = Watch().hold(4.0, 1500)
    watch.restart(off_s=20)
    assert watch.hear(4.0).standings == ["good", "good"]
    assert watch.faults == []


@pytest.mark.parametrize(
    ("off_s", "reads_c", "said"),
    [
        (1200, 4.0, ["good"]),
        (1200, 6.5, ["outside"]),
        (3 * 3600, 4.0, ["unknown", "good"]),
        (3 * 3600, 9.0, ["outside"]),
    ],
)
def test_a_power_cut_is_judged_by_what_is_read_after_it(
    off_s: float, reads_c: float, said: list[str]
) -> None:
    watch = Watch().hold(4.0, 1800)
    watch.effects.clear()
    watch.restart(off_s)
    assert watch.hear(reads_c).standings == said
    last_kept = START + timedelta(seconds=1800)
    if said[0] != "good":
        assert watch.judged[0].since == last_kept


def test_a_compartment_that_was_warm_before_a_power_cut_was_warm() -> None:
    watch = Watch().hold(8.0, 900)
    watch.restart(600)
    watch.effects.clear()
    assert watch.hear(4.0).standings == ["outside", "good"]


def test_restarts_do_not_count_anew_how_long_it_has_been_warm() -> None:
    """Five minutes each time; no quarter ends that would have been written down."""
    watch = Watch().hold(8.0, 300)
    for _ in range(2):
        watch.restart(off_s=2)
        watch.hold(8.0, 300)
    assert "outside" not in watch.standings
    watch.hear(8.0)
    assert watch.judged[-1].standing == "outside"
    assert watch.judged[-1].since == START + timedelta(seconds=30)


def test_a_clock_that_went_back_at_a_restart_makes_no_alarm() -> None:
    watch = Watch().hold(4.0, 1800)
    watch.offset -= timedelta(days=3650)
    watch.restart(60)
    assert watch.hear(4.0).standings == ["good", "good"]


# The table ---------------------------------------------------------------------------------------

STATES: dict[str, Callable[[], Watch]] = {
    "begun": Watch,
    "good": lambda: Watch().hold(4.0, 1500),
    "crossed": lambda: Watch().hold(4.0, 1500).hold(7.0, 300),
    "near": lambda: Watch().hold(4.0, 1500).hold(5.5, 600),
    "outside": lambda: Watch().hold(7.0, 1500),
    "silent": lambda: Watch().hold(4.0, 1500).silence(SILENT_S),
    "unknown": lambda: Watch().hold(4.0, 1500).silence(1000),
    "crossed, silent": lambda: Watch().hold(4.0, 1500).hold(7.0, 60).silence(SILENT_S),
    "restarted after 3 h": lambda: restarted(3 * 3600),
}


def restarted(off_s: float) -> Watch:
    watch = Watch().hold(4.0, 1500)
    watch.restart(off_s)
    return watch


EVENTS: dict[str, Event] = {
    "reads 4.0": Read(COLD, w1_slave(scratchpad(4.0))),
    "reads 5.5": Read(COLD, w1_slave(scratchpad(5.5))),
    "reads 7.0": Read(COLD, w1_slave(scratchpad(7.0))),
    "bad checksum": Read(COLD, BAD["bad checksum"]),
    "no such probe": Read("28-none", GOOD),
    "tick": Tick(),
}


def told(effect: Effect) -> str:
    match effect:
        case Record(Temperature() as one):
            figure = f"{one.min_c} {one.mean_c} {one.max_c}"
            return f"figure {one.compartment}: {figure}, {one.from_:%H:%M:%S} to {one.to:%H:%M:%S}"
        case Record(Fault(part=part, what=what, since=since)):
            return f"fault {part}: {what}, since {since:%H:%M:%S}"
        case Keep(kind, key, fact):
            kept = {k: v for k, v in msgspec.to_builtins(fact).items() if v}
            return f"keep {kind}/{key}: {' '.join(f'{k}={v}' for k, v in kept.items())}"
        case TemperatureJudged(number, standing, since, what, lifts):
            lifted = ", lifts" if lifts else ""
            return f"{number} is {standing} since {since:%H:%M:%S}: {what}{lifted}"
    raise AssertionError(effect)


def test_every_event_in_every_state_is_as_reviewed() -> None:
    lines = ["What comes of each event after 30 s and after 20 min; `-`: nothing is said.", ""]
    for name, make in STATES.items():
        standing = make().climate.probes[COLD].standing
        lines += [f"== {name}: {standing or 'nothing said yet'}", ""]
        for later_s in (30, 1200):
            for event_name, event in EVENTS.items():
                watch = make()
                watch.mono_s += later_s
                said = [told(effect) for effect in watch.give(event)] or ["-"]
                lines.append(f"+{later_s:4} s {event_name:13} | {said[0]}")
                lines += [f"{'':21} | {more}" for more in said[1:]]
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))
