"""One door operation: at most three pulses in 30 s, none after it was seen open or after a restart.

`golden/door.txt` shows every state with every event. Review it line by line when it changes.
"""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fellesskap_edge.door import (
    AUTHORISATION_S,
    BLIND_S,
    DWELL_S,
    IN_OPERATION,
    LEFT_OPEN_S,
    OPEN_WAIT_S,
    PULSES_MAX,
    STANDS_OPEN,
    TRANSITIONS,
    Door,
    Event,
    Reading,
    Report,
    State,
    answered,
    authorise,
    fire,
    read,
    resumed,
    step,
    tick,
)
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "door.txt"
NOW = 100.0
READINGS: tuple[Reading, ...] = ("shut", "open", "unknown")
READ_IN: dict[State, Reading] = {
    State.UNKNOWN: "unknown",
    State.STRAY: "open",
    State.BLIND: "unknown",
    State.OPEN: "open",
    State.LEFT_OPEN: "open",
    State.RESUMED: "unknown",
}
"""What the sensor last said in a state; shut in all others."""
READ_BY: dict[Event, Reading] = {
    Event.SEEN_OPEN: "open",
    Event.SEEN_SHUT: "shut",
    Event.SIGHT_LOST: "unknown",
}


def door_in(state: State) -> Door:
    """A door as it stands in a state, 5 s after it was authorised if it was."""
    busy = state in IN_OPERATION
    pulsed = busy and state not in (State.QUEUED, State.RESUMED)
    return Door(
        state,
        READ_IN.get(state, "shut"),
        authorisation_id="a" if busy else None,
        authorised_at=NOW - 5 if busy else 0.0,
        pulses=1 if pulsed else 0,
        last_pulse_at=NOW - 4 if pulsed else float("-inf"),
        opened_at=NOW - 3 if state in (State.OPEN, State.LEFT_OPEN) else None,
        wake_at=NOW - 1 + DWELL_S.get(state, float("inf")),
    )


def cell(state: State, event: Event) -> str:
    before = door_in(state)
    if event in READ_BY:
        before = replace(before, reading=READ_BY[event])
    if event is Event.AUTHORISED:
        after, reports = authorise(before, "a", NOW)
    else:
        after, reports = step(before, event, NOW)
    if after == before and not reports:
        return "-"
    wakes = "" if after.wake_at in (before.wake_at, float("inf")) else f" @{after.wake_at - NOW:+g}"
    return f"{after.state}{wakes}  {' '.join(reports)}".rstrip()


def test_every_state_with_every_event_is_as_reviewed() -> None:
    lines = ["state + event -> state @seconds to its deadline, reports; `-`: nothing changes", ""]
    for state in State:
        lines += [f"{state:10} + {event:18} -> {cell(state, event)}" for event in Event]
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))


def test_the_table_names_every_state_and_sends_to_known_ones() -> None:
    assert set(TRANSITIONS) == set(State)
    for row in TRANSITIONS.values():
        for state, reports in row.values():
            assert ("ask_pulse" in reports) == (state is State.QUEUED and reports != ("refused",))


def shut_door() -> Door:
    return read(Door(), "shut", 0.0)[0]


def test_a_door_that_opens_and_shuts_is_one_operation() -> None:
    door, reports = authorise(shut_door(), "a", 1.0)
    assert reports == ("ask_pulse",)
    door, _ = fire(door, 1.5)
    door, reports = read(door, "open", 2.0)
    assert (door.state, reports, door.opened_at) == (State.OPEN, ("opened",), 2.0)
    door, reports = read(door, "shut", 5.0)
    assert (door.state, reports, door.wake_at) == (State.SHUT, ("closed",), float("inf"))


def test_three_pulses_and_then_it_is_jammed() -> None:
    door, reports = authorise(shut_door(), "a", 0.0)
    said: list[Report] = [*reports]
    for _ in range(PULSES_MAX):
        door, _ = fire(door, door.last_pulse_at + OPEN_WAIT_S if door.pulses else 0.0)
        door, reports = tick(door, door.wake_at)
        said += reports
    assert said == ["ask_pulse", *["not_opened", "ask_pulse"] * 2, "jammed"]
    assert door.state is State.SHUT


def test_a_tick_before_the_deadline_does_nothing() -> None:
    door = fire(authorise(shut_door(), "a", 0.0)[0], 0.5)[0]
    assert tick(door, 0.5 + OPEN_WAIT_S - 0.001) == (door, ())


def test_a_sensor_that_reads_open_before_the_pulse_is_no_sensor() -> None:
    door, reports = read(Door(), "open", 0.0)
    assert reports == ("opened_unasked",)
    door, _ = authorise(door, "a", 1.0)
    door, _ = fire(door, 1.5)
    assert door.state is State.BLIND
    door, reports = read(door, "shut", 3.0)
    assert reports == ()
    door, reports = tick(door, 1.5 + BLIND_S)
    assert (door.state, reports) == (State.SHUT, ("unverified",))


def test_an_opening_before_the_first_pulse_is_not_by_this_operation() -> None:
    door, _ = authorise(shut_door(), "a", 0.0)
    door, reports = read(door, "open", 0.1)
    assert (door.state, reports) == (State.QUEUED, ())


def test_an_opening_between_two_pulses_ends_the_pulses() -> None:
    door, _ = fire(authorise(shut_door(), "a", 0.0)[0], 0.0)
    door, reports = tick(door, OPEN_WAIT_S)
    assert reports == ("not_opened", "ask_pulse")
    door, reports = read(door, "open", OPEN_WAIT_S + 0.1)
    assert (door.state, reports) == (State.OPEN, ("opened",))


def test_a_door_that_stays_open_is_told_once_then_reminded_of_and_still_closes() -> None:
    door, _ = fire(authorise(shut_door(), "a", 0.0)[0], 0.0)
    door, _ = read(door, "open", 1.0)
    door, reports = tick(door, 1.0 + LEFT_OPEN_S)
    assert reports == ("left_open",)
    reminded: list[float] = []
    while door.wake_at < 10_000.0:
        reminded.append(door.wake_at - 1.0)
        door, reports = tick(door, door.wake_at)
        assert reports == ("still_open",)
    assert reminded == [240.0, 480.0, 960.0, 1920.0, 3840.0, 7680.0]
    assert read(door, "shut", 10_001.0)[1] == ("closed",)


def test_an_opening_without_an_operation_is_forced() -> None:
    assert read(shut_door(), "open", 1.0)[1] == ("forced",)


def test_an_unanswered_pulse_is_judged_by_the_sensor() -> None:
    door, _ = fire(authorise(shut_door(), "a", 0.0)[0], 0.0)
    door, reports = step(door, Event.PULSE_LOST, 0.75)
    assert (door.state, reports) == (State.UNHEARD, ())
    assert read(door, "open", 1.0)[1] == ("opened",)
    assert tick(door, door.wake_at)[1] == ("not_opened", "ask_pulse")


def test_an_unanswered_pulse_of_a_board_that_then_fell_silent_proves_no_act() -> None:
    door, _ = fire(authorise(shut_door(), "a", 0.0)[0], 0.0)
    door, _ = step(door, Event.PULSE_LOST, 0.75)
    door, reports = read(door, "unknown", 1.5)
    assert (door.state, reports) == (State.UNKNOWN, ("not_opened",))


def test_an_operation_of_before_a_restart_is_watched_and_not_pulsed() -> None:
    assert read(resumed("a", 0.0), "open", 1.0)[1] == ("opened",)
    assert read(resumed("a", 0.0), "shut", 1.0)[1] == ("interrupted",)
    assert authorise(resumed("a", 0.0), "b", 1.0)[1] == ("refused",)


def test_an_operation_of_before_a_restart_waits_for_its_board_and_not_for_a_contact() -> None:
    silent = resumed("a", 0.0)
    assert tick(silent, 1e6)[1] == ()
    blind = answered(silent, 5.0)
    assert answered(blind, 6.0) == blind
    assert tick(blind, 5.0 + BLIND_S - 0.1)[1] == ()
    door, reports = tick(blind, 5.0 + BLIND_S)
    assert (door.state, reports) == (State.UNKNOWN, ("interrupted",))


@given(st.floats(0.0, 100.0))
def test_a_pulse_that_waits_for_its_supply_is_over_with_its_authorisation(waits_s: float) -> None:
    door, _ = fire(authorise(shut_door(), "a", 0.0)[0], 10.0)
    door, _ = tick(door, 10.0 + OPEN_WAIT_S)
    assert door.state is State.QUEUED
    door, _ = tick(door, 10.0 + OPEN_WAIT_S + waits_s)
    assert (door.state is State.QUEUED) == (10.0 + OPEN_WAIT_S + waits_s < AUTHORISATION_S)


class Operations(RuleBasedStateMachine):
    """Whatever happens in whatever order: the limits of an authorisation hold."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.door = shut_door()
        self.authorised = 0
        self.fired: list[float] = []
        self.began = 0.0
        self.opened = False
        self.restarted = False

    def take(self, outcome: tuple[Door, tuple[Report, ...]]) -> None:
        self.door, reports = outcome
        self.opened |= "opened" in reports
        if "ask_pulse" in reports:
            assert not self.opened
            assert not self.restarted

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, OPEN_WAIT_S, BLIND_S, AUTHORISATION_S, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now = min(self.now + seconds, max(self.now, self.door.wake_at))
        self.take(tick(self.door, self.now))

    @rule(reading=st.sampled_from([*READINGS, "shut", "open"]))
    def sensed(self, reading: Reading) -> None:
        self.take(read(self.door, reading, self.now))

    @rule(event=st.sampled_from([Event.PULSE_LOST, Event.NEXT_ACT]))
    def other(self, event: Event) -> None:
        self.take(step(self.door, event, self.now))

    @rule()
    def present(self) -> None:
        if self.door.state not in IN_OPERATION:
            self.authorised += 1
            self.fired, self.opened, self.restarted = [], False, False
            self.began = self.now
        self.take(authorise(self.door, str(self.authorised), self.now))

    @precondition(lambda self: self.door.state is State.QUEUED)
    @rule()
    def supply_is_free(self) -> None:
        self.take(fire(self.door, self.now))
        self.fired.append(self.now)

    @precondition(lambda self: self.door.state is State.QUEUED)
    @rule(reading=st.sampled_from(READINGS))
    def pulse_that_moves_nothing_in_its_time(self, reading: Reading) -> None:
        self.supply_is_free()
        self.wait(OPEN_WAIT_S)
        self.sensed(reading)

    @precondition(lambda self: self.door.state in IN_OPERATION)
    @rule()
    def restart(self) -> None:
        self.door = resumed(str(self.authorised), self.now)
        self.restarted = True

    @invariant()
    def limits_hold(self) -> None:
        assert len(self.fired) <= 3
        assert all(at <= self.began + 30 for at in self.fired)
        assert not (self.restarted and self.door.state is State.QUEUED)
        assert not (self.opened and self.door.state is State.QUEUED)
        if self.door.state in STANDS_OPEN:
            assert self.door.reading == "open"
        if self.door.state is not State.QUEUED and self.door.state in DWELL_S:
            wait_s = DWELL_S[self.door.state]
            if self.door.state is State.LEFT_OPEN:  # people are reminded ever more seldom
                wait_s = max(wait_s, self.now - (self.door.opened_at or self.now))
            assert self.door.wake_at <= self.now + wait_s


Operations.TestCase.settings = settings(
    stateful_step_count=40, max_examples=6 * settings().max_examples
)
TestOperations = Operations.TestCase
