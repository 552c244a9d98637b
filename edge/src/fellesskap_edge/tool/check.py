"""`fellesskap-edge check`: what would run with this `locker.toml`, as lines for people. Pure."""

from collections import Counter
from collections.abc import Iterator

from fellesskap_edge.config import Bank, LockerConfig
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import Quality
from fellesskap_edge.tool.table import table

QUALITY_OF_PINS: Quality = "from documents"
"""gpiozero's source and mock pins; no pin of ours has moved a lock."""


def summary(config: LockerConfig) -> Iterator[str]:
    """Yield the lines: boards with the quality of their drivers, supplies, scanner, doors."""
    limits = config.limits
    yield f"locker {config.locker.id} {config.locker.name}".rstrip()
    yield ""
    yield from _banks(config)
    yield ""
    yield from _supplies(config)
    yield ""
    yield from _compartments(config)
    yield ""
    yield f"scanner  {config.scanner.family} on {config.scanner.port}, {config.scanner.baud} baud"
    yield f"kiosk    http://127.0.0.1:{config.kiosk.port}/"
    yield f"state    {config.edge.state}"
    raised = " (raised: a standing fault)" if limits.raised else ""
    yield (
        f"limits   one opening from afar in {limits.remote_open_interval_s:g} s, "
        f"{limits.remote_opens_per_10_min} in 10 min{raised}"
    )


def _banks(config: LockerConfig) -> Iterator[str]:
    doors = Counter(one.bank for one in config.compartments)
    head = ("bank", "family", "driver", "line", "address", "baud", "pulse", "closed", "doors")
    yield from table(head, [_row(bank, doors[bank.name]) for bank in config.banks])


def _row(bank: Bank, doors: int) -> tuple[object, ...]:
    of = f"{doors} of {bank.channels}"
    pulse = f"{bank.pulse_ms} ms"
    if bank.family == "gpio":
        line = f"GPIO {' '.join(map(str, bank.lock_pins))}"
        closed = bank.closed_level if bank.door_pins else "-"
        return bank.name, bank.family, QUALITY_OF_PINS, line, "-", "-", pulse, closed, of
    family = FAMILIES[bank.family]
    closed = bank.closed_bit if "closed_bit" in family.options else "-"
    return (
        bank.name,
        bank.family,
        family.quality,
        bank.port,
        bank.address,
        bank.baud,
        pulse,
        closed,
        of,
    )


def _supplies(config: LockerConfig) -> Iterator[str]:
    fed: dict[str, list[str]] = {}
    for bank in config.banks:
        by = "" if bank.power_pin is None else f" (by GPIO {bank.power_pin})"
        fed.setdefault(bank.supply, []).append(f"{bank.name}{by}")
    rows = [(supply, ", ".join(banks)) for supply, banks in fed.items()]
    yield from table(("supply", "feeds, one coil at a time"), rows)


def _compartments(config: LockerConfig) -> Iterator[str]:
    rows = [
        (
            one.number,
            one.bank,
            one.channel,
            f"{one.width_mm} x {one.height_mm} x {one.depth_mm} mm",
            f"{one.floor_mm}-{one.top_mm} mm",
            f"{one.max_g} g",
            " ".join([*one.features, *(["occupancy"] if one.occupancy_sensor else [])]) or "-",
        )
        for one in sorted(config.compartments, key=lambda one: one.number)
    ]
    head = ("compartment", "bank", "channel", "inside", "above ground", "carries", "has")
    yield from table(head, rows)
