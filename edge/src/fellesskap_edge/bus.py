"""One serial line with its lock boards: who may speak when, and what was heard. Pure.

One request in flight; an unlock goes before any waiting poll; silence between frames; a reply that
does not match its request is nothing. A bank is polled every 5 s, every 150 ms while one of its
doors is in use. `drive` gives it bytes and ticks and writes what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from fellesskap_edge.locks.board_8a import Board8A, DoorReading

POLL_S = 5.0
POLL_WATCHED_S = 0.150
REPLY_S_MAX = 0.300
"""Boards answer to a poll within 30 ms."""
UNLOCK_REPLY_S_MAX = 0.750
"""Some answer to an unlock only after its pulse of 300 ms; drivers in the field wait as long."""
UNLOCK_WAIT_S_MAX = 2.0
"""What waited longer for the line is not sent any more: no lock moves when nobody expects it."""
SUPPLY_GAP_S = 0.8
"""Start to start on one supply: the board's pulse of 300 ms and 500 ms of rest."""
SILENCE_S = 0.005
"""3.5 characters at 9600 baud are 3.65 ms; one more for the adapter."""
SILENCE_AFTER_MISS_S = 0.100
NOISE_S_MAX = 0.500
"""A line that is never silent is spoken on all the same, so that its silence is noticed."""
MISSES_MAX = 3
HEARD_BYTES_MAX = 256


class Phase(StrEnum):
    """What the line is doing."""

    DOWN = "down"
    IDLE = "idle"
    SILENT = "silent"
    UNLOCKING = "unlocking"
    POLLING = "polling"


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
    """Pulse one lock; `ticket` comes back with the answer."""

    bank: str
    channel: int
    ticket: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Poll a bank often, or not any more."""

    bank: str
    fast: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = PortUp | PortDown | Received | Unlock | Watch | Tick
EVENTS: tuple[type[Event], ...] = (PortUp, PortDown, Received, Unlock, Watch, Tick)


@dataclass(frozen=True, slots=True)
class Write:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Sensed:
    """The doors of a bank whose reading changed, by channel."""

    bank: str
    doors: Mapping[int, DoorReading]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The board said that it took the unlock; says nothing about the door."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """No answer to the unlock; the pulse may have fired or not."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A bank fell silent, or answers again."""

    bank: str
    answering: bool


Effect = Write | Sensed | Acknowledged | Unacknowledged | Contact
Step = tuple["Bus", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class BankLine:
    """What the bus knows of one bank."""

    driver: Board8A
    supply: str
    """Banks that name the same one share it."""
    fast: bool = False
    poll_at: float = 0.0
    misses: int = 0
    answering: bool | None = None
    doors: Mapping[int, DoorReading] = field(default_factory=dict)
    shutting: frozenset[int] = frozenset()
    """Channels read shut once: a contact bounces, so it takes two readings in a row."""


@dataclass(frozen=True, slots=True)
class Bus:
    """The state of one line."""

    banks: Mapping[str, BankLine]
    phase: Phase = Phase.DOWN
    asked: Unlock | str | None = None
    """The request in flight: an unlock, or the bank that is polled."""
    until: float = 0.0
    """When the reply is overdue, or the silence is over."""
    silent_since: float = 0.0
    heard: bytes = b""
    unlocks: tuple[tuple[Unlock, float], ...] = ()
    """What waits for the line, and since when."""
    supply_free_at: Mapping[str, float] = field(default_factory=dict)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        if self.phase is Phase.DOWN:
            return float("inf")
        if self.phase is Phase.IDLE:
            times = [bank.poll_at for bank in self.banks.values()]
            times += [self.free_at(unlock) for unlock, _ in self.unlocks]
            return min(times, default=float("inf"))
        return self.until

    def free_at(self, unlock: Unlock) -> float:
        """When the supply of a lock may feed a coil again."""
        return self.supply_free_at.get(self.banks[unlock.bank].supply, float("-inf"))


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
        case Tick():
            return _tick(bus, now)


def _port_up(bus: Bus, now: float) -> Step:
    if bus.phase is not Phase.DOWN:
        return bus, ()
    banks = {name: replace(bank, poll_at=now, misses=0) for name, bank in bus.banks.items()}
    return _speak(replace(bus, banks=banks, phase=Phase.IDLE), now)


def _port_down(bus: Bus) -> Step:
    effects: list[Effect] = []
    if isinstance(bus.asked, Unlock):
        effects.append(Unacknowledged(bus.asked.ticket))
    effects += [Unacknowledged(unlock.ticket) for unlock, _ in bus.unlocks]
    down = replace(bus, phase=Phase.DOWN, asked=None, heard=b"", unlocks=())
    for name, bank in bus.banks.items():
        down, lost = _lost(down, name, bank)
        effects += lost
    return down, tuple(effects)


def _received(bus: Bus, data: bytes, now: float) -> Step:
    if bus.phase is Phase.SILENT:
        # The tail of something late or foreign: it must not answer the next request.
        quiet_at = min(now + SILENCE_S, bus.silent_since + NOISE_S_MAX)
        return replace(bus, until=max(bus.until, quiet_at)), ()
    if bus.phase is Phase.IDLE:
        return _quiet(bus, now, SILENCE_S), ()
    if bus.phase not in (Phase.UNLOCKING, Phase.POLLING):
        return bus, ()
    bus = replace(bus, heard=(bus.heard + data)[-HEARD_BYTES_MAX:])
    if isinstance(bus.asked, Unlock):
        driver = bus.banks[bus.asked.bank].driver
        if driver.acknowledges(bus.heard, bus.asked.channel):
            return _quiet(bus, now, SILENCE_S), (Acknowledged(bus.asked.ticket),)
        return bus, ()
    assert bus.asked is not None
    doors = bus.banks[bus.asked].driver.doors(bus.heard)
    if doors is None:
        return bus, ()
    name = bus.asked
    bus, effects = _read(bus, name, doors)
    return _quiet(bus, now, SILENCE_S), effects


def _read(bus: Bus, name: str, doors: Mapping[int, DoorReading]) -> Step:
    """Take a status reply in: an opening counts at once, a shutting when it is read twice."""
    bank = bus.banks[name]
    shut = frozenset(channel for channel, door in doors.items() if door == "shut")
    settled = {
        channel: door
        for channel, door in doors.items()
        if door != "shut" or channel in bank.shutting or bank.doors.get(channel) != "open"
    }
    changed = {
        channel: door for channel, door in settled.items() if bank.doors.get(channel) != door
    }
    effects: list[Effect] = []
    if bank.answering is not True:
        effects.append(Contact(name, answering=True))
    if changed:
        effects.append(Sensed(name, changed))
    after = replace(bank, misses=0, answering=True, doors={**bank.doors, **settled}, shutting=shut)
    return _with(bus, name, after), tuple(effects)


def _tick(bus: Bus, now: float) -> Step:
    if bus.phase is Phase.DOWN or now < bus.wake_at:
        return bus, ()
    if bus.phase is Phase.SILENT:
        return _speak(replace(bus, phase=Phase.IDLE, heard=b""), now)
    if bus.phase is Phase.IDLE:
        return _speak(bus, now)
    effects: tuple[Effect, ...] = ()
    if isinstance(bus.asked, Unlock):
        name = bus.asked.bank
        effects = (Unacknowledged(bus.asked.ticket),)
    else:
        assert bus.asked is not None
        name = bus.asked
    bank = bus.banks[name]
    bank = replace(bank, misses=bank.misses + 1)
    bus = _with(bus, name, bank)
    if bank.misses >= MISSES_MAX:
        bus, lost = _lost(bus, name, bank)
        effects += lost
    return _quiet(bus, now, SILENCE_AFTER_MISS_S), effects


def _lost(bus: Bus, name: str, bank: BankLine) -> Step:
    """Say, once, that a bank does not answer and that its doors are unknown."""
    effects: list[Effect] = []
    if bank.answering is not False:
        effects.append(Contact(name, answering=False))
    known = [channel for channel, door in bank.doors.items() if door != "unknown"]
    unknown: dict[int, DoorReading] = dict.fromkeys(known, "unknown")
    if unknown:
        effects.append(Sensed(name, unknown))
    doors = {**bank.doors, **unknown}
    return _with(bus, name, replace(bank, answering=False, doors=doors)), tuple(effects)


def _quiet(bus: Bus, now: float, silence_s: float) -> Bus:
    return replace(
        bus, phase=Phase.SILENT, asked=None, heard=b"", until=now + silence_s, silent_since=now
    )


def _speak(bus: Bus, now: float) -> Step:
    """If the line is free, send the first unlock that may fire, else the poll most overdue."""
    if bus.phase is not Phase.IDLE:
        return bus, ()
    bus, given_up = _give_up(bus, now)
    ready = next((one for one in bus.unlocks if bus.free_at(one[0]) <= now), None)
    if ready is not None:
        unlock = ready[0]
        bank = bus.banks[unlock.bank]
        free_at = {**bus.supply_free_at, bank.supply: now + SUPPLY_GAP_S}
        rest = tuple(one for one in bus.unlocks if one is not ready)
        bus = replace(bus, phase=Phase.UNLOCKING, unlocks=rest, supply_free_at=free_at)
        bus = replace(bus, asked=unlock, heard=b"", until=now + UNLOCK_REPLY_S_MAX)
        return bus, (*given_up, Write(bank.driver.unlock(unlock.channel)))
    name, bank = min(bus.banks.items(), key=lambda item: item[1].poll_at)
    if bank.poll_at > now:
        return bus, given_up
    period_s = POLL_WATCHED_S if bank.fast else POLL_S
    bus = _with(bus, name, replace(bank, poll_at=now + period_s))
    bus = replace(bus, phase=Phase.POLLING, asked=name, heard=b"", until=now + REPLY_S_MAX)
    return bus, (*given_up, Write(bank.driver.status()))


def _give_up(bus: Bus, now: float) -> Step:
    """Drop the unlocks that waited too long for the line."""
    if not bus.unlocks:
        return bus, ()
    late = [unlock for unlock, since in bus.unlocks if now - since > UNLOCK_WAIT_S_MAX]
    kept = tuple(one for one in bus.unlocks if one[0] not in late)
    return replace(bus, unlocks=kept), tuple(Unacknowledged(one.ticket) for one in late)


def _with(bus: Bus, name: str, bank: BankLine) -> Bus:
    return replace(bus, banks={**bus.banks, name: bank})
