"""One locker's hardware as a whole: a plant, the boards on its line, its scanner. Sans-I/O.

Built from the same `locker.toml` as the daemon. `live` runs it in real time; tests and simulations
step it in virtual time: write bytes to the bus, let time pass, read bytes.
"""

from collections.abc import Mapping

from fellesskap_edge.config import LockerConfig
from fellesskap_firmware_sim.boards import BOARDS
from fellesskap_firmware_sim.boards.board_8a import Board8A
from fellesskap_firmware_sim.boards.gpio import GpioBank
from fellesskap_firmware_sim.boards.kerong import Kerong
from fellesskap_firmware_sim.boards.line import SerialLine
from fellesskap_firmware_sim.cooling import Cooling
from fellesskap_firmware_sim.enabling import Enable
from fellesskap_firmware_sim.plant import Act, Person, Plant
from fellesskap_firmware_sim.scanners import SCANNERS


class SimulatedLocker:
    """All hardware of one locker; every method takes `now` in monotonic seconds."""

    def __init__(self, config: LockerConfig) -> None:
        supplies = {bank.name: bank.supply for bank in config.banks}
        supply_of = {one.number: supplies[one.bank] for one in config.compartments}
        self.plant = Plant(supply_of, supply_of)
        self.pins = {
            bank.name: GpioBank(
                self.plant,
                bank,
                {one.channel: one.number for one in config.compartments if one.bank == bank.name},
            )
            for bank in config.banks
            if bank.family == "gpio"
        }
        serial = [bank for bank in config.banks if bank.family != "gpio"]
        self.boards = {
            bank.name: BOARDS[bank.family](
                self.plant,
                {one.channel: one.number for one in config.compartments if one.bank == bank.name},
                address=bank.address,
                baud=bank.baud,
                closed_bit=bank.closed_bit,
            )
            for bank in serial
        }
        for bank in serial:
            board = self.boards[bank.name]
            board.size = bank.channels
            if isinstance(board, Board8A):
                board.status_order = bank.status_order
            if isinstance(board, Kerong):
                board.item_bit = bank.item_bit
        self.enables = {
            bank.name: Enable(self.plant, bank, self.boards[bank.name])
            for bank in serial
            if bank.power_pin is not None
        }
        self.lines = {
            port: SerialLine([self.boards[bank.name] for bank in serial if bank.port == port])
            for port in sorted({bank.port for bank in serial})
        }
        self.ports = tuple(self.lines)
        self.scanner_port = config.scanner.port
        self.scanner = SCANNERS[config.scanner.family](config.scanner.baud)
        self.cooling = Cooling(config)
        self._service_key = config.service_key
        self.turn_key(on=False)

    @property
    def wake_at(self) -> float:
        """When the next thing happens by itself."""
        banks = [line.wake_at for line in self.lines.values()]
        banks += [bank.wake_at for bank in self.pins.values()]
        return min(self.plant.wake_at, self.scanner.wake_at, *banks)

    def advance(self, now: float) -> None:
        """Let time pass."""
        for line in self.lines.values():
            line.advance(now)
        for bank in self.pins.values():
            bank.advance(now)
        self.plant.advance(now)

    def write_bus(self, port: str, data: bytes, now: float) -> None:
        """Put bytes on a line: every board on it, or the scanner, hears them."""
        if port == self.scanner_port:
            self.scanner.receive(data, now)
        else:
            self.lines[port].write(data, now)

    def read_bus(self, port: str, now: float) -> bytes:
        """Take what the boards on a line have said by now."""
        return self.lines[port].read(now)

    def drive_pin(self, pin: int, level: bool | None, now: float) -> None:
        """Let the computer drive one of its pins, or let it go."""
        for bank in self.pins.values():
            bank.drive(pin, level, now)
        for enable in self.enables.values():
            enable.drive(pin, level, now)

    def set_power(self, bank: str, now: float, *, on: bool) -> None:
        """Switch the supply of a bank's coils, as its pin does."""
        self.enables[bank].switch(now, on=on)

    def pin_levels(self, now: float) -> dict[int, bool | None]:
        """Return what joins every pin of a bank on pins to high or low; None: nothing does."""
        return {
            pin: level for bank in self.pins.values() for pin, level in bank.joined(now).items()
        }

    def turn_key(self, *, on: bool) -> None:
        """Turn the technician's key in its switch, if there is one."""
        if key := self._service_key:
            bank = self.pins.get(key.bank) or self.boards[key.bank]
            bank.switches[key.channel] = on

    def read_probes(self, now: float) -> Mapping[str, str | None]:
        """Return what every temperature probe's file says, by device."""
        self.cooling.advance(now, self.plant.facts)
        return self.cooling.texts()

    def read_scanner(self, now: float) -> bytes:
        """Take what the scanner has said by now."""
        return self.scanner.transmit(now)

    def scan(self, label: str, now: float) -> None:
        """Hold a label before the scanner."""
        self.scanner.present(label.encode("ascii"), now)

    def person(
        self, act: Act, now: float, *, compartment: int | None = None, open_s: float = 2.2
    ) -> None:
        """Let somebody wait for a door."""
        self.plant.person(Person(act, compartment, open_s), now)
