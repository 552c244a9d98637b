"""One serial line with its lock boards: who may speak when, and what was heard. Pure.

One request in flight; an unlock goes before any waiting poll; silence between frames; a reply that
does not match its request is nothing. A bank is polled every 5 s (or as seldom as `locker.toml`
says), every 150 ms while a door of it is in use or was read shut but once. What adapters echo of
our own is learnt from the polls and cut off: the reply to an unlock may look like its request.
`drive` gives it bytes and ticks and writes what it says; what is known of each bank: `banks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import get_args

from fellesskap_edge import banks as known
from fellesskap_edge.banks import (
    POLL_S,
    POLL_WATCHED_S,
    BankLine,
    Contact,
    Garbled,
    Occupied,
    Sensed,
    Stuck,
    Unready,
    What,
)
from fellesskap_edge.locks.driver import silence_s
from fellesskap_protocol.changed import replace

__all__ = [
    "POLL_S",
    "POLL_WATCHED_S",
    "BankLine",
    "Contact",
    "Garbled",
    "Occupied",
    "Sensed",
    "Stuck",
    "Unready",
]
REPLY_S_MAX = 0.300
"""Boards answer to a poll within 30 ms."""
UNLOCK_REPLY_S_MAX = 0.750
"""Some answer to an unlock only after its pulse of 300 ms; drivers in the field wait as long."""
UNLOCK_WAIT_S_MAX = 2.0
"""What waited longer for the line is not sent any more: no lock moves when nobody expects it."""
SETTLE_S = 0.020
"""What a board that never answers an unlock is left to take it in."""
SILENCE_AFTER_MISS_S = 0.100
NOISE_S_MAX = 0.500
"""A line that is never silent is spoken on all the same, so that its silence is noticed."""
HEARD_BYTES_MAX = 256
BITS_PER_BYTE = 10


class Phase(StrEnum):
    """What the line is doing."""

    DOWN = "down"
    IDLE = "idle"
    SILENT = "silent"
    UNLOCKING = "unlocking"
    POLLING = "polling"
    CHECKING = "checking"
    ORDERING = "ordering"


PHASE_OF: Mapping[What, Phase] = {
    What.STATUS: Phase.POLLING,
    What.COILS: Phase.CHECKING,
    **dict.fromkeys(known.ORDERS, Phase.ORDERING),
}


@dataclass(frozen=True, slots=True)
class PortUp:
    """The port was opened."""


@dataclass(frozen=True, slots=True)
class PortDown:
    """The port went away."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes came in."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Unlock:
    """Pulse one lock, `again` for longer; `ticket` comes back with the answer."""

    bank: str
    channel: int
    ticket: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Poll a bank often, or not any more."""

    bank: str
    fast: bool


@dataclass(frozen=True, slots=True)
class PowerAllowed:
    """A technician is there: a bank whose power was cut may have it back if its relays are off."""

    bank: str


@dataclass(frozen=True, slots=True)
class PowerFailed:
    """The pin that switches a bank's power cannot be had."""

    bank: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = PortUp | PortDown | Received | Unlock | Watch | PowerAllowed | PowerFailed | Tick
EVENTS: tuple[type[Event], ...] = get_args(Event)


@dataclass(frozen=True, slots=True)
class Write:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The board said that it took the unlock; says nothing about the door."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """No answer to the unlock; the pulse may have fired or not."""

    ticket: str


Effect = Write | Acknowledged | Unacknowledged | known.Effect
Step = tuple["Bus", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in flight that is no pulse."""

    bank: str
    what: What


@dataclass(frozen=True)
class Bus:
    """The state of one line."""

    banks: Mapping[str, BankLine]
    baud: int = 9600
    phase: Phase = Phase.DOWN
    asked: Unlock | Ask | None = None
    """The request in flight."""
    sent: bytes = b""
    """Its bytes."""
    until: float = 0.0
    """When the reply is overdue, or the silence is over."""
    silent_since: float = 0.0
    heard: bytes = b""
    echo: bool = False
    """The line brings back what we send."""
    unlocks: tuple[tuple[Unlock, float], ...] = ()
    """What waits for the line, and since when."""
    supply_free_at: Mapping[str, float] = field(default_factory=dict)

    @property
    def wake_at(self) -> float:
        """When a tick would do something; nobody waits for a mere silence to be over."""
        if self.phase is Phase.DOWN:
            return float("inf")
        if self.heard or self.phase not in (Phase.IDLE, Phase.SILENT):
            return self.until
        times = [bank.due[0] for bank in self.banks.values()]
        times += [self.sent_at(unlock, since) for unlock, since in self.unlocks]
        wanted_at = min(times, default=float("inf"))
        return wanted_at if self.phase is Phase.IDLE else max(self.until, wanted_at)

    def free(self, now: float) -> bool:
        """Say whether a request may be sent: any silence is over."""
        over = self.phase is Phase.SILENT and not self.heard and now >= self.until
        return over or self.phase is Phase.IDLE

    def sent_at(self, unlock: Unlock, since: float) -> float:
        """When a waiting unlock may be sent, or is given up."""
        bank = self.banks[unlock.bank]
        free_at = self.supply_free_at.get(bank.supply, float("-inf"))
        return min(free_at if bank.may_fire else float("inf"), since + UNLOCK_WAIT_S_MAX)

    @property
    def answer(self) -> bytes:
        """What was heard since the request, without its echo."""
        if not self.echo:
            return self.heard
        _, echo, rest = self.heard.partition(self.sent)
        return rest if echo or self.sent.startswith(self.heard) else self.heard


def step(bus: Bus, event: Event, now: float) -> Step:
    """Return the next state of the line and what to do, in order; `now` in monotonic seconds."""
    match event:
        case PortUp():
            return _port_up(bus, now)
        case PortDown():
            return _port_down(bus)
        case Received(data):
            return _received(bus, data, now)
        case Unlock():
            if event.bank not in bus.banks:
                raise ValueError(f"no bank {event.bank!r} on this line")
            if bus.phase is Phase.DOWN:
                return bus, (Unacknowledged(event.ticket),)
            return _speak(replace(bus, unlocks=(*bus.unlocks, (event, now))), now)
        case Watch(bank, fast):
            line = bus.banks[bank]
            poll_at = min(line.poll_at, now + POLL_WATCHED_S) if fast else line.poll_at
            return _with(bus, bank, replace(line, fast=fast, poll_at=poll_at)), ()
        case PowerAllowed(bank) | PowerFailed(bank):
            change = known.allowed if isinstance(event, PowerAllowed) else known.unfed
            return _with(bus, bank, change(bus.banks[bank], now)), ()
        case Tick():
            return _tick(bus, now)


def _port_up(bus: Bus, now: float) -> Step:
    if bus.phase is not Phase.DOWN:
        return bus, ()
    banks = {
        name: replace(bank, poll_at=now, misses=0, present=False, started=0)
        for name, bank in bus.banks.items()
    }
    return _speak(replace(bus, banks=banks, phase=Phase.IDLE, echo=False), now)


def _port_down(bus: Bus) -> Step:
    effects: list[Effect] = []
    if isinstance(bus.asked, Unlock):
        effects.append(Unacknowledged(bus.asked.ticket))
    effects += [Unacknowledged(unlock.ticket) for unlock, _ in bus.unlocks]
    down = replace(bus, phase=Phase.DOWN, asked=None, heard=b"", unlocks=())
    for name, bank in bus.banks.items():
        silent, lost = known.silenced(name, bank)
        down = _with(down, name, silent)
        effects += lost
    return down, tuple(effects)


def _received(bus: Bus, data: bytes, now: float) -> Step:
    if bus.phase is Phase.DOWN:
        return bus, ()
    if bus.free(now):
        bus = _quiet(bus, now, silence_s(bus.baud))
    bus = replace(bus, heard=(bus.heard + data)[-HEARD_BYTES_MAX:])
    if bus.phase is Phase.SILENT:
        # The tail of something late or foreign: it must not answer the next request.
        quiet_at = min(now + silence_s(bus.baud), bus.silent_since + NOISE_S_MAX)
        return replace(bus, until=max(bus.until, quiet_at)), ()
    assert bus.asked is not None
    name, bank = bus.asked.bank, bus.banks[bus.asked.bank]
    if isinstance(bus.asked, Unlock):
        if bank.driver.acknowledges(bus.answer, bus.asked.channel):
            told = (Acknowledged(bus.asked.ticket),)
            return _quiet(bus, now, silence_s(bus.baud)), told
        return bus, ()
    taken = known.replied(name, bank, bus.asked.what, bus.answer, now=now)
    if taken is None:
        return bus, ()
    bank, effects = taken
    return _quiet(_learnt(_with(bus, name, bank)), now, silence_s(bus.baud)), effects


def _learnt(bus: Bus) -> Bus:
    """Take from a poll whether the line echoes: then its reply stands after the request itself."""
    if bus.phase is not Phase.POLLING or bus.asked is None:
        return bus
    doors = bus.banks[bus.asked.bank].driver.doors
    _, echo, rest = bus.heard.partition(bus.sent)
    if doors(bus.heard) is None:
        return replace(bus, echo=bus.echo or bool(echo))
    # Doors may stand so that a reply has its request within; then nothing comes after it.
    return replace(bus, echo=bool(echo) and doors(rest) is not None)


def _tick(bus: Bus, now: float) -> Step:
    if bus.phase is Phase.DOWN or now < bus.wake_at:
        return bus, ()
    if bus.phase in (Phase.SILENT, Phase.IDLE):
        return _speak(replace(_stirred(bus, now), phase=Phase.IDLE, heard=b""), now)
    assert bus.asked is not None
    name, bank = bus.asked.bank, bus.banks[bus.asked.bank]
    effects: tuple[Effect, ...] = ()
    what: What | None = None
    if not isinstance(bus.asked, Unlock):
        what = bus.asked.what
    elif bank.driver.acknowledged:
        effects = (Unacknowledged(bus.asked.ticket),)
    else:
        return _quiet(bus, now, silence_s(bus.baud)), ()
    _, echo, rest = bus.heard.partition(bus.sent)
    bank, lost = known.missed(name, bank, what, now, heard=bool(rest if echo else bus.heard))
    bus = _quiet(_learnt(_with(bus, name, bank)), now, SILENCE_AFTER_MISS_S)
    return bus, effects + lost


def _quiet(bus: Bus, now: float, pause_s: float) -> Bus:
    """End the exchange, and be silent for a while."""
    bus = replace(_stirred(bus, now), phase=Phase.SILENT, asked=None, heard=b"")
    return replace(bus, until=now + pause_s, silent_since=now)


def _stirred(bus: Bus, now: float) -> Bus:
    """Look at once at the doors of a board that said unasked that one changed."""
    for name, bank in bus.banks.items():
        if bus.heard and bank.driver.stirs(bus.heard):
            bus = _with(bus, name, replace(bank, poll_at=min(bank.poll_at, now)))
    return bus


def _speak(bus: Bus, now: float) -> Step:
    """If the line is free, send what a board needs before it is used, a pulse, or a question."""
    if not bus.free(now):
        return bus, ()
    bus, given_up = _give_up(replace(bus, phase=Phase.IDLE), now)
    name, (due_at, what) = min(
        ((name, bank.due) for name, bank in bus.banks.items()), key=lambda item: item[1][0]
    )
    if what not in (What.START, What.OFF):
        for unlock, since in bus.unlocks:
            if bus.sent_at(unlock, since) <= now:
                bus, effects = _fire(bus, unlock, now)
                return bus, given_up + effects
    if due_at > now:
        return bus, given_up
    bus, effects = _ask(bus, Ask(name, what), now)
    return bus, given_up + effects


def _ask(bus: Bus, ask: Ask, now: float) -> Step:
    bank = bus.banks[ask.bank]
    frame = bank.request(ask.what)
    if ask.what is What.STATUS:
        bank = replace(bank, poll_at=now + bank.pause_s)
    bus = replace(_with(bus, ask.bank, bank), phase=PHASE_OF[ask.what], asked=ask, sent=frame)
    return replace(bus, heard=b"", until=now + REPLY_S_MAX), (Write(frame),)


def _fire(bus: Bus, unlock: Unlock, now: float) -> Step:
    """Send an unlock; before it the start, where a board may have forgotten it or it differs."""
    before = bus.banks[unlock.bank]
    bank = replace(before, driver=before.driver_of(again=unlock.again))
    if before.stale(now) or bank.driver.start() != before.driver.start():
        begun = _with(bus, unlock.bank, replace(bank, started=0))
        return _ask(begun, Ask(unlock.bank, What.START), now)
    bank = known.fired(bank, unlock.channel, now)
    frame = bank.driver.unlock(unlock.channel)
    wait_s = SETTLE_S + len(frame) * BITS_PER_BYTE / bus.baud
    if bank.driver.acknowledged:
        wait_s = UNLOCK_REPLY_S_MAX
    bus = replace(
        _with(bus, unlock.bank, bank),
        phase=Phase.UNLOCKING,
        unlocks=tuple(one for one in bus.unlocks if one[0] is not unlock),
        supply_free_at={**bus.supply_free_at, bank.supply: now + bank.gap_s},
    )
    bus = replace(bus, asked=unlock, sent=frame, heard=b"", until=now + wait_s)
    return bus, (Write(frame),)


def _give_up(bus: Bus, now: float) -> Step:
    """Drop the unlocks that waited too long for the line."""
    if not bus.unlocks:
        return bus, ()
    late = [unlock for unlock, since in bus.unlocks if now >= since + UNLOCK_WAIT_S_MAX]
    kept = tuple(one for one in bus.unlocks if one[0] not in late)
    return replace(bus, unlocks=kept), tuple(Unacknowledged(one.ticket) for one in late)


def _with(bus: Bus, name: str, bank: BankLine) -> Bus:
    return replace(bus, banks={**bus.banks, name: bank})
