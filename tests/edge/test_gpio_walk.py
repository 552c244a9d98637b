"""A bank on pins through late ticks, loose switches and pins that fail, whatever is asked.

A coil is never on beyond its deadline once anything is heard, never together with another, never
without an unlock of the last two seconds; every unlock is answered once; doors are known at last.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fellesskap_edge import bus as b
from fellesskap_edge.door import Reading
from fellesskap_edge.locks import gpio as g

LOCKS = 3
CHANNELS = st.integers(1, LOCKS)
BEGUN = 50.0


class Bank(RuleBasedStateMachine):
    """The walk: pins as they are outside, and what the machine was told of them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGUN
        self.levels: dict[int, bool] = {}
        self.on: dict[int, float] = {}
        self.working = True
        self.asked: dict[str, tuple[int, float]] = {}
        self.pulsed: Counter[int] = Counter()
        self.answers: Counter[str] = Counter()
        self.heard: dict[int, Reading] = {}
        self.off_since = float("-inf")
        self.heard_at = BEGUN

    @initialize(
        pulse_s=st.floats(0.05, 3.0),
        closed_level=st.sampled_from([0, 1]),
        sighted=st.booleans(),
    )
    def begin(self, pulse_s: float, closed_level: int, sighted: bool) -> None:
        self.cap_s = min(pulse_s, g.PULSE_S_MAX)
        self.closed = bool(closed_level)
        self.pins = g.Pins("p", LOCKS, pulse_s, 1 if self.closed else 0)
        self.levels = dict.fromkeys(range(1, LOCKS + 1), self.closed) if sighted else {}
        self.run(0.0)

    def give(self, event: g.Event) -> None:
        due = {channel for channel, at in self.on.items() if at + self.cap_s <= self.now}
        self.heard_at = self.now
        self.pins, effects = g.step(self.pins, event, self.now)
        for place, effect in enumerate(effects):
            if place == 0 and due:
                assert effect == g.SetPin("p", due.pop(), on=False), "the off comes first"
            self.take(effect)

    def take(self, effect: g.Effect) -> None:
        match effect:
            case g.SetPin(_, channel, on=True):
                self.switched_on(channel)
            case g.SetPin(_, channel, on=False):
                assert channel in self.on
                del self.on[channel]
                self.off_since = self.now
            case g.ReadPins() if self.working:
                self.give(g.PinLevels("p", dict(self.levels)))
            case g.ReadPins():
                self.give(g.PinsFailed("p"))
            case b.Sensed(_, doors):
                self.heard |= doors
            case b.Acknowledged(ticket) | b.Unacknowledged(ticket):
                self.answers[ticket] += 1
            case _:
                pass

    def switched_on(self, channel: int) -> None:
        assert self.working or self.pins.phase is not g.Phase.DOWN
        assert not self.on, "one coil at a time"
        assert self.now - self.off_since >= g.REST_S - 1e-6, "the supply rests"
        waited = [self.now - at for one, at in self.asked.values() if one == channel]
        assert any(seconds <= b.UNLOCK_WAIT_S_MAX for seconds in waited), "no pulse unasked"
        self.pulsed[channel] += 1
        self.on[channel] = self.now

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.pins.wake_at <= until:
            self.now = max(self.now, self.pins.wake_at)
            before = self.pins
            self.give(b.Tick())
            assert self.pins != before, "a tick that is due does something"
        self.now = until

    # What can happen -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.1, 0.5, 2.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(seconds)

    @rule(seconds=st.floats(0.001, 8.0))
    def the_machine_is_held_up(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.floats(0.0, 8.0))
    def a_tick_comes_late_or_early(self, seconds: float) -> None:
        self.now += seconds
        before, wake_at = self.pins, self.pins.wake_at
        self.give(b.Tick())
        assert wake_at <= self.now or self.pins == before

    @rule(channels=st.lists(CHANNELS, min_size=1, max_size=5))
    def locks_are_pulsed(self, channels: list[int]) -> None:
        for channel in channels:
            ticket = f"t{len(self.asked)}"
            self.asked[ticket] = (channel, self.now)
            self.give(b.Unlock("p", channel, ticket))

    @rule(channel=CHANNELS, flips=st.lists(st.floats(0.0005, 0.4), max_size=12))
    def a_switch_moves(self, channel: int, flips: list[float]) -> None:
        for pause_s in flips:
            if channel in self.levels:
                self.levels[channel] = not self.levels[channel]
                self.give(g.PinEdge("p"))
            self.run(pause_s)

    @rule(fast=st.booleans())
    def the_bank_is_watched(self, fast: bool) -> None:
        self.give(b.Watch("p", fast=fast))

    @rule(working=st.booleans())
    def the_pins_fail_or_come_back(self, working: bool) -> None:
        self.working = working
        if not working:
            self.give(g.PinsFailed("p"))

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def no_coil_outlasts_its_deadline(self) -> None:
        """By the time that anything was heard last: what nobody told the machine it cannot know."""
        assert all(self.heard_at < at + self.cap_s for at in self.on.values())

    @invariant()
    def nothing_is_answered_twice(self) -> None:
        assert all(times == 1 for times in self.answers.values())

    def teardown(self) -> None:
        if not hasattr(self, "pins"):
            return
        self.working = True
        self.run(2 * g.SAMPLE_IDLE_S + g.CALM_S)
        assert set(self.answers) == set(self.asked)
        assert not self.on
        assert self.pulsed <= Counter(channel for channel, _ in self.asked.values())
        assert self.heard == {
            channel: "shut" if level == self.closed else "open"
            for channel, level in self.levels.items()
        }


Bank.TestCase.settings = settings(stateful_step_count=30)
TestBank = Bank.TestCase
