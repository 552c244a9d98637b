"""What the kernel's file of a 1-Wire temperature probe says. Pure.

Source: Documentation/w1/slaves/w1_therm.rst of Linux; DS18B20 datasheet. Only `climate` uses this.
"""

import re

ABSURD_C = (-50.0, 60.0)
"""Beyond, no locker stands."""
_W1_SLAVE = re.compile(
    r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)\n(?:[0-9a-f]{2} ){9}t=(-?[0-9]{1,6})\n?"
)
_PLAIN = re.compile(r"-?[0-9]{1,6}\n?")
_ZEROS = "00 " * 9
POWER_ON_MILLI_C = 85_000


def parse(text: str | None) -> float | str:
    """Return degrees Celsius, or in words why it is none.

    Takes `w1_slave` and `temperature` of the kernel's w1_therm. With a bad checksum the first
    repeats the last good value; a line that is held down reads as nine zeros, whose checksum is
    good; 85 is what a DS18B20 says that lost its power before it measured (datasheet, table 1).
    """
    if text is None:
        return "absent"
    if _PLAIN.fullmatch(text):
        milli_c = int(text)
    else:
        found = _W1_SLAVE.fullmatch(text)
        if found is None:
            return "unreadable"
        scratchpad, good, said = found.groups()
        if good == "NO":
            return "bad checksum"
        if scratchpad == _ZEROS:
            return "line held down"
        milli_c = int(said)
    if milli_c == POWER_ON_MILLI_C:
        return "power-on value"
    lowest, highest = ABSURD_C
    return milli_c / 1000 if lowest <= milli_c / 1000 <= highest else f"absurd: {milli_c / 1000} C"
