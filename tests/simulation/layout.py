"""Lockers of a world: their boards, doors and how often their boards are asked."""

import random
from typing import Any

from fellesskap_edge.config import (
    Bank,
    CompartmentTable,
    LockerConfig,
    LockerTable,
    ScannerTable,
)
from fellesskap_edge.locks.gpio import PULSE_S_MAX

SIZES_MM = ((400, 110, 600), (400, 110, 600), (400, 230, 600), (400, 110, 600), (400, 480, 600))
"""S, S, M, S, L, and again."""
FLOORS_MM = (400, 520, 640, 900, 100, 1230)
FAMILIES = ("8a", "8a", "kerong", "waveshare_d", "wkly", "gpio")
LOCK_PINS = (17, 27, 22, 23, 24, 25, 12, 16)
DOOR_PINS = (5, 6, 13, 19, 26, 20, 21, 4)
IDLE_POLLS_S = (600.0,) * 180 + (120.0,) * 16 + (30.0,) * 3 + (5.0,)
"""Most run on a battery: idle polls are what costs a simulated day most, and tells least."""
SHARED_POLL_S = 30.0
"""Often enough that one board is asked while a door of the other is watched."""
DOORS_A_BANK = 8
POWER_PIN = 18


def bank(name: str, family: str, address: int, line: str = "") -> Bank:
    """Return one bank of eight doors, on a line of its own or on another bank's."""
    if family == "gpio":
        return Bank(
            name=name,
            family="gpio",
            supply=f"psu-{name}",
            lock_pins=LOCK_PINS,
            door_pins=DOOR_PINS,
        )
    kind: dict[str, object] = {"family": family, "port": f"bus-{line or name}"}
    return Bank(name=name, address=address, supply=f"psu-{name}", **kind)  # type: ignore[arg-type]


def switched(name: str, address: int) -> Bank:
    """Return a bank of relays on a line of its own, whose power a pin can cut."""
    return Bank(
        name=name,
        family="waveshare_d",
        port=f"bus-{name}",
        address=address,
        supply=f"psu-{name}",
        power_pin=POWER_PIN,
    )


def locker(
    locker_id: str,
    rng: random.Random,
    *,
    shares: bool = False,
    is_small: bool = False,
    is_switched: bool = False,
) -> LockerConfig:
    """Return a locker of three banks, at most one on pins; two of a kind may share a line.

    A small one has the first bank alone; of one that `is_switched` a pin cuts the power of that.
    """
    first = rng.choice(FAMILIES)
    others = [one for one in FAMILIES if one != "gpio"]
    second = rng.choice(others)
    third = second if shares else rng.choice(others)
    banks: tuple[Bank, ...] = (
        switched("a", 1) if is_switched else bank("a", first, 1),
        bank("b", second, 2),
        bank("c", third, 3, line="b" if shares else "c"),
    )
    banks = banks[:1] if is_small else banks
    idle_poll_s = SHARED_POLL_S if shares else rng.choice(IDLE_POLLS_S)
    compartments = []
    for number in range(1, len(banks) * DOORS_A_BANK + 1):
        width, height, depth = SIZES_MM[(number - 1) % len(SIZES_MM)]
        floor = FLOORS_MM[(number - 1) % len(FLOORS_MM)]
        compartments.append(
            CompartmentTable(
                number=number,
                bank=banks[(number - 1) // DOORS_A_BANK].name,
                channel=(number - 1) % DOORS_A_BANK + 1,
                width_mm=width,
                height_mm=height,
                depth_mm=depth,
                floor_mm=floor,
                top_mm=floor + height,
                max_g=20_000,
            )
        )
    return LockerConfig(
        locker=LockerTable(id=locker_id, site="fornebu", idle_poll_s=idle_poll_s),
        banks=banks,
        compartments=tuple(compartments),
        scanner=ScannerTable(family="line", port="scanner", baud=115_200),
    )


def described(config: LockerConfig) -> dict[str, Any]:
    """Return what a history is told of a locker whose doors all have contacts."""
    return {
        "locker": config.locker.id,
        "compartments": tuple(one.geometry for one in config.compartments),
        "coil_s_max": {one.number: PULSE_S_MAX + 0.05 for one in config.compartments},
        "sensors": tuple(one.number for one in config.compartments),
        "supplies": supplies(config),
    }


def supplies(config: LockerConfig) -> dict[int, str]:
    """Return what feeds the lock of each compartment."""
    of_bank = {bank.name: bank.supply for bank in config.banks}
    return {one.number: of_bank[one.bank] for one in config.compartments}
