"""A bank on pins: pulses end by themselves and on time, one coil at a time, switches are settled.

`golden/gpio.txt` shows every phase with every event. Review it line by line when it changes.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.door import Reading
from fellesskap_edge.locks import gpio as g
from fellesskap_edge.locks.gpio import Effect, Event, Phase, Pins, Switch
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "gpio.txt"
NOW = 100.0
FIRST, SECOND = b.Unlock("p", 1, "t1"), b.Unlock("p", 2, "t2")
SHUT, OPEN = False, True
"""Levels, where a shut door's pin is low."""


def settled(door: Reading, at: float = NOW - 60) -> Switch:
    return Switch(door, door, samples=9, since=at, uneasy_since=at)


READY = Pins(
    "p",
    locks=2,
    phase=Phase.READY,
    sample_at=NOW + 3,
    sampled_at=NOW - 2,
    answers=g.SAMPLES,
    answering=True,
    switches={1: settled("shut"), 2: settled("shut")},
)
PULSING = replace(READY, phase=Phase.PULSING, asked=FIRST, until=NOW + 0.2)
STATES: dict[str, Pins] = {
    "down": Pins("p", locks=2, sample_at=NOW + 3, answering=False),
    "ready": READY,
    "ready, no door pins": replace(READY, switches={}),
    "ready, watched": replace(READY, fast=True, sample_at=NOW + 0.1),
    "pulsing": PULSING,
    "pulsing, one waits": replace(PULSING, unlocks=((SECOND, NOW - 1),)),
    "resting": replace(READY, phase=Phase.RESTING, until=NOW + 0.4),
    "resting, one waits": replace(
        READY, phase=Phase.RESTING, until=NOW + 0.4, unlocks=((SECOND, NOW - 1),)
    ),
}
EVENTS: dict[str, tuple[Event, float]] = {
    "PinLevels(all shut)": (g.PinLevels("p", {1: SHUT, 2: SHUT}), NOW),
    "PinLevels(1 open)": (g.PinLevels("p", {1: OPEN, 2: SHUT}), NOW),
    "PinLevels(late)": (g.PinLevels("p", {1: SHUT, 2: SHUT}), NOW + 10),
    "PinLevels(none)": (g.PinLevels("p", {}), NOW),
    "PinEdge": (g.PinEdge("p"), NOW),
    "PinsFailed": (g.PinsFailed("p"), NOW),
    "Unlock": (b.Unlock("p", 2, "t3"), NOW),
    "Unlock(late)": (b.Unlock("p", 2, "t3"), NOW + 10),
    "Watch(fast)": (b.Watch("p", fast=True), NOW),
    "Watch(slow)": (b.Watch("p", fast=False), NOW),
    "Tick(early)": (b.Tick(), NOW),
    "Tick(0.5 s on)": (b.Tick(), NOW + 0.5),
    "Tick(due)": (b.Tick(), NOW + 10),
}


def told(effect: Effect) -> str:
    match effect:
        case g.SetPin(_, channel, on):
            return f"SetPin({channel} {'on' if on else 'off'})"
        case g.ReadPins():
            return "ReadPins"
        case b.Sensed(_, doors):
            return f"Sensed({', '.join(f'{n} {door}' for n, door in doors.items())})"
        case b.Acknowledged(ticket) | b.Unacknowledged(ticket):
            return f"{type(effect).__name__}({ticket})"
        case b.Contact(_, answering):
            return f"Contact({'answers' if answering else 'silent'})"
        case b.Write():
            raise AssertionError("there is no line here")


def cell(before: Pins, event: Event, at: float) -> str:
    after, effects = g.step(before, event, at)
    if after == before and not effects:
        return "-"
    waiting = f" ({len(after.unlocks)} waiting)" if after.unlocks else ""
    wakes = f" @{after.wake_at - at:+.3f}"
    return f"{after.phase}{wakes}{waiting}  {' '.join(map(told, effects))}".rstrip()


def test_every_phase_with_every_event_is_as_reviewed() -> None:
    assert {pins.phase for pins in STATES.values()} == set(Phase)
    assert {type(event) for event, _ in EVENTS.values()} == set(g.EVENTS)
    lines = ["state + event -> phase @seconds to its deadline, effects; `-`: nothing changes", ""]
    for state, before in STATES.items():
        for name, (event, at) in EVENTS.items():
            lines.append(f"{state:19} + {name:20} -> {cell(before, event, at)}")
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))


class Bench:
    """A bank that is stepped at every deadline, and pins that read what `levels` says."""

    def __init__(self, pins: Pins = READY, **more: object) -> None:
        self.pins = replace(pins, **more)  # type: ignore[arg-type]  # fields by name
        self.now = NOW
        self.levels: dict[int, bool] = {1: SHUT, 2: SHUT}
        self.said: list[tuple[float, Effect]] = []
        self.reads: list[float] = []

    def give(self, event: Event) -> None:
        self.pins, effects = g.step(self.pins, event, self.now)
        self.said += [(round(self.now - NOW, 6), effect) for effect in effects]
        if any(isinstance(effect, g.ReadPins) for effect in effects):
            self.reads.append(round(self.now - NOW, 6))
            self.give(g.PinLevels("p", self.levels))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.pins.wake_at <= until:
            self.now = max(self.now, self.pins.wake_at)
            self.give(b.Tick())
        self.now = until

    def turn(self, channel: int, level: bool) -> None:
        """Let a switch change, and its edge be noticed."""
        self.levels[channel] = level
        self.give(g.PinEdge("p"))

    def told(self, *kinds: type) -> list[tuple[float, Effect]]:
        return [(at, effect) for at, effect in self.said if isinstance(effect, kinds)]


def on(channel: int) -> g.SetPin:
    return g.SetPin("p", channel, on=True)


def off(channel: int) -> g.SetPin:
    return g.SetPin("p", channel, on=False)


def test_a_pulse_is_two_effects_with_its_length_between() -> None:
    bench = Bench(pulse_s=0.45)
    bench.give(FIRST)
    bench.wait(2)
    assert bench.told(g.SetPin, b.Acknowledged) == [
        (0, on(1)),
        (0.45, off(1)),
        (0.45, b.Acknowledged("t1")),
    ]


def test_the_second_coil_waits_for_pulse_and_rest_of_the_first() -> None:
    bench = Bench(pulse_s=0.3)
    bench.give(FIRST)
    bench.give(SECOND)
    bench.wait(2)
    assert bench.told(g.SetPin) == [(0, on(1)), (0.3, off(1)), (0.8, on(2)), (1.1, off(2))]


@pytest.mark.parametrize(
    "event",
    [b.Tick(), g.PinEdge("p"), SECOND, g.PinLevels("p", {1: OPEN}), g.PinsFailed("p")],
    ids=lambda event: type(event).__name__,
)
def test_a_late_off_comes_before_whatever_is_heard_first(event: Event) -> None:
    bench = Bench()
    bench.give(FIRST)
    bench.now += 7
    bench.give(event)
    assert [effect for _, effect in bench.said][:2] == [on(1), off(1)]
    if event == SECOND:
        bench.wait(g.REST_S - 0.01)
        assert on(2) not in [effect for _, effect in bench.said]


def test_no_coil_is_on_for_more_than_a_second_whatever_is_configured() -> None:
    bench = Bench(pulse_s=60)
    bench.give(FIRST)
    bench.wait(2)
    assert bench.told(g.SetPin) == [(0, on(1)), (1.0, off(1))]


def test_another_try_is_longer_and_capped_too() -> None:
    again = b.Unlock("p", 1, "t1", again=True)
    for retry_s, ends_s in ((0.5, 0.5), (60.0, 1.0)):
        bench = Bench(replace(READY, retry_pulse_s=retry_s))
        bench.give(again)
        bench.wait(3)
        bench.give(FIRST)
        bench.wait(3)
        times = [at for at, _ in bench.told(g.SetPin)]
        assert times == pytest.approx([0, ends_s, 3, 3 + READY.pulse_s])


def test_an_unlock_that_waited_too_long_moves_nothing() -> None:
    bench = Bench(pulse_s=1.0)
    for turn in range(1, 5):
        bench.give(b.Unlock("p", 1 + turn % 2, f"t{turn}"))
    bench.wait(10)
    assert [at for at, effect in bench.told(g.SetPin) if effect in (on(1), on(2))] == [0, 1.5]
    assert [effect for _, effect in bench.told(b.Unacknowledged)] == [
        b.Unacknowledged("t3"),
        b.Unacknowledged("t4"),
    ]


def test_pins_that_are_not_ours_unlock_nothing() -> None:
    bench = Bench(STATES["down"])
    bench.give(FIRST)
    assert bench.said == [(0, b.Unacknowledged("t1"))]


def test_pins_that_are_ours_anew_rest_first_and_pulse_nothing() -> None:
    bench = Bench(Pins("p", locks=2))
    assert bench.pins.wake_at <= NOW
    bench.wait(0.1)
    assert not bench.told(g.SetPin)
    bench.give(FIRST)
    bench.wait(1)
    assert bench.told(g.SetPin) == [(0.5, on(1)), (0.8, off(1))]


def test_pins_that_fail_give_everything_back_and_are_asked_for_again() -> None:
    bench = Bench()
    bench.give(FIRST)
    bench.give(SECOND)
    bench.said.clear()
    bench.give(g.PinsFailed("p"))
    bench.give(g.PinsFailed("p"))
    assert [effect for _, effect in bench.said] == [
        off(1),
        b.Unacknowledged("t1"),
        b.Unacknowledged("t2"),
        b.Contact("p", answering=False),
        b.Sensed("p", {1: "unknown", 2: "unknown"}),
    ]
    bench.said.clear()
    bench.wait(g.SAMPLE_IDLE_S + 0.1)
    assert bench.told(b.Contact, b.Sensed) == [
        (5.02, b.Contact("p", answering=True)),
        (5.02, b.Sensed("p", {1: "shut", 2: "shut"})),
    ]


def test_a_bank_without_door_pins_answers_and_knows_no_door() -> None:
    bench = Bench(Pins("p", locks=2))
    bench.levels = {}
    bench.wait(60)
    assert bench.told(b.Contact, b.Sensed) == [(0.02, b.Contact("p", answering=True))]


@pytest.mark.parametrize("closed_level", [0, 1])
def test_both_polarities_of_a_switch(closed_level: int) -> None:
    bench = Bench(Pins("p", locks=2), closed_level=closed_level)
    bench.levels = {1: True, 2: False}
    bench.wait(0.1)
    high: Reading = "shut" if closed_level else "open"
    low: Reading = "open" if closed_level else "shut"
    assert bench.told(b.Sensed) == [(0.02, b.Sensed("p", {1: high, 2: low}))]


def test_an_opening_counts_at_three_equal_samples() -> None:
    bench = Bench()
    bench.turn(1, OPEN)
    bench.wait(1)
    assert bench.told(b.Sensed) == [(0.02, b.Sensed("p", {1: "open"}))]
    assert bench.reads[:3] == [0, 0.01, 0.02]


def test_two_equal_samples_do_not_count() -> None:
    bench = Bench()
    bench.turn(1, OPEN)
    bench.wait(0.015)
    bench.turn(1, SHUT)
    bench.wait(1)
    assert bench.reads[:3] == [0, 0.01, 0.02]
    assert not bench.told(b.Sensed)


def test_a_door_is_shut_after_300_ms_and_a_rebound_begins_them_anew() -> None:
    bench = Bench(switches={1: settled("open"), 2: settled("shut")})
    bench.levels[1] = OPEN
    bench.turn(1, SHUT)
    bench.wait(0.25)
    bench.turn(1, OPEN)
    bench.wait(0.015)
    bench.turn(1, SHUT)
    bench.wait(1)
    ((at, effect),) = bench.told(b.Sensed)
    assert effect == b.Sensed("p", {1: "shut"})
    assert at == pytest.approx(0.25 + 0.015 + 0.3, abs=0.011)


def test_answers_that_come_at_once_are_one_sample() -> None:
    bench = Bench()
    for _ in range(10):
        bench.give(g.PinLevels("p", {1: OPEN, 2: SHUT}))
    assert not bench.told(b.Sensed)


def test_pins_are_read_often_only_while_something_is_watched_or_bounces() -> None:
    bench = Bench(sample_at=NOW)
    bench.wait(11)
    assert bench.reads == [0, 5, 10]
    bench.reads.clear()
    bench.give(b.Watch("p", fast=True))
    bench.wait(0.5)
    assert bench.reads == [11.15, 11.3, 11.45]
    bench.give(b.Watch("p", fast=False))
    bench.wait(0.2)
    bench.reads.clear()
    bench.wait(4)
    assert bench.reads == []


def test_edges_come_as_fast_as_they_like_and_samples_do_not() -> None:
    bench = Bench()
    for turn in range(1000):
        bench.turn(1, bool(turn % 2))
        bench.wait(0.0001)
    assert len(bench.reads) <= 11


def test_a_loose_wire_says_nothing_and_is_believed_again_once_calm() -> None:
    bench = Bench()
    reads = 0
    for turn in range(1000):
        bench.turn(1, bool(turn % 2))
        bench.wait(0.012 + 0.001 * (turn * 7 % 5))
        reads = len(bench.reads) if turn == 500 else reads
    assert [effect for _, effect in bench.told(b.Sensed)] == [b.Sensed("p", {1: "unknown"})]
    assert len(bench.reads) - reads < 7 / g.SAMPLE_WATCHED_S * 1.1
    bench.turn(1, SHUT)
    bench.wait(3)
    assert bench.told(b.Sensed)[1][1] == b.Sensed("p", {1: "shut"})


def test_a_lock_of_no_channel_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no channel 3"):
        g.step(READY, b.Unlock("p", 3, "t"), NOW)
