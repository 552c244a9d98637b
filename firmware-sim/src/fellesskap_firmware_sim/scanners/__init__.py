"""Simulated scanners, one file a family; by `family` of `[scanner]`, with the baud of its line."""

from collections.abc import Callable

from fellesskap_firmware_sim.scanner import LineScanner
from fellesskap_firmware_sim.scanners.grow import GrowScanner
from fellesskap_firmware_sim.scanners.honeywell import HoneywellScanner
from fellesskap_firmware_sim.scanners.ssi import SsiScanner

SCANNERS: dict[str, Callable[[int], LineScanner]] = {
    "grow": lambda baud: GrowScanner(baud=baud),
    "honeywell": lambda baud: HoneywellScanner(baud=baud),
    "ssi": lambda baud: SsiScanner(baud=baud),
    "line": lambda baud: LineScanner(baud=baud),
}
