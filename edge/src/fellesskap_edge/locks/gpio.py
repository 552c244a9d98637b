"""One bank of locks and door switches on the pins of the computer itself. Pure.

Quality: from gpiozero's source and mock pins; no pin of ours has moved a lock yet. Nothing outside
ends a pulse, so it is two effects with a deadline between, and the off waits for nothing: whatever
event comes first after the deadline, the coil goes off before it is taken in. Switches bounce, and
mock pins ignore gpiozero's `bounce_time`: levels are sampled and settled here. `lines` gives this
machine its events; `pins` reads and writes what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from fellesskap_edge.bus import (
    UNLOCK_WAIT_S_MAX,
    Acknowledged,
    Contact,
    Sensed,
    Tick,
    Unacknowledged,
    Unlock,
    Watch,
)
from fellesskap_edge.door import Reading

QUALITY = "from documents"
PULSE_S_MAX = 1.0
"""No coil is on for longer, whatever the configuration says: longer burns it."""
REST_S = 0.5
"""Between two coils of one supply."""
SAMPLE_S = 0.010
SAMPLES = 3
"""So many equal samples in a row count: 20 ms, longer than a contact bounces."""
SHUT_S = 0.300
"""A door that was open is shut when its switch said so for this long: a slammed one rebounds."""
SAMPLE_WATCHED_S = 0.150
SAMPLE_IDLE_S = 5.0
CALM_S = 1.0
RESTLESS_S = 5.0
"""A switch that changes for longer, never calm for 1 s, is loose: it says nothing."""
ROUNDING_S = 1e-6


class Phase(StrEnum):
    """What the coils of the bank are doing."""

    DOWN = "down"
    """The pins are not ours, or not yet."""
    READY = "ready"
    PULSING = "pulsing"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class PinLevels:
    """What the door pins of a bank read (true is high), by channel; empty if it has none."""

    bank: str
    levels: Mapping[int, bool]


@dataclass(frozen=True, slots=True)
class PinEdge:
    """Some door pin of a bank has changed."""

    bank: str


@dataclass(frozen=True, slots=True)
class PinsFailed:
    """The pins of a bank cannot be had, read or written."""

    bank: str


Event = PinLevels | PinEdge | PinsFailed | Unlock | Watch | Tick
EVENTS: tuple[type[Event], ...] = (PinLevels, PinEdge, PinsFailed, Unlock, Watch, Tick)


@dataclass(frozen=True, slots=True)
class SetPin:
    """Switch a coil on or off; which level that is, the wiring says."""

    bank: str
    channel: int
    on: bool


@dataclass(frozen=True, slots=True)
class ReadPins:
    """Read all door pins of a bank; `PinLevels` or `PinsFailed` answers."""

    bank: str


Effect = SetPin | ReadPins | Sensed | Acknowledged | Unacknowledged | Contact
Step = tuple["Pins", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class Switch:
    """One door's switch: the reading that counts, and the run of equal samples in hand."""

    door: Reading = "unknown"
    sample: Reading = "unknown"
    samples: int = 0
    since: float = float("-inf")
    """When the run began."""
    uneasy_since: float = float("-inf")
    """When it began to change without ever being calm between."""

    @property
    def bounces(self) -> bool:
        """Whether the last sample does not count yet."""
        return self.sample != self.door and not self.restless

    @property
    def restless(self) -> bool:
        """Whether it has been changing for too long to be believed."""
        return self.since - self.uneasy_since > RESTLESS_S


@dataclass(frozen=True, slots=True)
class Pins:
    """The state of one bank; its channels are 1 to `locks`."""

    bank: str
    locks: int
    pulse_s: float = 0.3
    closed_level: Literal[0, 1] = 0
    """What a shut door's pin reads."""
    retry_pulse_s: float = 0.3
    phase: Phase = Phase.DOWN
    asked: Unlock | None = None
    """The unlock whose coil is on."""
    until: float = 0.0
    """When the coil goes off, or the rest is over."""
    unlocks: tuple[tuple[Unlock, float], ...] = ()
    """What waits for the supply, and since when."""
    fast: bool = False
    idle_s: float = SAMPLE_IDLE_S
    """How often the pins are read while none of their doors is in use."""
    sample_at: float = float("-inf")
    sampled_at: float = float("-inf")
    answers: int = 0
    """Samples since the pins are ours, up to `SAMPLES`: with that many the bank answers."""
    answering: bool | None = None
    switches: Mapping[int, Switch] = field(default_factory=dict)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        coil = self.phase in (Phase.PULSING, Phase.RESTING)
        return min(self.until, self.sample_at) if coil else self.sample_at

    @property
    def off_at(self) -> float:
        """When a coil must go off, before anything else is done."""
        return self.until if self.phase is Phase.PULSING else float("inf")

    @property
    def _period_s(self) -> float:
        switches = self.switches.values()
        if self.answers < SAMPLES or any(one.bounces for one in switches):
            return SAMPLE_S
        if self.fast or any(one.restless for one in switches):
            return SAMPLE_WATCHED_S
        return self.idle_s


def step(pins: Pins, event: Event, now: float) -> Step:
    """Return the next state of the bank and what to do, in order; `now` in monotonic seconds."""
    pins, effects = _coil(pins, now)
    match event:
        case PinLevels(_, levels):
            pins, more = _sampled(pins, levels, now)
        case PinEdge():
            pins, more = _edge(pins, now), ()
        case PinsFailed():
            pins, more = _failed(pins, now)
        case Unlock():
            pins, more = _asked(pins, event, now)
        case Watch(_, fast):
            pins, more = _watched(pins, now, fast=fast), ()
        case Tick():
            pins, more = _ask(pins, now)
    pins, fired = _fire(pins, now)
    return pins, (*effects, *more, *fired)


def _coil(pins: Pins, now: float) -> Step:
    """Switch the coil off, or end the rest, if it is time."""
    if now < pins.until or pins.phase not in (Phase.PULSING, Phase.RESTING):
        return pins, ()
    if pins.asked is None:
        return replace(pins, phase=Phase.READY), ()
    off = SetPin(pins.bank, pins.asked.channel, on=False)
    done = Acknowledged(pins.asked.ticket)
    # Counted from now, not from the deadline: a late off is followed by a whole rest.
    return replace(pins, phase=Phase.RESTING, asked=None, until=now + REST_S), (off, done)


def _asked(pins: Pins, unlock: Unlock, now: float) -> Step:
    if not 1 <= unlock.channel <= pins.locks:
        raise ValueError(f"bank {pins.bank!r} has no channel {unlock.channel}")
    if pins.phase is Phase.DOWN:
        return pins, (Unacknowledged(unlock.ticket),)
    return replace(pins, unlocks=(*pins.unlocks, (unlock, now))), ()


def _fire(pins: Pins, now: float) -> Step:
    """If no coil is on and the supply has rested, switch the next one on."""
    if pins.phase is not Phase.READY or not pins.unlocks:
        return pins, ()
    late = tuple(one for one, since in pins.unlocks if now - since > UNLOCK_WAIT_S_MAX)
    kept = tuple(one for one in pins.unlocks if one[0] not in late)
    given_up = tuple(Unacknowledged(one.ticket) for one in late)
    if not kept:
        return replace(pins, unlocks=()), given_up
    unlock = kept[0][0]
    pulse_s = pins.retry_pulse_s if unlock.again else pins.pulse_s
    until = now + min(pulse_s, PULSE_S_MAX)
    pins = replace(pins, phase=Phase.PULSING, asked=unlock, until=until, unlocks=kept[1:])
    return pins, (*given_up, SetPin(pins.bank, unlock.channel, on=True))


def _ask(pins: Pins, now: float) -> Step:
    """Let the pins be read, if it is time."""
    if now < pins.sample_at:
        return pins, ()
    period_s = SAMPLE_IDLE_S if pins.phase is Phase.DOWN else pins._period_s
    return replace(pins, sample_at=now + period_s), (ReadPins(pins.bank),)


def _edge(pins: Pins, now: float) -> Pins:
    """A change is looked at soon, but not sooner than samples are apart; a loose wire never."""
    if pins.phase is Phase.DOWN or any(one.restless for one in pins.switches.values()):
        return pins
    soon = max(now, pins.sampled_at + SAMPLE_S)
    return replace(pins, sample_at=min(pins.sample_at, soon))


def _watched(pins: Pins, now: float, *, fast: bool) -> Pins:
    if not fast or pins.phase is Phase.DOWN:
        return replace(pins, fast=fast)
    return replace(pins, fast=fast, sample_at=min(pins.sample_at, now + SAMPLE_WATCHED_S))


def _sampled(pins: Pins, levels: Mapping[int, bool], now: float) -> Step:
    """Take a sample in; what has settled differently than before is said."""
    if pins.phase is Phase.DOWN:
        # Ours again: whoever had the pins before may have had a coil on a moment ago.
        pins = replace(pins, phase=Phase.RESTING, until=now + REST_S)
    before = pins.switches
    switches = {
        channel: _settled(before.get(channel, Switch()), _reading(pins, level), now)
        for channel, level in levels.items()
    }
    changed = {
        channel: one.door
        for channel, one in switches.items()
        if one.door != before.get(channel, Switch()).door
    }
    effects: list[Effect] = []
    answers = min(pins.answers + 1, SAMPLES)
    answering = answers == SAMPLES or pins.answering
    if answering and not pins.answering:
        effects.append(Contact(pins.bank, answering=True))
    if changed:
        effects.append(Sensed(pins.bank, changed))
    pins = replace(pins, answers=answers, answering=answering, switches=switches)
    return replace(pins, sampled_at=now, sample_at=now + pins._period_s), tuple(effects)


def _reading(pins: Pins, level: bool) -> Reading:
    return "shut" if level == bool(pins.closed_level) else "open"


def _settled(switch: Switch, sample: Reading, now: float) -> Switch:
    """Count one more sample of a switch."""
    if sample != switch.sample:
        uneasy_since = now if now - switch.since >= CALM_S else switch.uneasy_since
        switch = replace(switch, sample=sample, samples=0, since=now, uneasy_since=uneasy_since)
    switch = replace(switch, samples=switch.samples + 1)
    if switch.restless:
        if now - switch.since < CALM_S:
            return replace(switch, door="unknown")
        switch = replace(switch, uneasy_since=switch.since)
    shuts = sample == "shut" and switch.door == "open"
    settles_s = SHUT_S if shuts else SAMPLE_S * (SAMPLES - 1)
    if switch.samples < SAMPLES or now - switch.since < settles_s - ROUNDING_S:
        return switch
    return replace(switch, door=sample)


def _failed(pins: Pins, now: float) -> Step:
    """Give everything back; a coil that was on is told to go off, whether it hears it or not."""
    effects: list[Effect] = []
    if pins.asked is not None:
        effects.append(SetPin(pins.bank, pins.asked.channel, on=False))
        effects.append(Unacknowledged(pins.asked.ticket))
    effects += [Unacknowledged(unlock.ticket) for unlock, _ in pins.unlocks]
    if pins.answering is not False:
        effects.append(Contact(pins.bank, answering=False))
    known = [channel for channel, one in pins.switches.items() if one.door != "unknown"]
    unknown: dict[int, Reading] = dict.fromkeys(known, "unknown")
    if unknown:
        effects.append(Sensed(pins.bank, unknown))
    pins = replace(pins, phase=Phase.DOWN, asked=None, unlocks=(), answers=0, answering=False)
    return replace(pins, switches={}, sample_at=now + SAMPLE_IDLE_S), tuple(effects)
