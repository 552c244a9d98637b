"""The locker of the busy visit: three banks of three families, some doors within reach."""

LOCKER_ID = "fornebu-9"
BANKS = (("a", 14), ("b", 12), ("c", 8))
FLOORS_MM = (400, 600, 800, 1000, 1230, 1450)
REACH_MM = 1000
"""A floor below that is within reach from a wheelchair."""


def toml() -> str:
    """Write the wiring of three banks of three families."""
    parts = [
        f'[locker]\nid = "{LOCKER_ID}"\n\n[edge]\nstate = "state"\n\n[kiosk]\nport = 0\n',
        '[scanner]\nfamily = "grow"\nport = "scanner"\n',
        '[[bank]]\nname = "a"\nfamily = "8a"\nport = "bus-a"\naddress = 1\nsupply = "psu-a"\n',
        '[[bank]]\nname = "b"\nfamily = "kerong"\nport = "bus-b"\naddress = 0\nsupply = "psu-b"\n',
        '[[bank]]\nname = "c"\nfamily = "gpio"\nsupply = "psu-c"\n'
        "lock_pins = [9, 10, 11, 12, 13, 16, 17, 18]\n"
        "door_pins = [19, 20, 21, 22, 23, 24, 25, 26]\n",
    ]
    number = 0
    for bank, doors in BANKS:
        for channel in range(1, doors + 1):
            number += 1
            floor = FLOORS_MM[(number - 1) % 6]
            parts.append(
                f'[[compartment]]\nnumber = {number}\nbank = "{bank}"\nchannel = {channel}\n'
                f"width_mm = 440\nheight_mm = 180\ndepth_mm = 600\nfloor_mm = {floor}\n"
                f"top_mm = {floor + 180}\nmax_g = 20000\n"
            )
    return "\n".join(parts)


LOW = frozenset(number for number in range(1, 35) if FLOORS_MM[(number - 1) % 6] <= REACH_MM)
SUPPLIES = dict(enumerate((name for name, doors in BANKS for _ in range(doors)), 1))
"""The bank of each compartment; each has a supply of its own."""
