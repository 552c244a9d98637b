"""`fellesskap-edge commission`: the terminal, serial lines and pins around `commissioning`.

The boards are spoken to as the daemon does it: by `bus`, so one request at a time, silence between
frames, and one coil at a time per supply. Locks on pins are `pin_banks`'; the power of a board's
coils is on from the moment its relays were read off until the end. Lines typed come from a thread
of their own.
"""

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fellesskap_edge import bus
from fellesskap_edge.config_check import InvalidConfig, Raw, load
from fellesskap_edge.inbox import Inward, PortBytes, PortDown, PortUp
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.gpio import PinsFailed
from fellesskap_edge.ports import Ports
from fellesskap_edge.power import Power, SetPower
from fellesskap_edge.tool import commissioning as core
from fellesskap_edge.tool import words
from fellesskap_edge.tool.check import summary
from fellesskap_edge.tool.draft import LEARNT, Draft, Line, load_draft, render
from fellesskap_edge.tool.pin_banks import PinBanks
from fellesskap_edge.tool.wiring import conclude

if TYPE_CHECKING:
    from fellesskap_edge.pins import Pins

ADDRESSES_MAX = 32
"""How many addresses of a family are asked; one that the draft names is asked in any case."""
PORT_S_MAX = 3.0
SCAN_S_EACH = 0.4
"""A board that is not there costs its time-out and the silence after it."""
_now = time.monotonic
Heard = Inward | words.Typed | words.Ended
BITS = {"shut": 1, "open": 0, "unknown": None}
"""The drivers are made as if a 1 were shut, so that this gives back the bit on the line."""


def commission(path: Path, out: Path) -> int:
    """Run the whole conversation; 0 if `out` was written and every door of the draft is in it."""
    draft = load_draft(path)
    if out.exists():
        raise InvalidConfig(f"{out} is there already: move it away, or name another file")
    work = _Work(draft, out)
    try:
        return work.run()
    finally:
        work.stop()


class _Work:
    """One commissioning at one terminal."""

    def __init__(self, draft: Draft, out: Path) -> None:
        self._draft, self._out = draft, out
        # Its `put` may come from a signal handler while `get` waits; that of a Queue may not.
        self._inbox: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        bauds = {line.bank.port: line.bank.baud for line in draft.lines}
        self._ports = Ports(bauds, self._inbox.put)
        self._on_pins = PinBanks(draft.on_pins, self._give, _say)
        self._power = _powers(draft, self._inbox.put)
        self._up: set[str] = set()
        self._buses: dict[str, bus.Bus] = {}
        self._scan_until: float | None = None
        self._no_power: set[str] = set()
        self._resting: set[str] = set()
        """Lines on which every address was asked; they are silent until the others are done."""
        self._asked: dict[str, tuple[Line, int]] = {}
        """The line and address behind the name of each bank on a bus."""
        self._boards: dict[str, Raw] = {}
        self._status: int | None = None
        self._state, self._first = core.begin(frozenset(draft.doors), tuple(draft.sizes))

    def run(self) -> int:
        """Talk until it is over."""
        for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ends, lambda *_: self._inbox.put(words.Ended()))
        # A process that is stopped by Ctrl-Z would leave a coil on.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        self._ports.start()
        threading.Thread(target=self._listen, name="terminal", daemon=True).start()
        self._perform(self._first)
        while self._status is None:
            self._take(self._next())
        return self._status

    def stop(self) -> None:
        """Let the pins go, the power of coils off with them; close the lines."""
        self._on_pins.stop()
        if self._power:
            self._power.stop()
        self._ports.stop()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._inbox.put(words.Typed(line))
        self._inbox.put(words.Ended())

    @property
    def _wake_at(self) -> float:
        waits = [line.wake_at for port, line in self._buses.items() if port not in self._resting]
        if self._scan_until is not None and (self._buses.keys() - self._up or not self._buses):
            waits.append(self._scan_until if self._buses else 0.0)
        return min([self._state.wake_at, self._on_pins.wake_at, *waits])

    def _next(self) -> Heard | None:
        try:
            return self._inbox.get(timeout=min(max(0.0, self._wake_at - _now()), 60.0))
        except queue.Empty:
            return None

    def _take(self, heard: Heard | None) -> None:
        self._on_pins.tick(_now())  # the end of a pulse waits for nothing
        match heard:
            case PortUp(port):
                self._up.add(port)
                self._bus(port, bus.PortUp())
            case PortDown(port):
                self._up.discard(port)
                self._bus(port, bus.PortDown())
            case PortBytes(port, data):
                self._bus(port, bus.Received(data))
            case PinsFailed(bank):
                self._unfed(bank)
            case words.Typed() | words.Ended():
                self._give(heard)
        for port in self._buses.keys() - self._resting:
            self._bus(port, bus.Tick())
        if self._scan_until is not None:
            self._look_whether_scanned()
        self._give(words.Tick())

    def _give(self, event: words.Event) -> None:
        self._state, effects = core.step(self._state, event, _now())
        self._perform(effects)

    def _perform(self, effects: tuple[words.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case words.Say(text):
                    print(text, flush=True)
                case words.Ask(text):
                    print(f"{text}\n> ", end="", flush=True)
                case words.Scan():
                    self._scan()
                case words.Open(name, channel):
                    if not self._on_pins.open(effect, _now()):
                        unlock = bus.Unlock(name, channel, name)
                        self._bus(self._asked[name][0].bank.port, unlock)
                case words.Finish():
                    self._status = self._finish()
                case words.Stop():
                    self._status = 1

    # The lines -----------------------------------------------------------------------------------

    def _bus(self, port: str, event: bus.Event) -> None:
        if port not in self._buses:
            return
        self._buses[port], effects = bus.step(self._buses[port], event, _now())
        for effect in effects:
            match effect:
                case bus.Write(data):
                    self._ports.write(port, data)
                case bus.Sensed(name, doors) if self._scan_until is None:
                    self._give(words.Moved(name, {at: BITS[door] for at, door in doors.items()}))
                case bus.Unacknowledged():
                    self._give(words.Unanswered())
                case bus.Contact(name, False) if self._scan_until is None:
                    print(f"Board {name} does not answer any more.", flush=True)
                case bus.Unready(name, what, False):
                    print(f"Board {name} did not {what}.", flush=True)
                case SetPower(name, on, stuck) if self._power:
                    self._power.set_power(self._asked[name][0].bank.name, on=on)
                    if stuck:
                        print(f"POWER CUT: relay {stuck[0]} of board {name} stays on.", flush=True)

    def _scan(self) -> None:
        self._asked = dict(self._candidates())
        ports: dict[str, dict[str, bus.BankLine]] = {}
        for name, (line, address) in self._asked.items():
            ports.setdefault(line.bank.port, {})[name] = _bank_line(line, address)
        self._buses = {}
        for line in self._draft.lines:
            port = line.bank.port
            self._buses[port] = bus.Bus(ports[port], line.bank.baud)
            if port in self._up:
                self._bus(port, bus.PortUp())
        for port, banks in ports.items():
            about_s = len(banks) * SCAN_S_EACH
            print(f"Asking {len(banks)} addresses on {port}, {about_s:.0f} s …", flush=True)
        self._scan_until = _now() + PORT_S_MAX

    def _unfed(self, bank: str) -> None:
        """Say once that a bank of the draft gets no power; it is tried again with its relays."""
        if bank not in self._no_power:
            self._no_power.add(bank)
            print(f"The power pin of bank {bank} cannot be had: no lock opens.", flush=True)
        for name in [n for n, (line, _) in self._asked.items() if line.bank.name == bank]:
            self._bus(self._asked[name][0].bank.port, bus.PowerFailed(name))

    def _candidates(self) -> Iterator[tuple[str, tuple[Line, int]]]:
        """Yield every board there could be; two families on one line are asked each in its way."""
        seen = set()
        # Boards of one make may answer to another family's questions, so a name settles it.
        named = {(line.bank.port, line.address) for line in self._draft.lines}
        for line in self._draft.lines:
            port, family = line.bank.port, line.bank.family
            addresses = [] if line.address is None else [line.address]
            addresses += list(FAMILIES[family].addresses)[:ADDRESSES_MAX]
            for address in dict.fromkeys(addresses):
                key = (port, family, address)
                if key in seen or ((port, address) in named and address != line.address):
                    continue
                seen.add(key)
                yield f"{family} {address} on {port}", (line, address)

    def _look_whether_scanned(self) -> None:
        assert self._scan_until is not None
        for port, line in self._buses.items():
            asked = all(bank.answering or bank.misses for bank in line.banks.values())
            if port in self._up and asked and line.asked is None:
                self._resting.add(port)
        missing = self._buses.keys() - self._up
        if self._up & self._buses.keys() - self._resting:
            return
        if missing and _now() < self._scan_until:
            return
        self._scan_until = None
        self._resting = set()
        for port in sorted(missing):
            print(f"The line {port} cannot be opened.", flush=True)
        self._give(self._found())

    def _found(self) -> words.Found:
        """Keep the boards that answered, under the names they will have in the file."""
        answering = {
            name: one
            for name, one in self._asked.items()
            if self._buses[one[0].bank.port].banks[name].answering
        }
        taken = {n: one for n, one in answering.items() if one[0].address in (None, one[1])}
        silent = [
            name
            for name, (line, address) in self._asked.items()
            if line.address == address and name not in answering
        ]
        settled = {(line.bank.port, address) for line, address in answering.values()}
        unclear = tuple(
            name
            for name, (line, address) in self._asked.items()
            if self._buses[line.bank.port].banks[name].garbled
            and (line.bank.port, address) not in settled
        )
        names = _names(taken)
        self._boards, kept = {}, {}
        boards: list[words.Board] = []
        for old, (line, address) in taken.items():
            board = _board(names[old], line, address)
            boards.append(board)
            self._boards[board.name] = _raw(line, board.name, address)
            kept[board.name] = (line, address)
        first: list[words.Moved] = []
        for port, one in self._buses.items():
            banks = {
                names[old]: replace(bank, fast=True, poll_at=0.0)
                for old, bank in one.banks.items()
                if old in taken
            }
            self._buses[port] = replace(one, banks=banks) if banks else bus.Bus({}, one.baud)
            first += [
                words.Moved(name, {at: BITS[door] for at, door in bank.doors.items()})
                for name, bank in banks.items()
            ]
        self._buses = {port: one for port, one in self._buses.items() if one.banks}
        self._asked = kept
        self._boards |= self._on_pins.raw()
        boards += self._on_pins.claim()
        for moved in first:
            self._give(moved)
        strange = tuple(answering.keys() - taken.keys())
        return words.Found(tuple(boards), tuple(silent), strange, unclear)

    # The end -------------------------------------------------------------------------------------

    def _finish(self) -> int:
        wiring = conclude(self._state.boards, self._state.doors, self._draft.doors)
        for problem in wiring.problems:
            print(f"LEFT OUT: {problem}", flush=True)
        if not wiring.doors:
            print("No door can be used: nothing is written.", flush=True)
            return 1
        used = {door.lock[0] for door in wiring.doors}
        boards = {name: raw for name, raw in self._boards.items() if name in used}
        new = self._out.with_name(self._out.name + ".new")
        new.write_text(render(self._draft, boards, wiring, self._out))
        config = load(new)
        new.rename(self._out)
        print(f"\nWritten: {self._out}\n")
        for line in summary(config):
            print(line)
        return 1 if wiring.problems else 0


def _bank_line(line: Line, address: int) -> bus.BankLine:
    family = FAMILIES[line.bank.family]
    bank = msgspec.structs.replace(
        line.bank, address=address, closed_bit=1, status_order="high_first"
    )
    power = Power.ALWAYS if bank.power_pin is None else Power.OFF
    return bus.BankLine(family.make(bank), line.bank.supply, power=power)


def _powers(draft: Draft, post: Callable[[Inward], None]) -> "Pins | None":
    """Hold the pins that give boards their power, off; None if there are none."""
    banks = [line.bank for line in draft.lines if line.bank.power_pin is not None]
    if not banks:
        return None
    from fellesskap_edge.pins import Pins, pin_factory  # noqa: PLC0415 (as the daemon does it)

    return Pins(banks, post, pin_factory)


def _say(text: str) -> None:
    print(text, flush=True)


def _names(taken: dict[str, tuple[Line, int]]) -> dict[str, str]:
    """Name the boards: by the draft; with the address where it has one name for several."""
    names: dict[str, str] = {}
    for old, (line, address) in taken.items():
        alone = sum(other is line for other, _ in taken.values()) == 1
        names[old] = line.bank.name if alone else f"{line.bank.name}-{address}"
    return names


def _board(name: str, line: Line, address: int) -> words.Board:
    bank = line.bank
    options = FAMILIES[bank.family].options
    where = f"address {address} on {bank.port}"
    return words.Board(name, bank.family, where, bank.channels, "closed_bit" in options)


def _raw(line: Line, name: str, address: int) -> Raw:
    kept = {key: value for key, value in line.raw.items() if key not in (*LEARNT, "name")}
    return {"name": name, **kept, "address": address}
