"""The lock lines of the locker: serial buses and banks on pins, behind one face.

Gives each event to the line that it concerns, says outward effects at once, what the doors did to
`control`, what is wrong with a board to `fault`. Knows which compartment hangs where; decides
nothing about it. Called by `drive`.
"""

from collections.abc import Callable

from fellesskap_edge import bus
from fellesskap_edge import inbox as rim
from fellesskap_edge import state as ctl
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.door import Reading
from fellesskap_edge.locks import gpio
from fellesskap_edge.parts import Parts
from fellesskap_edge.power import Power, SetPower

Event = (
    rim.PortUp
    | rim.PortDown
    | rim.PortBytes
    | rim.PinsHeld
    | gpio.PinLevels
    | gpio.PinEdge
    | gpio.PinsFailed
)
SWITCHED = (Power.ON, Power.CUT)
UNFED = "its pin cannot be had: the locks stay without power"
GARBLED = "none is whole: two boards at one address, noise or a wrong baud"


class Lines:
    """All lock lines of one locker; `now` is always monotonic seconds."""

    def __init__(
        self,
        parts: Parts,
        buses: dict[str, bus.Bus],
        control: Callable[[ctl.Event], None],
        fault: Callable[[str, str], None],
    ) -> None:
        config = parts.config
        self._perform, self._crash_at = parts.perform, parts.crash_at
        self._control, self._fault = control, fault
        self._buses = buses
        self._wakes = {port: line.wake_at for port, line in buses.items()}
        """When each line wants a tick; found anew when it has changed."""
        self._banks = banks_on_pins(config)
        self._port_of = {bank.name: bank.port for bank in config.banks}
        self._place_of = {one.number: (one.bank, one.channel) for one in config.compartments}
        self._number_at = {place: number for number, place in self._place_of.items()}
        self._sensors = {one.number for one in config.compartments if one.occupancy_sensor}
        key = config.service_key
        self._key = (key.bank, key.channel) if key else None
        self._unfed: set[str] = set()
        self._watched: dict[str, set[int]] = {bank.name: set() for bank in config.banks}

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        on_pins = [bank.wake_at for bank in self._banks.values()]
        return min((*self._wakes.values(), *on_pins), default=float("inf"))

    def has(self, port: str) -> bool:
        """Say whether a serial port is the line of a lock board."""
        return port in self._buses

    def take(self, event: Event, now: float) -> None:
        """Take in what came from a line."""
        match event:
            case rim.PortUp(port):
                self._bus(port, bus.PortUp(), now)
            case rim.PortDown(port):
                self._bus(port, bus.PortDown(), now)
            case rim.PortBytes(port, data):
                self._bus(port, bus.Received(data), now)
            case gpio.PinsFailed(bank) if bank not in self._banks:
                self._power_pin(bank, held=False)
                self._bus(self._port_of[bank], bus.PowerFailed(bank), now)
            case gpio.PinLevels() | gpio.PinEdge() | gpio.PinsFailed():
                self._pins(event.bank, event, now)
            case rim.PinsHeld(bank):
                self._power_pin(bank, held=True)

    def tick(self, now: float) -> None:
        """Let every deadline of a line pass that is due."""
        for port, wake_at in self._wakes.items():
            if wake_at <= now:
                self._bus(port, bus.Tick(), now)
        for name, bank in self._banks.items():
            if bank.wake_at <= now:
                self._pins(name, bus.Tick(), now)

    def switch_off(self, now: float) -> None:
        """End the pulses that are due, before anything else is taken in or committed."""
        for name, bank in self._banks.items():
            if bank.off_at <= now:
                self._pins(name, bus.Tick(), now)

    def pulse(self, number: int, now: float, *, again: bool = False) -> None:
        """Pulse the lock of a compartment; `again`: for longer, if its board can be told so."""
        name, channel = self._place_of[number]
        self._bank(name, bus.Unlock(name, channel, str(number), again=again), now)

    def watch(self, number: int, now: float, *, fast: bool) -> None:
        """Look at a bank often while any of its doors is in use."""
        name, channel = self._place_of[number]
        watched = self._watched[name]
        (watched.add if fast else watched.discard)(channel)
        self._bank(name, bus.Watch(name, fast=bool(watched)), now)

    @property
    def powers(self) -> dict[str, bool]:
        """Say of the banks whose power a pin gives or has cut which it is."""
        lines = [pair for line in self._buses.values() for pair in line.banks.items()]
        return {name: bank.power is Power.ON for name, bank in lines if bank.power in SWITCHED}

    def heard(self) -> tuple[dict[str, bool], dict[int, Reading], dict[int, bool]]:
        """Return what was said last: banks that answer, readings and contents by compartment."""
        lines = [pair for line in self._buses.values() for pair in line.banks.items()]
        answering = {name: line.answering for name, line in lines}
        readings = {(name, n): door for name, line in lines for n, door in line.doors.items()}
        for name, pins in self._banks.items():
            answering[name] = pins.answering
            readings |= {(name, n): switch.door for n, switch in pins.switches.items()}
        items = {(name, n): lies for name, line in lines for n, lies in line.items.items()}
        return (
            {name: answers for name, answers in answering.items() if answers is not None},
            {self._number_at[at]: door for at, door in readings.items() if at in self._number_at},
            {self._number_at[at]: lies for at, lies in items.items() if self._has_sensor(at)},
        )

    def _has_sensor(self, place: tuple[str, int]) -> bool:
        return self._number_at.get(place) in self._sensors

    def _bank(self, name: str, event: bus.Unlock | bus.Watch, now: float) -> None:
        if name in self._banks:
            self._pins(name, event, now)
        else:
            self._bus(self._port_of[name], event, now)

    def _bus(self, port: str, event: bus.Event, now: float) -> None:
        line, effects = bus.step(self._buses[port], event, now)
        self._buses[port], self._wakes[port] = line, line.wake_at
        for effect in effects:
            if isinstance(effect, bus.Write):
                unlocks = self._buses[port].phase is bus.Phase.UNLOCKING
                self._perform(rim.WritePort(port, effect.data))
                self._crash_at("after_write")
                if unlocks:
                    self._crash_at("after_pulse_before_record")
            else:
                self._heard(effect, now)

    def _pins(self, name: str, event: gpio.Event, now: float) -> None:
        self._banks[name], effects = gpio.step(self._banks[name], event, now)
        for effect in effects:
            match effect:
                case gpio.SetPin(on=on):
                    self._perform(effect)
                    self._crash_at("after_write")
                    if on:
                        self._crash_at("after_pulse_before_record")
                case gpio.ReadPins():
                    self._perform(effect)
                case _:
                    self._heard(effect, now)

    def _power_pin(self, bank: str, *, held: bool) -> None:
        """Say once that the pin of a bank's power cannot be had, and that it can."""
        if held is (bank in self._unfed):
            (self._unfed.discard if held else self._unfed.add)(bank)
            self._fault(f"power pin of bank {bank}", "ok" if held else UNFED)

    def _key_turned(self, now: float, *, on: bool) -> None:
        """Tell it; somebody who turns the key on may have mended a relay."""
        self._control(ctl.KeyTurned(on=on))
        banks = [(port, name) for port, line in self._buses.items() for name in line.banks]
        for port, name in banks if on else ():
            self._bus(port, bus.PowerAllowed(name), now)

    def _powered(self, effect: SetPower) -> None:
        """Switch at once: a coil that burns waits for no commit."""
        self._perform(effect)
        relays = " and ".join(map(str, effect.stuck))
        why = f"relay {relays} stays on" if len(effect.stuck) < 2 else f"relays {relays} stay on"
        self._control(ctl.BankPower(effect.bank, on=effect.on, why="" if effect.on else why))

    def _heard(self, effect: bus.Effect, now: float) -> None:
        match effect:
            case bus.Sensed(bank, readings):
                for channel, reading in readings.items():
                    if (bank, channel) == self._key:
                        self._key_turned(now, on=reading == "shut")
                    elif (bank, channel) in self._number_at:
                        self._control(ctl.DoorSensed(self._number_at[bank, channel], reading))
            case bus.Occupied(bank, items):
                for channel, lies in items.items():
                    if self._has_sensor((bank, channel)):
                        number = self._number_at[bank, channel]
                        self._control(ctl.ContentSensed(number, occupied=lies))
            case bus.Contact(bank, answering):
                self._control(ctl.BankContact(bank, answering=answering))
            case bus.Unacknowledged(ticket):
                self._control(ctl.PulseUnacknowledged(int(ticket)))
            case SetPower():
                self._powered(effect)
            case bus.Stuck() | bus.Garbled() | bus.Unready():
                part, what = _wrong(effect)
                self._fault(f"{part} of bank {effect.bank}", "ok" if effect.over else what)


def _wrong(effect: bus.Stuck | bus.Garbled | bus.Unready) -> tuple[str, str]:
    """Return which part of a bank is not well, and what is wrong with it."""
    match effect:
        case bus.Stuck(_, channel):
            return f"relay {channel}", "stays on"
        case bus.Garbled():
            return "answers", GARBLED
        case bus.Unready(_, what):
            return "start", f"the board did not {what}"


def banks_on_pins(config: LockerConfig) -> dict[str, gpio.Pins]:
    """Return the machine of every bank that hangs on pins."""
    return {
        bank.name: gpio.Pins(
            bank.name,
            locks=len(bank.lock_pins),
            pulse_s=bank.pulse_ms / 1000,
            retry_pulse_s=bank.retry_pulse_ms / 1000,
            closed_level=bank.closed_level,
            idle_s=config.locker.idle_poll_s,
        )
        for bank in config.banks
        if bank.family == "gpio"
    }
