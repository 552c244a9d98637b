"""Barcode scanners, one file a family: what to say to them, and the framer of what they say."""

from fellesskap_edge.scanners.grow import GROW
from fellesskap_edge.scanners.honeywell import HONEYWELL
from fellesskap_edge.scanners.line import LINE
from fellesskap_edge.scanners.ssi import SSI

FAMILIES = {one.name: one for one in (GROW, HONEYWELL, SSI, LINE)}
"""By `family` of `[scanner]` in `locker.toml`."""
