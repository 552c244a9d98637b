"""The lockers that `drive_walk` walks: the same five doors on boards of every family.

Three doors hang on bank `a`, two on bank `p`; so does, behind channel 8 of `a`, the key switch of
the service bay. The doors 2 and 3 are cold and share a probe.
"""

from fellesskap_edge.chilled import ClimateTable, ProbeTable
from fellesskap_edge.config import (
    Bank,
    CompartmentTable,
    LockerConfig,
    LockerTable,
    ScannerTable,
    ServiceKeyTable,
)

SMALL, LARGE = (350, 110, 300), (600, 400, 440)
LOW_MM, HIGH_MM = 400, 1300
DOORS = {
    1: ("a", 1, SMALL, HIGH_MM),
    2: ("a", 2, SMALL, LOW_MM),
    3: ("a", 3, LARGE, LOW_MM),
    4: ("p", 1, SMALL, HIGH_MM),
    5: ("p", 2, LARGE, HIGH_MM),
}
BANKS = ("a", "p")
POWER_PIN = 23
KEY = ServiceKeyTable(bank="a", channel=8)
PROBE = "28-000000000001"
COLD = (2, 3)
ALARM_S = 90.0
"""Sooner than a product would want it, so that a walk lives to see it."""


def locker(*banks: Bank) -> LockerConfig:
    """Return the five doors on two banks."""
    return LockerConfig(
        locker=LockerTable(id="walk-1", site="fornebu"),
        banks=banks,
        compartments=tuple(
            CompartmentTable(
                number=number,
                bank=bank,
                channel=channel,
                width_mm=size[0],
                height_mm=size[1],
                depth_mm=size[2],
                floor_mm=floor_mm,
                top_mm=floor_mm + size[1],
                max_g=25_000,
                features=("chilled",) if number in COLD else (),
            )
            for number, (bank, channel, size, floor_mm) in DOORS.items()
        ),
        scanner=ScannerTable(family="grow", port="scanner"),
        service_key=KEY,
        climate=ClimateTable(alarm_after_s=ALARM_S),
        probes=(ProbeTable(device=PROBE, compartments=COLD),),
    )


EIGHT_A = Bank(name="a", family="8a", port="bus", address=1, supply="psu-a")
LOCKERS = {
    "8a and pins": locker(
        EIGHT_A,
        Bank(name="p", family="gpio", supply="psu-p", lock_pins=(17, 27), door_pins=(5, 6)),
    ),
    "two 8a on one line": locker(
        EIGHT_A, Bank(name="p", family="8a", port="bus", address=2, supply="psu-a")
    ),
    "kerong, and relays without inputs": locker(
        Bank(name="a", family="kerong", port="bus", address=0, supply="psu-a"),
        Bank(name="p", family="waveshare", port="relays", address=1, supply="psu-p"),
    ),
    "relays with inputs and wkly on one line": locker(
        Bank(
            name="a",
            family="waveshare_d",
            port="bus",
            address=1,
            supply="psu-a",
            power_pin=POWER_PIN,
        ),
        Bank(name="p", family="wkly", port="bus", address=2, supply="psu-a"),
    ),
}
"""Between them every family; a line each, or one for both; a supply each, or one for both; one
board whose coils have their power by a pin."""
