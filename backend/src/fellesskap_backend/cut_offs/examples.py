"""Examples of cut-offs for the OpenAPI document."""

from typing import Any

Example = dict[str, Any]
_DAY: Example = {
    "mode": "batch",
    "date": "2027-03-01",
    "cut_offs": ["2027-03-01T19:00:00Z"],
}
ALLOCATION: Example = {
    **_DAY,
    "next_cut_off": "2027-03-01T19:00:00Z",
    "coming": {"mode": "at_once", "date": "2027-03-02", "cut_offs": []},
}
_LOTS: Example = {
    "date": "2027-02-28",
    "policy": "fair-share v1",
    "key_hash": "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc",
    "key": "e3Ec9eGLbhcPHm6vAXpCnPpqTVlSm2yMRTeWRNJ1O5Y",
}
LOTS: Example = {
    "example": {
        "lots": [_LOTS, _LOTS | {"date": "2027-03-01", "key": None}],
        "next": None,
    }
}
