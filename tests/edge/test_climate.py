"""Temperatures: what is a reading, what a figure covers, when somebody is warned or told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.chilled import ProbeTable
from fellesskap_edge.climate import (
    ABSURD_C,
    HOLD_S,
    SILENT_S,
    Effect,
    Event,
    Read,
    Tick,
    begin,
    parse,
    step,
)
from fellesskap_edge.clock import Instant
from fellesskap_edge.facts import Fact, FactKind
from fellesskap_edge.state import Keep, Record, TemperatureJudged
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from fellesskap_protocol.events import Fault, Temperature
from tests.edge.little_locker import CONFIG
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "climate.txt"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
COLD, FROZEN = "28-00000a", "28-00000b"
FEATURES = {1: ("chilled",), 2: ("chilled",), 3: ("frozen",)}
CHILLED = msgspec.structs.replace(
    CONFIG,
    compartments=tuple(
        msgspec.structs.replace(one, features=FEATURES.get(one.number, ()))
        for one in CONFIG.compartments
    ),
    probes=(ProbeTable(COLD, (1,)), ProbeTable(FROZEN, (3,))),
)
ONE = msgspec.structs.replace(CHILLED, probes=CHILLED.probes[:1])


class Watch:
    """A climate that is stepped, on a clock that can be set, with the store its effects make."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self.offset = START - timedelta(seconds=1000.0)
        self.facts: dict[tuple[FactKind, str], Fact] = {}
        self.effects: list[Effect] = []
        self.restart()

    @property
    def now(self) -> Instant:
        return Instant(self.mono_s, self.offset + timedelta(seconds=self.mono_s), trusted=True)

    def restart(self, off_s: float = 0.0) -> None:
        self.mono_s += off_s
        self.climate = begin(ONE, self.facts, self.now)

    def give(self, event: Event) -> tuple[Effect, ...]:
        self.climate, effects = step(self.climate, event, self.now)
        for effect in effects:
            if isinstance(effect, Keep):
                self.facts[effect.kind, effect.key] = effect.fact
        self.effects += effects
        return effects

    def wait(self, seconds: float, *, ticks: bool = True) -> None:
        until = self.mono_s + seconds
        while ticks and self.climate.wake_at <= until:
            self.mono_s = max(self.mono_s, self.climate.wake_at)
            self.give(Tick())
        self.mono_s = until

    def hear(self, *temperatures_c: float, every_s: float = 30.0) -> "Watch":
        """Let the probe say these, one after the other."""
        for c in temperatures_c:
            self.wait(every_s)
            self.give(Read(COLD, w1_slave(scratchpad(c))))
        return self

    def hold(self, c: float, seconds: float) -> "Watch":
        return self.hear(*[c] * round(seconds / 30))

    def silence(self, seconds: float) -> "Watch":
        self.wait(seconds)
        return self

    @property
    def figures(self) -> list[Temperature]:
        return [
            effect.event
            for effect in self.effects
            if isinstance(effect, Record) and isinstance(effect.event, Temperature)
        ]

    @property
    def faults(self) -> list[str]:
        return [
            effect.event.what
            for effect in self.effects
            if isinstance(effect, Record) and isinstance(effect.event, Fault)
        ]

    @property
    def judged(self) -> list[TemperatureJudged]:
        return [effect for effect in self.effects if isinstance(effect, TemperatureJudged)]

    @property
    def standings(self) -> list[str]:
        return [one.standing for one in self.judged]


# Readings ----------------------------------------------------------------------------------------

GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
POWER_ON = "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"
BAD = {
    "absent": None,
    "bad checksum": GOOD.replace("YES", "NO"),
    "line held down": "00 " * 9 + ": crc=00 YES\n" + "00 " * 9 + "t=0\n",
    "power-on value": POWER_ON,
    "absurd: 93.0 C": GOOD.replace("23125", "93000"),
    "absurd: -55.0 C": "-55000\n",
    "unreadable": GOOD[:60],
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, 23.125),
        (GOOD.replace("23125", "-18062"), -18.062),
        ("3937\n", 3.937),
        ("-250", -0.25),
        ("85000\n", "power-on value"),
        ("", "unreadable"),
        ("12", 0.012),
        ("t=4000\n", "unreadable"),
        (GOOD + GOOD, "unreadable"),
        (GOOD.replace("t=", "t= "), "unreadable"),
        ("٤٠٠٠\n", "unreadable"),
        *((text, what) for what, text in BAD.items()),
    ],
)
def test_reading_is_a_temperature_or_says_why_it_is_none(
    text: str | None, said: float | str
) -> None:
    assert parse(text) == said


@given(st.integers(-55 * 16, 125 * 16))
def test_every_temperature_of_the_chip_is_read_as_it_is_or_refused(sixteenths: int) -> None:
    said = parse(w1_slave(scratchpad(sixteenths / 16)))
    lowest, highest = ABSURD_C
    # 0.0 is no line that is held down: the other bytes of the chip are not zero.
    if lowest <= sixteenths / 16 <= highest:
        assert said == pytest.approx(sixteenths / 16, abs=0.001)
    else:
        assert isinstance(said, str)


@given(
    st.one_of(
        st.text(),
        st.tuples(st.sampled_from((GOOD, POWER_ON)), st.integers(0, 70), st.characters()).map(
            lambda torn: torn[0][: torn[1]] + torn[2] + torn[0][torn[1] + 1 :]
        ),
    )
)
def test_no_text_makes_an_absurd_temperature(text: str) -> None:
    said = parse(text)
    assert isinstance(said, str) or ABSURD_C[0] <= said <= ABSURD_C[1]


# Figures -----------------------------------------------------------------------------------------

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
