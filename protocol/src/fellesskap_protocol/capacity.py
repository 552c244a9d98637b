"""Stand-in until the capacity rule is written: geometry only."""

import msgspec


class Compartment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Inner mm and g."""

    number: int
    width_mm: int
    height_mm: int
    depth_mm: int
    floor_mm: int
    top_mm: int
    max_g: int
    features: tuple[str, ...] = ()
    occupancy_sensor: bool = False
