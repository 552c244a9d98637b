"""Examples of sites and lockers for the OpenAPI document."""

from typing import Any

from fellesskap_backend.cut_offs.examples import ALLOCATION

Example = dict[str, Any]
SITE_ID = "01977c1e-5a44-7f4d-8077-8192a3b4c5d6"
POSITION: Example = {"latitude": 59.8965, "longitude": 10.6257}
_SITE: Example = {
    "id": SITE_ID,
    "name": "Fornebu S",
    "address": "Widerøeveien 5, 1360 Fornebu",
    "position": POSITION,
    "distance_m": None,
    "opening_hours": "24/7",
    "lockers": ["fornebu-1"],
}
SITE: Example = {"example": _SITE}
SITES: Example = {"example": {"sites": [_SITE | {"distance_m": 412}], "next": None}}
_SIZE = {"w_mm": 440, "h_mm": 110, "d_mm": 600, "max_g": 20_000, "low": True, "features": []}
_LOCKER: Example = {
    "id": "fornebu-1",
    "site_id": SITE_ID,
    "site_name": "Fornebu S",
    "address": "Widerøeveien 5, 1360 Fornebu",
    "position": POSITION,
    "distance_m": None,
    "opening_hours": "24/7",
    "health": {"contact": "online", "since": None},
    "service": "in_service",
    "features": ["keypad", "low", "scanner", "screen"],
    "languages": ["nb", "nn", "se", "en"],
    "compartments": [_SIZE | {"count": 12}],
    "free": {"S": "6+", "M": "3-5", "L": "1-2", "XL": "0"},
}
LOCKER: Example = {"example": _LOCKER | {"allocation": ALLOCATION}}
LOCKERS: Example = {"example": {"lockers": [_LOCKER | {"distance_m": 412}], "next": "fornebu-1"}}
