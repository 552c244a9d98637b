"""One bank as its line knows it: whether it answers and is ready, its doors and relays. Pure.

A board that is new or was silent is asked for its status first, which moves nothing; then come the
orders that its family wants done, and only then its doors count. A relay that is on when its pulse
is over is told, and all relays are switched off; if that cures nothing, the bank's power is cut
(`power`). Used by `bus`, which decides who speaks when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fellesskap_edge import power as supply
from fellesskap_edge.locks.driver import PULSE_MS_MAX, SUPPLY_REST_S, DoorReading, Driver, Order
from fellesskap_edge.power import Power, SetPower
from fellesskap_protocol.changed import replace

POLL_S = 5.0
POLL_WATCHED_S = 0.150
CHECK_S = 0.200
"""From the end of a pulse to the question whether the relay fell."""
FRESH_S = 0.5
"""What a board was told longer ago is told again before a pulse, or looked after, by family."""
MISSES_MAX = 3


class What(StrEnum):
    """What a bank is asked, a pulse aside."""

    STATUS = "status"
    START = "start"
    PROOF = "proof"
    COILS = "coils"
    OFF = "off"


ORDERS = (What.START, What.OFF, What.PROOF)
"""What has one right reply."""


@dataclass(frozen=True, slots=True)
class Sensed:
    """The doors of a bank whose reading changed, by channel."""

    bank: str
    doors: Mapping[int, DoorReading]


@dataclass(frozen=True, slots=True)
class Occupied:
    """Where something lies, or not any more, by channel; said before the doors of that reply."""

    bank: str
    items: Mapping[int, bool]


@dataclass(frozen=True, slots=True)
class Contact:
    """A bank fell silent, or answers again."""

    bank: str
    answering: bool


@dataclass(frozen=True, slots=True)
class Stuck:
    """A relay is on and should not be: welded, or held by another hand; `over` when it fell."""

    bank: str
    channel: int
    over: bool = False


@dataclass(frozen=True, slots=True)
class Unready:
    """A board that answers did not do what is to be done before it is used; `over` when it did."""

    bank: str
    what: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Garbled:
    """A bank is silent though something answers each poll, never whole; `over` when it is."""

    bank: str
    over: bool = False


Effect = Sensed | Occupied | Contact | Stuck | Unready | Garbled | SetPower
Told = tuple["BankLine", tuple[Effect, ...]]


@dataclass(frozen=True)
class BankLine:
    """What is known of one bank."""

    driver: Driver
    """With the pulse that its last unlock wanted."""
    supply: str
    """Banks that name the same one share it."""
    pulses: tuple[Driver, Driver] | None = None
    """The driver of a first pulse and that of a retry, where they may differ."""
    fast: bool = False
    idle_s: float = POLL_S
    """How often it is asked while nothing is wrong and no door is in use."""
    poll_at: float = 0.0
    misses: int = 0
    garbled: int = 0
    """Polls in a row that were answered by something that is no reply."""
    unclear: bool = False
    """That was said."""
    answering: bool | None = None
    present: bool = False
    """It has answered since it last missed anything."""
    started: int = 0
    """How many of the orders of the start are done."""
    told_at: float = float("-inf")
    """When it last did something of its start."""
    unready: str = ""
    """What it was told to do and did not, as was said."""
    doors: Mapping[int, DoorReading] = field(default_factory=dict)
    items: Mapping[int, bool] = field(default_factory=dict)
    shutting: frozenset[int] = frozenset()
    """Channels read shut once: a contact bounces, so it takes two readings, the second soon."""
    pulsed: int = 0
    """The channel of the last pulse, whose relay may be on until `off_by`."""
    off_by: float = 0.0
    check_at: float = float("inf")
    stuck: frozenset[int] = frozenset()
    off_wanted: bool = False
    off_again_at: float = float("-inf")
    """What did not fall is not switched off sooner."""
    switched_off: bool = False
    """All relays were, after one was found stuck."""
    power: Power = Power.ALWAYS
    prove_at: float = float("inf")
    """When it is asked whether it still has what it was told at its start."""

    def driver_of(self, *, again: bool) -> Driver:
        """Return the driver of a pulse; a board that does not confirm stays with what it has."""
        return self.driver if self.pulses is None or self.unready else self.pulses[again]

    @property
    def ready(self) -> bool:
        """Whether all that has to be done before a pulse is done."""
        return self.started == len(self.driver.start())

    @property
    def pause_s(self) -> float:
        """How long after a poll the next is due."""
        if self.fast:
            return POLL_WATCHED_S
        return self.idle_s if self.answering and not self.misses else POLL_S

    @property
    def may_fire(self) -> bool:
        """Whether a pulse would reach a lock."""
        return self.ready and self.power in (Power.ALWAYS, Power.ON)

    def stale(self, now: float) -> bool:
        """Say whether the start is done again before a pulse; one that was not obeyed is not."""
        return self.driver.forgets and now > self.told_at + FRESH_S and not self.unready

    @property
    def gap_s(self) -> float:
        """From the start of a pulse to the next on the same supply."""
        pulse_s = PULSE_MS_MAX / 1000 if self.unready else self.driver.pulse_s
        return pulse_s + SUPPLY_REST_S

    @property
    def due(self) -> tuple[float, What]:
        """What it is asked next, and when."""
        ready = self.ready
        if self.present and not ready:
            return 0.0, What.START
        if self.off_wanted and self.present:
            return 0.0, What.OFF
        if ready and self.prove_at <= min(self.poll_at, self.check_at):
            return self.prove_at, What.PROOF
        if ready and self.check_at <= self.poll_at:
            return self.check_at, What.COILS
        return self.poll_at, What.STATUS

    def order(self, what: What) -> Order:
        """Return the order that is due."""
        if what is What.START:
            return self.driver.start()[self.started]
        order = self.driver.proof() if what is What.PROOF else self.driver.off()
        assert order is not None, "only relays that can be read and switched off are found stuck"
        return order

    def request(self, what: What) -> bytes:
        """Return the frame that asks or orders it."""
        if what is What.STATUS:
            return self.driver.status()
        if what is What.COILS:
            return self.driver.coils()
        return self.order(what).request


def fired(bank: BankLine, channel: int, now: float) -> BankLine:
    """Note a pulse; a board that can say it is asked afterwards whether its relay fell."""
    if not bank.driver.coils():
        return bank
    off_by = now + bank.driver.pulse_s + CHECK_S
    return replace(bank, pulsed=channel, off_by=off_by, check_at=off_by)


def replied(name: str, bank: BankLine, what: What, heard: bytes, *, now: float) -> Told | None:
    """Take what was heard after a request; None if the reply is not among it."""
    if what in ORDERS:
        return _ordered(name, bank, what, now) if bank.order(what).reply in heard else None
    on = bank.driver.coils_on(heard)
    if what is What.COILS:
        return None if on is None else _coils(name, bank, on, now)
    doors = bank.driver.doors(heard)
    if doors is None:
        return None
    bank = replace(bank, present=True)
    if not bank.ready:
        return bank, ()
    bank, told = _read(name, bank, doors, bank.driver.items(heard))
    if any(bank.doors[channel] == "open" for channel in bank.shutting):
        bank = replace(bank, poll_at=min(bank.poll_at, now + POLL_WATCHED_S))
    if bank.driver.proof() and not bank.fast and now > bank.told_at + FRESH_S:
        bank = replace(bank, prove_at=now)
    if on is None:
        return bank, told
    bank, more = _coils(name, bank, on, now)
    return bank, told + more


def missed(name: str, bank: BankLine, what: What | None, now: float, *, heard: bool) -> Told:
    """No reply came: after anything that a board missed it may have been reset, so it starts anew.

    `what` is None for an unlock; `heard` says that something came that is no reply.
    """
    effects: tuple[Effect, ...] = ()
    if what is What.STATUS:
        bank = replace(bank, garbled=bank.garbled + 1 if heard else 0)
    misses = bank.misses + 1
    if what is What.START:
        order = bank.order(what)
        if misses >= MISSES_MAX and bank.unready != order.what:
            effects = (Unready(name, order.what),)
            bank = replace(bank, unready=order.what)
        if bank.unready == order.what and not order.needed:
            return _past(bank, now), effects
    begins_anew = bank.driver.start() and what is not What.STATUS and misses < MISSES_MAX
    poll_at = now if begins_anew else min(bank.poll_at, now + POLL_S)
    bank = replace(bank, misses=misses, present=False, started=0, poll_at=poll_at)
    bank = replace(bank, off_wanted=False, prove_at=float("inf"))
    if misses < MISSES_MAX:
        return bank, effects
    bank, lost = silenced(name, bank)
    if bank.garbled >= MISSES_MAX and not bank.unclear:
        bank, lost = replace(bank, unclear=True), (*lost, Garbled(name))
    return bank, effects + lost


def silenced(name: str, bank: BankLine) -> Told:
    """Say, once, that a bank does not answer and that its doors are unknown."""
    effects: list[Effect] = []
    if bank.stuck:
        bank, cut = _powered(name, bank, supply.Event.STUCK)
        effects += cut
    if bank.answering is not False:
        effects.append(Contact(name, answering=False))
    known = [channel for channel, door in bank.doors.items() if door != "unknown"]
    unknown: dict[int, DoorReading] = dict.fromkeys(known, "unknown")
    if unknown:
        effects.append(Sensed(name, unknown))
    doors = {**bank.doors, **unknown}
    after = replace(bank, answering=False, present=False, started=0, doors=doors, items={})
    return after, tuple(effects)


def _ordered(name: str, bank: BankLine, what: What, now: float) -> Told:
    """An order was done, or what it was told still holds."""
    if what is What.PROOF:
        return replace(bank, prove_at=float("inf")), ()
    if what is What.OFF:
        off = replace(bank, off_wanted=False, switched_off=bool(bank.stuck))
        return replace(off, off_again_at=now + POLL_S, check_at=now + CHECK_S), ()
    return _done(name, bank, now)


def _done(name: str, bank: BankLine, now: float) -> Told:
    """One order of the start was done."""
    what = bank.order(What.START).what
    bank = _past(bank, now)
    if bank.unready != what:
        return bank, ()
    return replace(bank, unready=""), (Unready(name, what, over=True),)


def _past(bank: BankLine, now: float) -> BankLine:
    """One order of the start is behind it; after the last its doors are read."""
    bank = replace(bank, started=bank.started + 1, poll_at=now, told_at=now)
    looks = bank.ready and bank.driver.coils() and bank.driver.coils() != bank.driver.status()
    return replace(bank, check_at=now + CHECK_S) if looks else bank


def _read(
    name: str, bank: BankLine, read: Mapping[int, DoorReading], items: Mapping[int, bool]
) -> Told:
    """Take a status reply in: an opening counts at once, a shutting when it is read twice."""
    doors: dict[int, DoorReading] = {**dict.fromkeys(bank.doors, "unknown"), **read}
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
    if bank.unclear:
        effects.append(Garbled(name, over=True))
    moved = {channel: lies for channel, lies in items.items() if bank.items.get(channel) != lies}
    if moved:
        effects.append(Occupied(name, moved))
    if changed:
        effects.append(Sensed(name, changed))
    after = replace(bank, misses=0, answering=True, doors={**bank.doors, **settled}, shutting=shut)
    return replace(after, items=items, garbled=0, unclear=False), tuple(effects)


def _coils(name: str, bank: BankLine, on: frozenset[int], now: float) -> Told:
    """Find the relays that are on though no pulse is running, and have them switched off."""
    stuck = on - {bank.pulsed} if now < bank.off_by else on
    effects = [Stuck(name, channel) for channel in sorted(stuck - bank.stuck)]
    effects += [Stuck(name, channel, over=True) for channel in sorted(bank.stuck - on)]
    check_at = now + POLL_S if stuck else float("inf")
    if now < bank.off_by:
        check_at = bank.off_by
    off_wanted = bool(stuck) and now >= bank.off_again_at
    after = replace(bank, stuck=stuck, off_wanted=off_wanted, check_at=check_at)
    if stuck and not bank.switched_off:
        return after, tuple(effects)
    event = supply.Event.STUCK if stuck else supply.Event.ALL_OFF
    after, switched = _powered(name, replace(after, switched_off=bool(stuck)), event)
    return after, (*effects, *switched)


def allowed(bank: BankLine, now: float) -> BankLine:
    """Let a bank whose power was cut be looked at anew: a technician is there."""
    power, _ = supply.step("", bank.power, supply.Event.ALLOWED, bank.stuck)
    if power is bank.power:
        return bank
    return replace(bank, power=power, switched_off=False, off_again_at=now, check_at=now)


def unfed(bank: BankLine, now: float) -> BankLine:
    """Take in that the pin of its power could not be switched; it is tried again later."""
    power, _ = supply.step("", bank.power, supply.Event.FAILED, bank.stuck)
    return bank if power is bank.power else replace(bank, power=power, check_at=now + POLL_S)


def _powered(name: str, bank: BankLine, event: supply.Event) -> Told:
    power, effects = supply.step(name, bank.power, event, bank.stuck)
    return replace(bank, power=power), effects
