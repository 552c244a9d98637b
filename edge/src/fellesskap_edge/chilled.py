"""The probe tables of `locker.toml`: which probe watches which doors, within which limits. Pure.

A compartment that says `chilled` or `frozen` must have a probe: food in a place whose temperature
nobody reads is not offered at all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

SYSFS = "/sys/bus/w1/devices"
"""Where the kernel's w1_therm driver shows its probes (Documentation/w1/slaves/w1_therm.rst)."""
LIMITS_C: dict[str, tuple[float | None, float | None]] = {
    "chilled": (0.0, 6.0),
    "frozen": (None, -18.0),
}
"""Lowest and highest by feature; a [[probe]] may name its own."""
DEVICE = "28-*"
"""DS18B20: family code 28, then the chip's own number."""
PROBE_C = (-55.0, 125.0)
"""What a DS18B20 can say (datasheet, 19-7487)."""
SPAN_C_MIN = 2.0
"""Closer limits leave no room between two warnings."""
ALARM_S_MAX = 86_400.0


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class ClimateTable(_Table, frozen=True):
    """Where probes are read, and how long a limit may be crossed (an open door, a defrost)."""

    devices: str = SYSFS
    alarm_after_s: float = 900.0


class ProbeTable(_Table, frozen=True):
    """One temperature probe: its folder under `devices`, the doors behind which it hangs."""

    device: str
    compartments: tuple[int, ...]
    min_c: float | None = None
    max_c: float | None = None

    def limits(self, features: Mapping[int, tuple[str, ...]]) -> tuple[float | None, float | None]:
        """Return the lowest and highest temperature, its own or those of the features."""
        if self.min_c is not None or self.max_c is not None:
            return self.min_c, self.max_c
        cold = [one for number in self.compartments for one in cold_of(features.get(number, ()))]
        return LIMITS_C[cold[0]] if cold else (None, None)


def cold_of(features: tuple[str, ...]) -> tuple[str, ...]:
    """Return those features that promise a temperature."""
    return tuple(one for one in LIMITS_C if one in features)


def problems(
    climate: ClimateTable,
    probes: Sequence[ProbeTable],
    features: Mapping[int, tuple[str, ...]],
) -> list[str]:
    """Return what is wrong with the probes; `features` by compartment number."""
    found = _problems_of_watch(probes, features)
    for probe in probes:
        where = f"[[probe]] {probe.device!r}"
        if not fnmatchcase(probe.device, DEVICE) or "/" in probe.device:
            found.append(f"{where}: device is the name of a folder 28-… under {climate.devices}")
        if not probe.compartments:
            found.append(f"{where}: compartments names no door")
        found += [
            f"{where}: there is no compartment {number}"
            for number in probe.compartments
            if number not in features
        ]
        found += [f"{where}: {problem}" for problem in _problems_of_limits(probe, features)]
    # Written so that nan is refused too.
    if not 0 <= climate.alarm_after_s <= ALARM_S_MAX:
        found.append(f"[climate] alarm_after_s is not 0 to {ALARM_S_MAX:.0f}")
    return found


def _problems_of_watch(
    probes: Sequence[ProbeTable], features: Mapping[int, tuple[str, ...]]
) -> list[str]:
    watched = Counter(number for probe in probes for number in probe.compartments)
    devices = Counter(probe.device for probe in probes)
    found = [f"[[probe]] {device!r} stands twice" for device, n in devices.items() if n > 1]
    found += [f"compartment {number} has two probes" for number, n in watched.items() if n > 1]
    for number, offered in features.items():
        for cold in cold_of(offered):
            if number not in watched:
                found.append(
                    f"[[compartment]] {number} is {cold} and has no [[probe]]: "
                    f"add one, or take {cold!r} out of its features"
                )
    return found


def _problems_of_limits(probe: ProbeTable, features: Mapping[int, tuple[str, ...]]) -> list[str]:
    lowest, highest = probe.limits(features)
    if lowest is None and highest is None:
        return ["its doors are neither chilled nor frozen: name min_c or max_c"]
    cold = {one for number in probe.compartments for one in cold_of(features.get(number, ()))}
    if len(cold) > 1 and (probe.min_c, probe.max_c) == (None, None):
        return ["its doors are both chilled and frozen: name min_c and max_c, or take two probes"]
    floor, ceiling = PROBE_C
    given = [one for one in (lowest, highest) if one is not None]
    if not all(floor <= one <= ceiling for one in given):
        return [f"min_c and max_c are {floor:.0f} to {ceiling:.0f}, what a DS18B20 can say"]
    if lowest is not None and highest is not None and highest - lowest < SPAN_C_MIN:
        return [f"max_c is less than {SPAN_C_MIN:.0f} degrees above min_c"]
    return []
