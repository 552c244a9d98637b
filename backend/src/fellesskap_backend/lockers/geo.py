"""PURE: places on the sphere: how far apart they are, and which ones a search has to look at.

Latitudes are cut into bands of 0.05 degrees (5.6 km). An index on (band, longitude) then finds
what is near by as many short ranges as the circle has bands, instead of a strip around the globe.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

EARTH_M = 6_371_000
BAND_DEGREES = 0.05
METRES_A_DEGREE = math.pi * EARTH_M / 180
RADIUS_M_MAX = 50_000
"""Nobody walks further for a parcel, and no search looks at more of a country."""


class Point(NamedTuple):
    """A position in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Box:
    """What surely holds a circle: some bands, and in each these longitudes.

    `spans` are one range, or two where the circle lies across the date line.
    """

    bands: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]


def band_of(latitude: float) -> int:
    """Return the band that a latitude lies in.

    >>> band_of(59.9), band_of(-0.01)
    (1198, -1)
    """
    return math.floor(latitude / BAND_DEGREES + 1e-9)


def distance_m(one: Point, other: Point) -> float:
    """Return how far apart two places are, in m along the great circle (haversine)."""
    lat_1, lat_2 = math.radians(one.latitude), math.radians(other.latitude)
    apart = math.radians(other.longitude - one.longitude)
    half = (
        math.sin((lat_2 - lat_1) / 2) ** 2
        + math.cos(lat_1) * math.cos(lat_2) * math.sin(apart / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(math.sqrt(min(half, 1.0)))


def box_around(centre: Point, radius_m: float) -> Box:
    """Return a box that holds everything within a radius.

    >>> box_around(Point(59.9, 10.6), 1_000)
    Box(bands=(1197, 1198), spans=((10.582..., 10.617...),))
    """
    high = radius_m * 1.001 / METRES_A_DEGREE
    south, north = max(centre.latitude - high, -90.0), min(centre.latitude + high, 90.0)
    bands = tuple(range(band_of(south), band_of(north) + 1))
    if north == 90.0 or south == -90.0:  # round a pole every longitude is near
        return Box(bands, ((-180.0, 180.0),))
    # Where the circle is widest: RFC 7946 has no word for it, the spherical law of sines has.
    wide = math.degrees(
        math.asin(min(1.0, math.sin(math.radians(high)) / math.cos(math.radians(centre.latitude))))
    )
    west, east = centre.longitude - wide, centre.longitude + wide
    if west < -180.0:
        return Box(bands, ((-180.0, east), (west + 360.0, 180.0)))
    if east > 180.0:
        return Box(bands, ((west, 180.0), (-180.0, east - 360.0)))
    return Box(bands, ((west, east),))
