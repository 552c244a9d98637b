"""The rules of banks on the computer's own pins: what would open at power-on, or never. Pure.

Written like `config_rules`, which it stands on; called by `config_check`.
"""

from fellesskap_edge.config import NOT_GIVEN, ON_PINS
from fellesskap_edge.config_rules import Once, Problems, Row, Tables, outside
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.toml_lines import Path

GPIO_MAX = 27
PULLED_UP_PINS = frozenset({2, 3})
"""1.8 kOhm to 3.3 V on the board itself (Raspberry Pi schematics): stronger than any pull-down."""
PULSE_MS_MIN, PULSE_MS_MAX = 50, 1000
SAYS_NOTHING = {
    "port": ("",),
    "address": (NOT_GIVEN,),
    "baud": (),
    "closed_bit": (),
    "channels": (),
    "status_order": ("high_first",),
    "item_bit": (1,),
    "power_pin": (),
    "power_active_high": (True,),
}
"""Keys of boards, and what they are where they are left out."""
TWICE = "GPIO {} is used twice: one wire, one pin"


def problems_of_pins(tables: Tables) -> Problems:
    """Check the banks on pins, among themselves and against the others."""
    pins = Once()
    for at, bank in enumerate(tables.banks):
        place: Path = ("bank", at)
        if bank.power_pin is not None:
            yield from _of_power(place, bank)
            if pins.again(bank.power_pin):
                yield (*place, "power_pin"), TWICE.format(bank.power_pin)
        elif bank.power_active_high is False and bank.family != "gpio":
            yield (*place, "power_active_high"), "power_active_high says nothing without power_pin"
        if bank.family != "gpio":
            continue
        for key, left_out in SAYS_NOTHING.items():
            value = getattr(bank, key)
            if value is not None and value not in left_out:
                yield (*place, key), f"{key} says nothing for family 'gpio': take it out"
        yield from _of_one(place, bank)
        for key in ("lock_pins", "door_pins"):
            for nth, pin in enumerate(getattr(bank, key) or ()):
                if pins.again(pin):
                    yield (*place, key, nth), TWICE.format(pin)
        others = [one.supply for one in tables.banks if one is not bank]
        if bank.supply is not None and bank.supply in others:
            yield (
                (*place, "supply"),
                f"supply {bank.supply!r} feeds another bank too: "
                "one coil at a time holds only within one bank of pins",
            )


def _of_power(place: Path, bank: Row) -> Problems:
    """Check the pin that switches the supply of a bank's coils."""
    pin, key = bank.power_pin, (*place, "power_pin")
    if not 0 <= pin <= GPIO_MAX:
        yield key, f"GPIO {pin} is not 0 to {GPIO_MAX}"
    if pin in PULLED_UP_PINS and bank.power_active_high:
        yield key, f"GPIO {pin} is pulled up by the board: the locks have power before the daemon"
    if bank.family in FAMILIES and not FAMILIES[bank.family].relays:
        yield (
            key,
            f"boards of family {bank.family!r} do not tell of their relays: "
            "nothing would ever cut their power; take it out",
        )


def _of_one(place: Path, bank: Row) -> Problems:
    locks, doors = bank.lock_pins, bank.door_pins
    if locks == ():
        yield place, "lock_pins is missing: which GPIO drives which lock?"
    if locks and doors and len(doors) != len(locks):
        yield (*place, "door_pins"), "door_pins has one pin for each of lock_pins, or none at all"
    for key in ("lock_pins", "door_pins"):
        for nth, pin in enumerate(getattr(bank, key) or ()):
            if not 0 <= pin <= GPIO_MAX:
                yield (*place, key, nth), f"GPIO {pin} is not 0 to {GPIO_MAX}"
    for pin in sorted(PULLED_UP_PINS.intersection(locks or ())):
        if bank.active_high:
            yield (
                (*place, "lock_pins"),
                f"GPIO {pin} is pulled up by the board: an active-high lock opens at power-on",
            )
    for pin in sorted(PULLED_UP_PINS.intersection(doors or ())):
        if bank.closed_level == 1:
            yield (
                (*place, "door_pins"),
                f"GPIO {pin} is pulled up by the board: closed_level = 1 needs a pull-down",
            )
    for key in ("pulse_ms", "retry_pulse_ms"):
        ms = getattr(bank, key)
        if outside(ms, PULSE_MS_MIN, PULSE_MS_MAX):
            yield (*place, key), f"{key} {ms} is not {PULSE_MS_MIN} to {PULSE_MS_MAX}"
    pulse_ms, retry_ms = bank.pulse_ms or ON_PINS["pulse_ms"], bank.retry_pulse_ms
    if retry_ms is not None and retry_ms < pulse_ms:
        yield (*place, "retry_pulse_ms"), f"{retry_ms} is shorter than pulse_ms {pulse_ms}"
