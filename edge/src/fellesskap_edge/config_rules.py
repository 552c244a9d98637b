"""The rules that one table of `locker.toml` cannot hold alone, and the range of its values. Pure.

A rule looks at the rows of the file, whose fields are None where they are wrong by themselves, and
yields places and words: one mistake is told once, and hides no other. Used by `config_check`.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from fellesskap_edge.config import FAMILY_KEYS, NOT_GIVEN
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.toml_lines import Path
from fellesskap_protocol.topics import InvalidLockerId, check_locker_id

INTERVAL_S_MAX = 86_400
IDLE_POLL_S_MIN, IDLE_POLL_S_MAX = 5.0, 600.0
"""A heartbeat vouches for 15 min: a board is asked within it."""
PORT_MAX = 65_535
PIN_KEYS = {"lock_pins": (), "door_pins": (), "active_high": True, "closed_level": 0}
"""What is for banks on pins alone, and what it is where it is left out."""
COOLDOWN_S_MAX = 10.0
"""A longer one would outlast the three tries of an authorisation."""
BAUD_MIN, BAUD_MAX = 300, 1_000_000
ITEMS = (*(name for name, family in FAMILIES.items() if family.items), None)
"""Families whose boards tell what lies behind a door; None is one that is not known."""
Problems = Iterator[tuple[Path, str]]


class Row(SimpleNamespace):
    """The fields of one table, by their names in the model; None where the file is wrong."""


@dataclass(frozen=True)
class Tables:
    """The tables of a file as far as they can be read; None or empty where there is none."""

    locker: Row | None = None
    banks: Sequence[Row] = ()
    compartments: Sequence[Row] | None = None
    scanner: Row | None = None
    edge: Row | None = None
    kiosk: Row | None = None
    limits: Row | None = None
    service_key: Row | None = None


class Once:
    """Tells what was seen before; of what is not known it knows nothing."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()

    def again(self, *value: Hashable) -> bool:
        """Say whether this came before, and remember it."""
        known = value in self._seen
        if None not in value:
            self._seen.add(value)
        return known


def outside(value: float | None, least: float, most: float) -> bool:
    """Say whether a value is known and out of range; nan is out of every range."""
    return value is not None and not least <= value <= most


def problems(tables: Tables) -> Problems:
    """Yield everything that is wrong between the tables, and in the range of a value."""
    yield from problems_of_the_whole(tables)
    yield from problems_of_lines(tables)
    yield from problems_of_compartments(tables)
    yield from problems_of_sensors(tables)


def problems_of_the_whole(tables: Tables) -> Problems:
    """Check the tables that stand once."""
    if tables.locker and tables.locker.id is not None:
        try:
            check_locker_id(tables.locker.id)
        except InvalidLockerId as error:
            yield ("locker", "id"), str(error)
    if tables.locker and outside(tables.locker.idle_poll_s, IDLE_POLL_S_MIN, IDLE_POLL_S_MAX):
        yield (
            ("locker", "idle_poll_s"),
            f"idle_poll_s is {IDLE_POLL_S_MIN:g} to {IDLE_POLL_S_MAX:g}",
        )
    if limits := tables.limits:
        if outside(limits.remote_open_interval_s, 0.5, INTERVAL_S_MAX):
            yield (
                ("limits", "remote_open_interval_s"),
                "remote_open_interval_s is at least 0.5 (one coil at a time) and at most "
                f"{INTERVAL_S_MAX}",
            )
        if outside(limits.remote_opens_per_10_min, 0, float("inf")):
            yield ("limits", "remote_opens_per_10_min"), "remote_opens_per_10_min is not negative"
        if outside(limits.lock_cooldown_s, 0.0, COOLDOWN_S_MAX):
            yield ("limits", "lock_cooldown_s"), f"lock_cooldown_s is 0 to {COOLDOWN_S_MAX:g}"
    if tables.kiosk and outside(tables.kiosk.port, 0, PORT_MAX):
        yield ("kiosk", "port"), f"port {tables.kiosk.port} is not 0 to {PORT_MAX}"
    if tables.scanner and outside(tables.scanner.baud or BAUD_MIN, BAUD_MIN, BAUD_MAX):
        yield (
            ("scanner", "baud"),
            f"baud {tables.scanner.baud} is not {BAUD_MIN} to {BAUD_MAX} (0: as when new)",
        )


def problems_of_lines(tables: Tables) -> Problems:
    """Check the boards and the lines they share."""
    names, places = Once(), Once()
    bauds: dict[str, int] = {}
    lines: dict[str, str] = {}
    for at, bank in enumerate(tables.banks):
        place: Path = ("bank", at)
        if names.again(bank.name):
            yield (*place, "name"), f"the name {bank.name!r} stands twice"
        if bank.family == "gpio":
            continue
        yield from _board(place, bank)
        if not bank.port:
            continue
        if bank.address != NOT_GIVEN and places.again(bank.port, bank.address):
            yield (
                (*place, "address"),
                f"address {bank.address} on {bank.port!r} stands twice: "
                "give one board another DIP setting",
            )
        baud = _filled(bank).baud if bank.family else bank.baud
        if baud is not None and bauds.setdefault(bank.port, baud) != baud:
            yield (*place, "baud"), f"the banks on {bank.port!r} differ in baud"
        if bank.supply is not None and lines.setdefault(bank.supply, bank.port) != bank.port:
            yield (
                (*place, "supply"),
                f"supply {bank.supply!r} feeds banks on several lines: "
                "one coil at a time holds only within one",
            )
    if tables.scanner and tables.scanner.port in {bank.port for bank in tables.banks} - {None}:
        yield ("scanner", "port"), f"{tables.scanner.port!r} is the line of a [[bank]]"


def _board(place: Path, bank: Row) -> Problems:
    """Check one board against its family."""
    if bank.port == "":
        yield place, "port is missing: which serial line is it on?"
    if bank.address == NOT_GIVEN:
        yield place, "address is missing: as its DIP switches say"
    for key, left_out in PIN_KEYS.items():
        if getattr(bank, key) not in (None, left_out):
            yield (*place, key), f"{key} says nothing for family {bank.family!r}: take it out"
    if bank.family is not None:
        for key, what in FAMILIES[bank.family].problems(_filled(bank)):
            yield (*place, key), what


def problems_of_compartments(tables: Tables) -> Problems:
    """Check the doors and how they are wired."""
    channels = {bank.name: _channels(bank) for bank in tables.banks}
    banks = {bank.name for bank in tables.banks} | {None}
    numbers, wires = Once(), Once()
    for at, one in enumerate(tables.compartments or ()):
        place: Path = ("compartment", at)
        if numbers.again(one.number):
            yield (*place, "number"), f"number {one.number} stands twice"
        if one.bank not in banks:
            yield (*place, "bank"), f"there is no bank {one.bank!r}"
        elif outside(one.channel, 1, most := channels.get(one.bank, float("inf"))):
            yield (*place, "channel"), f"channel {one.channel} is not 1 to {most}"
        if wires.again(one.bank, one.channel):
            yield (
                (*place, "channel"),
                f"channel {one.channel} of bank {one.bank!r} is wired to two compartments",
            )
        for key in ("number", "width_mm", "height_mm", "depth_mm", "max_g"):
            if outside(getattr(one, key), 1, float("inf")):
                yield (*place, key), f"{key} is greater than 0"
        if None not in (one.floor_mm, one.top_mm) and one.top_mm <= one.floor_mm:
            yield (*place, "top_mm"), f"top_mm {one.top_mm} is not above floor_mm {one.floor_mm}"
    if switch := tables.service_key:
        if switch.bank not in banks:
            yield ("service_key", "bank"), f"there is no bank {switch.bank!r}"
        elif wires.again(switch.bank, switch.channel):
            yield (
                ("service_key", "channel"),
                f"channel {switch.channel} of bank {switch.bank!r} is a compartment's",
            )
    if tables.compartments is not None and not tables.compartments:
        yield ("compartment",), "there is no [[compartment]]"


def problems_of_sensors(tables: Tables) -> Problems:
    """Check that what lies behind a door can be told where the file says so."""
    blind = {bank.name for bank in tables.banks if bank.family not in ITEMS} - {None}
    for at, one in enumerate(tables.compartments or ()):
        if one.occupancy_sensor and one.bank in blind:
            yield (
                ("compartment", at, "occupancy_sensor"),
                f"boards like bank {one.bank!r} tell of no occupancy sensors",
            )


def _channels(bank: Row) -> float:
    """Return how many wires a bank has; without limit if that is not known."""
    if bank.family == "gpio":
        return len(bank.lock_pins) if bank.lock_pins else float("inf")
    return _filled(bank).channels if bank.family else float("inf")


def _filled(bank: Row) -> Row:
    """Return a board of a known family with the family's own where the file says nothing right."""
    family = FAMILIES[bank.family]
    usual = {"address": family.addresses[0], "status_order": "high_first", "item_bit": 1}
    usual |= {key: getattr(family, key) for key in FAMILY_KEYS}
    usual["retry_pulse_ms"] = bank.pulse_ms or family.pulse_ms
    return Row(
        **{
            key: usual.get(key) if at is None or at == NOT_GIVEN else at
            for key, at in vars(bank).items()
        }
    )
