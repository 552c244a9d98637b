"""PURE: how long a parcel may lie, as ISO 8601 writes it: `P3D`, `PT36H`, `P1DT12H`."""

import re

_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,3})D)?(?:T(?=.)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})S)?)?"
)
_SECONDS = (86_400, 3_600, 60, 1)


def seconds_of(text: str) -> int:
    """Read a duration of days, hours, minutes and seconds; raise `ValueError`.

    >>> seconds_of("P3D"), seconds_of("P1DT12H")
    (259200, 129600)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("a duration as in ISO 8601: P3D, PT36H, P1DT12H")
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True))


def duration_of(seconds: int) -> str:
    """Write a duration, the largest units first.

    >>> duration_of(259200), duration_of(129600), duration_of(90)
    ('P3D', 'P1DT12H', 'PT1M30S')
    """
    parts = []
    for unit in _SECONDS:
        count, seconds = divmod(seconds, unit)
        parts.append(count)
    days, *rest = parts
    time = "".join(f"{count}{name}" for count, name in zip(rest, "HMS", strict=True) if count)
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time or not days else "")
