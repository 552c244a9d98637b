"""`locker.toml`: the wiring and geometry of this locker, as frozen values.

Unknown keys are refused: a misspelt limit must not be a limit that is silently off. Relative ports
and paths are relative to the file. Used by the daemon and by the simulated hardware.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from fellesskap_edge import chilled, locks, scanners
from fellesskap_edge.chilled import ClimateTable, ProbeTable
from fellesskap_edge.locks import gpio
from fellesskap_edge.locks.driver import SUPPLY_REST_S
from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.topics import InvalidLockerId, check_locker_id

T = TypeVar("T")
INTERVAL_S_MAX = 86_400
PORT_MAX = 65_535
COOLDOWN_S_MAX = 10.0
"""A longer one would outlast the three tries of an authorisation."""
GPIO_MAX = 27
PULLED_UP_PINS = frozenset({2, 3})
PULSE_MS_MIN, PULSE_MS_MAX = 50, 1000
SERIAL_KEYS = ("port", "address", "baud", "closed_bit", "status_order")
PIN_KEYS = ("lock_pins", "door_pins", "active_high", "closed_level")
OF_FAMILY: Any = None
"""Not in the file: as the family's boards come from the factory."""


class InvalidConfig(ValueError):
    """`locker.toml` cannot be used: the message names file, place and remedy."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class LockerTable(_Table, frozen=True):
    """Which locker this is."""

    id: str
    name: str = ""
    site: str | None = None
    """The site's id: a courier's badge may name it instead of single lockers."""


class ServiceKeyTable(_Table, frozen=True):
    """The technician's key switch inside the service bay, wired like a door's contact."""

    bank: str
    channel: int


class EdgeTable(_Table, frozen=True):
    """Where the daemon keeps what must survive."""

    state: str = "state"


class KioskTable(_Table, frozen=True):
    """The page at the locker; port 0 takes any free one."""

    port: int = 8090
    name: str = "main"


class Bank(_Table, frozen=True):
    """One lock board on a serial line, or locks on the pins of the computer itself (`gpio`).

    What is left out is as the family has it.
    """

    name: str
    family: Literal["8a", "kerong", "waveshare", "waveshare_d", "wkly", "gpio"]
    supply: str
    port: str = ""
    address: int = 0
    baud: int = OF_FAMILY
    channels: int = OF_FAMILY
    pulse_ms: int = OF_FAMILY
    closed_bit: Literal[0, 1] = OF_FAMILY
    status_order: Literal["high_first", "low_first"] = "high_first"
    lock_pins: tuple[int, ...] = ()
    """GPIO numbers (BCM); channel n is the n-th. Only these keys are for `gpio`."""
    door_pins: tuple[int, ...] = ()
    active_high: bool = True
    closed_level: Literal[0, 1] = 0

    def __post_init__(self) -> None:
        family = locks.FAMILIES.get(self.family, gpio.DEFAULTS)
        if self.family == "gpio":
            msgspec.structs.force_setattr(self, "channels", len(self.lock_pins))
        for key in ("baud", "channels", "pulse_ms", "closed_bit"):
            if getattr(self, key) is OF_FAMILY:
                msgspec.structs.force_setattr(self, key, getattr(family, key))

    @property
    def gap_s(self) -> float:
        """From the start of a pulse to the start of the next on the same supply."""
        return self.pulse_ms / 1000 + SUPPLY_REST_S


class CompartmentTable(_Table, frozen=True):
    """One door: where its lock is wired, its inner size in mm and g."""

    number: int
    bank: str
    channel: int
    width_mm: int
    height_mm: int
    depth_mm: int
    floor_mm: int
    top_mm: int
    max_g: int
    features: tuple[str, ...] = ()
    occupancy_sensor: bool = False

    @property
    def geometry(self) -> Compartment:
        """What the backend is told of it."""
        return Compartment(
            number=self.number,
            width_mm=self.width_mm,
            height_mm=self.height_mm,
            depth_mm=self.depth_mm,
            floor_mm=self.floor_mm,
            top_mm=self.top_mm,
            max_g=self.max_g,
            features=self.features,
            occupancy_sensor=self.occupancy_sensor,
        )


class ScannerTable(_Table, frozen=True):
    """The barcode scanner on its serial line; `setup = false` leaves its settings alone."""

    family: Literal["grow", "honeywell", "ssi", "line"]
    port: str
    baud: int = 0
    """0: as the family has it when new."""
    setup: bool = True

    def __post_init__(self) -> None:
        if self.baud == 0:
            msgspec.structs.force_setattr(self, "baud", scanners.FAMILIES[self.family].baud)


class Limits(_Table, frozen=True):
    """How often the door may be opened from afar, whoever signs; how long a coil cools."""

    remote_open_interval_s: float = 10.0
    remote_opens_per_10_min: int = 6
    lock_cooldown_s: float = 3.0

    @property
    def raised(self) -> bool:
        """Whether somebody allowed more than the product does by itself."""
        default = Limits()
        return (
            self.remote_open_interval_s < default.remote_open_interval_s
            or self.remote_opens_per_10_min > default.remote_opens_per_10_min
        )


class LockerConfig(
    _Table,
    frozen=True,
    rename={"banks": "bank", "compartments": "compartment", "probes": "probe"},
):
    """The whole file."""

    locker: LockerTable
    banks: tuple[Bank, ...]
    compartments: tuple[CompartmentTable, ...]
    scanner: ScannerTable
    edge: EdgeTable = EdgeTable()
    kiosk: KioskTable = KioskTable()
    limits: Limits = Limits()
    service_key: ServiceKeyTable | None = None
    climate: ClimateTable = ClimateTable()
    probes: tuple[ProbeTable, ...] = ()

    @property
    def features(self) -> dict[int, tuple[str, ...]]:
        """What each compartment offers, by number."""
        return {one.number: one.features for one in self.compartments}

    @property
    def digest(self) -> str:
        """SHA-256 over the geometry, in hex: changes when the locker was rebuilt."""
        return sha256(msgspec.json.encode([one.geometry for one in self.compartments])).hexdigest()


def load(path: Path) -> LockerConfig:
    """Read and check a `locker.toml`; raise `InvalidConfig` saying what to change and where."""
    try:
        raw = tomllib.loads(path.read_text())
        config = msgspec.convert(raw, LockerConfig)
        check_locker_id(config.locker.id)
    except OSError as error:
        raise InvalidConfig(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: {error}") from None
    except InvalidLockerId as error:
        raise InvalidConfig(f"{path}: [locker] {error}") from None
    problems = list(_problems(config))
    if problems:
        raise InvalidConfig(f"{path}: " + "; ".join(problems))
    return _absolute(config, path.resolve().parent)


def _problems(config: LockerConfig) -> list[str]:
    serial = tuple(bank for bank in config.banks if bank.family != "gpio")
    found = _problems_of_lines(msgspec.structs.replace(config, banks=serial))
    found += _problems_of_compartments(config) + _problems_of_pins(config)
    found += _problems_of_key(config)
    found += chilled.problems(config.climate, config.probes, config.features)
    # Written so that nan is refused too.
    if not 0.5 <= config.limits.remote_open_interval_s <= INTERVAL_S_MAX:
        found.append(
            "[limits] remote_open_interval_s is at least 0.5 (one coil at a time) and at most "
            f"{INTERVAL_S_MAX}"
        )
    if config.limits.remote_opens_per_10_min < 0:
        found.append("[limits] remote_opens_per_10_min is not negative")
    if not 0.0 <= config.limits.lock_cooldown_s <= COOLDOWN_S_MAX:
        found.append(f"[limits] lock_cooldown_s is 0 to {COOLDOWN_S_MAX:g}")
    if not 0 <= config.kiosk.port <= PORT_MAX:
        found.append(f"[kiosk] port {config.kiosk.port} is not 0 to {PORT_MAX}")
    return found


def _problems_of_pins(config: LockerConfig) -> list[str]:
    """What is wrong with banks on pins, and with their keys at banks that have none."""
    found: list[str] = []
    default = Bank(name="", family="gpio", supply="")
    for bank in config.banks:
        where = f"[[bank]] {bank.name!r}"
        foreign = SERIAL_KEYS if bank.family == "gpio" else PIN_KEYS
        found += [
            f"{where}: {key} says nothing for family {bank.family!r}: take it out"
            for key in foreign
            if getattr(bank, key) != getattr(default, key)
        ]
        if bank.family == "gpio":
            found += [f"{where}: {problem}" for problem in _problems_of_bank_on_pins(bank)]
        elif not bank.port:
            found.append(f"{where}: port is missing: which serial line is it on?")
    on_pins = [bank for bank in config.banks if bank.family == "gpio"]
    pins = [pin for bank in on_pins for pin in (*bank.lock_pins, *bank.door_pins)]
    found += [f"GPIO {pin} is used twice: one wire, one pin" for pin in _twice(pins)]
    for bank in on_pins:
        others = [one for one in config.banks if one is not bank]
        if bank.name in {one.name for one in others}:
            found.append(f"[[bank]] {bank.name!r} stands twice")
        if bank.supply in {one.supply for one in others}:
            found.append(
                f"supply {bank.supply!r} feeds {bank.name!r} and another bank: "
                "one coil at a time holds only within one bank of pins"
            )
    channels = {bank.name: len(bank.lock_pins) for bank in on_pins}
    found += [
        f"[[compartment]] {one.number}: bank {one.bank!r} has {channels[one.bank]} lock_pins, "
        f"no channel {one.channel}"
        for one in config.compartments
        if one.bank in channels and one.channel > channels[one.bank]
    ]
    return found


def _problems_of_bank_on_pins(bank: Bank) -> list[str]:
    found: list[str] = []
    if not bank.lock_pins:
        found.append("lock_pins is missing: which GPIO drives which lock?")
    if bank.door_pins and len(bank.door_pins) != len(bank.lock_pins):
        found.append("door_pins has one pin for each of lock_pins, or none at all")
    found += [
        f"GPIO {pin} is not 0 to {GPIO_MAX}"
        for pin in (*bank.lock_pins, *bank.door_pins)
        if not 0 <= pin <= GPIO_MAX
    ]
    # 1.8 kOhm to 3.3 V on the board itself (Raspberry Pi schematics): stronger than any pull-down.
    if bank.active_high:
        found += [
            f"GPIO {pin} is pulled up by the board: an active-high lock there opens at power-on"
            for pin in PULLED_UP_PINS.intersection(bank.lock_pins)
        ]
    if bank.closed_level == 1:
        found += [
            f"GPIO {pin} is pulled up by the board: closed_level = 1 needs a pull-down"
            for pin in PULLED_UP_PINS.intersection(bank.door_pins)
        ]
    if not PULSE_MS_MIN <= bank.pulse_ms <= PULSE_MS_MAX:
        found.append(f"pulse_ms {bank.pulse_ms} is not {PULSE_MS_MIN} to {PULSE_MS_MAX}")
    return found


def _problems_of_lines(config: LockerConfig) -> list[str]:
    found = [f"[[bank]] {name!r} stands twice" for name in _twice(b.name for b in config.banks)]
    found += [
        f"[[bank]] {bank.name!r}: {what}"
        for bank in config.banks
        for _, what in locks.FAMILIES[bank.family].problems(bank)
    ]
    found += [
        f"address {address} on {port!r} stands twice: give one board another DIP setting"
        for port, address in _twice((bank.port, bank.address) for bank in config.banks)
    ]
    lines = {(bank.port, bank.baud) for bank in config.banks}
    found += [f"the banks on {port!r} differ in baud" for port in _twice(port for port, _ in lines)]
    feeds = {(bank.supply, bank.port) for bank in config.banks}
    found += [
        f"supply {supply!r} feeds banks on several lines: one coil at a time holds only within one"
        for supply in _twice(supply for supply, _ in feeds)
    ]
    if config.scanner.baud < 0:
        found.append(f"[scanner] baud {config.scanner.baud} is not greater than 0")
    if config.scanner.port in {bank.port for bank in config.banks}:
        found.append(f"[scanner] {config.scanner.port!r} is the line of a [[bank]]")
    return found


def _problems_of_compartments(config: LockerConfig) -> list[str]:
    banks = {bank.name: bank.channels for bank in config.banks}
    found = [
        f"[[compartment]] number {number} stands twice"
        for number in _twice(one.number for one in config.compartments)
    ]
    found += [
        f"channel {channel} of bank {bank!r} is wired to two compartments"
        for bank, channel in _twice((one.bank, one.channel) for one in config.compartments)
    ]
    for one in config.compartments:
        where = f"[[compartment]] {one.number}"
        if one.bank not in banks:
            found.append(f"{where}: there is no bank {one.bank!r}")
        elif not 1 <= one.channel <= banks[one.bank]:
            found.append(f"{where}: channel {one.channel} is not 1 to {banks[one.bank]}")
        if one.number < 1 or min(one.width_mm, one.height_mm, one.depth_mm, one.max_g) <= 0:
            found.append(f"{where}: number, inner size in mm and max_g are greater than 0")
        if one.top_mm <= one.floor_mm:
            found.append(f"{where}: top_mm is not above floor_mm")
    if not config.compartments:
        found.append("there is no [[compartment]]")
    return found


def _problems_of_key(config: LockerConfig) -> list[str]:
    key = config.service_key
    if key is None:
        return []
    if key.bank not in {bank.name for bank in config.banks}:
        return [f"[service_key] there is no bank {key.bank!r}"]
    if (key.bank, key.channel) in {(one.bank, one.channel) for one in config.compartments}:
        return [f"[service_key] channel {key.channel} of bank {key.bank!r} is a compartment's"]
    return []


def _twice(values: Iterable[T]) -> list[T]:
    return [value for value, times in Counter(values).items() if times > 1]


def _absolute(config: LockerConfig, folder: Path) -> LockerConfig:
    replace = msgspec.structs.replace
    return replace(
        config,
        banks=tuple(
            replace(bank, port=str(folder / bank.port)) if bank.port else bank
            for bank in config.banks
        ),
        scanner=replace(config.scanner, port=str(folder / config.scanner.port)),
        edge=replace(config.edge, state=str(folder / config.edge.state)),
        climate=replace(config.climate, devices=str(folder / config.climate.devices)),
    )
