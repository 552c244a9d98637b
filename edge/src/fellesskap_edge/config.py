"""`locker.toml`: the wiring and geometry of this locker, as frozen values.

Read and checked by `config_check`; used by the daemon, the technician's tool and the simulated
hardware.
"""

from hashlib import sha256
from typing import Any, Literal

import msgspec

from fellesskap_edge.chilled import ClimateTable, ProbeTable
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import PULSE_MS_MAX, SUPPLY_REST_S
from fellesskap_edge.scanners import FAMILIES as SCANNERS
from fellesskap_protocol.capacity import Compartment

OF_FAMILY: Any = None
"""Not in the file: as the family's boards come from the factory."""
NOT_GIVEN = -1
"""Not in the file, and no board has such an address."""
FAMILY_KEYS = ("baud", "channels", "pulse_ms", "closed_bit")
"""What is so by the family where the file does not say it."""
RETRY_MORE_MS = 200
"""A latch that the first pulse did not release gets so much more, up to the cap of all pulses."""
ON_PINS = {"baud": 0, "pulse_ms": 300, "closed_bit": 1}
"""The same where there is no board: only the pulse means something."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class LockerTable(_Table, frozen=True):
    """Which locker this is."""

    id: str
    name: str = ""
    site: str | None = None
    """The site's id: a courier's badge may name it instead of single lockers."""
    idle_poll_s: float = 5.0
    """How often a lock board is asked while no door is in use; seldom saves a battery."""


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
    """One lock board on a serial line, or locks on the pins of the computer itself.

    What is left out is as the family has it; the four keys of pins are for `gpio` alone,
    those of its power for boards that tell of their relays.
    """

    name: str
    family: Literal["8a", "kerong", "waveshare", "waveshare_d", "wkly", "gpio"]
    supply: str
    port: str = ""
    address: int = NOT_GIVEN
    baud: int = OF_FAMILY
    channels: int = OF_FAMILY
    pulse_ms: int = OF_FAMILY
    retry_pulse_ms: int = OF_FAMILY
    """The second and third pulse of an authorisation; left out: 200 ms longer than the first."""
    closed_bit: Literal[0, 1] = OF_FAMILY
    status_order: Literal["high_first", "low_first"] = "high_first"
    item_bit: Literal[0, 1] = 1
    """What an occupancy sensor reads when something lies there."""
    lock_pins: tuple[int, ...] = ()
    """GPIO numbers (BCM); channel n is the n-th."""
    door_pins: tuple[int, ...] = ()
    active_high: bool = True
    closed_level: Literal[0, 1] = 0
    power_pin: int | None = None
    """GPIO number (BCM) of the master enable of its coils' supply, if there is one."""
    power_active_high: bool = True

    def __post_init__(self) -> None:
        usual: dict[str, int] = {"channels": len(self.lock_pins), **ON_PINS}
        if self.family != "gpio":
            usual = {key: getattr(FAMILIES[self.family], key) for key in FAMILY_KEYS}
        for key in FAMILY_KEYS:
            if getattr(self, key) is OF_FAMILY:
                msgspec.structs.force_setattr(self, key, usual[key])
        if self.retry_pulse_ms is OF_FAMILY:
            told = self.family == "gpio" or FAMILIES[self.family].pulse_step_ms
            longer = min(self.pulse_ms + RETRY_MORE_MS, PULSE_MS_MAX) if told else self.pulse_ms
            msgspec.structs.force_setattr(self, "retry_pulse_ms", max(self.pulse_ms, longer))

    @property
    def retrying(self) -> "Bank":
        """The same bank with the pulse of a retry as its pulse."""
        return msgspec.structs.replace(self, pulse_ms=self.retry_pulse_ms)

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
            msgspec.structs.force_setattr(self, "baud", SCANNERS[self.family].baud)


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
